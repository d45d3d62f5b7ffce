//! Where exported lines go: a file, or standard output.
//!
//! Invariant: a file appears under its name only when it is whole.

use super::Error;
use std::{
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

/// Where lines go.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct To {
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl To {
    /// Hands `write` where to write, and ends it well.
    ///
    /// # Errors
    /// It can't be written, or `write` failed.
    pub(super) async fn write(
        &self,
        write: impl AsyncFnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(path) = &self.output else {
            let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
            write(&mut out).await?;
            return flushed(&mut out);
        };
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let failed = |error: io::Error| Error(format!("{}: {error}", path.display()));
        let mut out = BufWriter::new(fs::File::create(&part).map_err(failed)?);
        let written = write(&mut out).await.and_then(|()| flushed(&mut out));
        if let Err(error) = written {
            // What is left of it helps nobody.
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        fs::rename(&part, path).map_err(failed)
    }
}

fn flushed(out: &mut impl Write) -> Result<(), Error> {
    out.flush().map_err(|error| unwritten(&error))
}

/// Whoever reads may have had enough: that is said without words.
pub(super) fn unwritten(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Error::default();
    }
    Error(format!("the lines can't be written: {error}"))
}
