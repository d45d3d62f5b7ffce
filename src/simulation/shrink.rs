//! Makes a failing run short: leaves out steps as long as the same invariant breaks.

use super::run::{Options, Report, run};
use std::collections::BTreeSet;

/// The fewest steps that this finds, by leaving out ever smaller parts, and how their run went.
/// `tried` hears of each attempt. `None` when the run holds.
///
/// # Errors
/// As [`run`].
pub(crate) fn shrink(
    options: &Options,
    mut tried: impl FnMut(usize),
) -> std::io::Result<Option<(Vec<u64>, Report)>> {
    let first = run(options)?;
    let Some(broken) = first.violation.as_ref().map(|found| found.invariant) else {
        return Ok(None);
    };
    let (mut steps, mut report) = (first.steps.clone(), first);
    let mut parts = 2_usize;
    while steps.len() > 1 {
        let size = steps.len().div_ceil(parts).max(1);
        let mut shorter = None;
        for start in (0..steps.len()).step_by(size) {
            let kept = steps.iter().enumerate();
            let kept = kept.filter(|(at, _)| !(start..start + size).contains(at));
            let kept: BTreeSet<u64> = kept.map(|(_, step)| *step).collect();
            let attempt = run(&Options { only: Some(kept), ..options.clone() })?;
            tried(attempt.steps.len());
            if attempt.violation.as_ref().is_some_and(|found| found.invariant == broken) {
                shorter = Some(attempt);
                break;
            }
        }
        match shorter {
            Some(attempt) => {
                steps.clone_from(&attempt.steps);
                report = attempt;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(steps.len()),
        }
    }
    Ok(Some((steps, report)))
}
