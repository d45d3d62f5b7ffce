//! How fast the disk lets the log be; run by name with `--ignored --nocapture` in a release build.

use super::*;
use crate::journal::conformance::fill;
use std::time::Instant;

#[test]
#[ignore = "a measurement, not a test"]
fn appends_and_scans_per_second() {
    let folder = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or(".".into())).unwrap();
    for kilobytes in [1, 4, 64, 400] {
        let folder = folder.path().join(kilobytes.to_string());
        let mut log =
            FileLog::open(&folder, SEGMENT_BYTES, Position(0), &mut |_| Ok(())).unwrap().0;
        let payload = vec![b'x'; 200];
        let entries: Vec<&[u8]> = vec![&payload; kilobytes * 1024 / 256];
        let begin = Instant::now();
        let (mut batches, mut worst_us) = (0u32, 0);
        let limit = if kilobytes == 400 { 1500 } else { 5000 };
        while batches < limit {
            let (bytes, next) = fill(&log.tail(), &entries);
            let one = Instant::now();
            log.append(&bytes, next).unwrap();
            worst_us = worst_us.max(one.elapsed().as_micros());
            batches += 1;
        }
        let rate = f64::from(batches) / begin.elapsed().as_secs_f64();
        println!("{kilobytes} KB: {rate:.0} appends/s, the slowest {worst_us} us");
        let bytes = log.tail().next.0;
        drop(log);
        for _ in 0..2 {
            let begin = Instant::now();
            let mut entries = 0;
            inspect(&folder, Position(0), &mut |batch| {
                entries += batch.entries;
                Ok(())
            })
            .unwrap();
            let seconds = begin.elapsed().as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
            let rate = bytes as f64 / seconds / 1e9;
            println!("  scanned {bytes} bytes, {entries} entries: {rate:.2} GB/s");
        }
    }
}
