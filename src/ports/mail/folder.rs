//! Letters as files that any mail program opens, for a shop without a mail server.
//!
//! Invariant: a file is whole as soon as it has its name, and the same letter always has the same
//! one. It survives the process at once; power loss can take the last seconds' files along.

use super::{Error, Letter, Mail, Mailbox, format};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// A folder of letters.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    from: Mailbox,
}

impl Folder {
    /// Letters into `path`, made if it is missing; only its owner may read them.
    ///
    /// # Errors
    /// It can't be made.
    pub fn open(path: &Path, from: Mailbox) -> io::Result<Folder> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Folder { path: path.to_owned(), from })
    }

    fn write(&self, letter: &Letter) -> Result<(), Error> {
        let bytes = format::message(letter, &self.from)?.formatted();
        let name = format::message_id(letter, &self.from).replace('/', "_");
        let (unfinished, whole) =
            (self.path.join(format!(".{name}.part")), self.path.join(format!("{name}.eml")));
        let write = || {
            let mut options = fs::OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&unfinished)?.write_all(&bytes)?;
            fs::rename(&unfinished, &whole)
        };
        write().map_err(|error| Error::Unreachable(format!("{}: {error}", whole.display())))
    }
}

impl Mail for Folder {
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Error>> {
        ready(self.write(letter)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::contract, *};

    fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
        let read = |item: io::Result<fs::DirEntry>| {
            let path = item.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
        };
        fs::read_dir(path).unwrap().map(read).collect()
    }

    #[tokio::test]
    async fn a_folder_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let mail = Folder::open(&folder.path().join("mail"), contract::shop()).unwrap();
        let arrived = || files(&mail.path).into_iter().map(|(_, bytes)| bytes).collect();
        contract::suite(&mail, &arrived).await;
    }

    #[tokio::test]
    async fn the_same_letter_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let mail = Folder::open(folder.path(), contract::shop()).unwrap();
        let letter = contract::letter("confirmation.ord_1");
        mail.send(&letter).await.unwrap();
        mail.send(&letter).await.unwrap();
        mail.send(&Letter { id: "../escape".to_owned(), ..letter }).await.unwrap();
        let mut names: Vec<String> =
            files(folder.path()).into_iter().map(|(name, _)| name).collect();
        names.sort();
        let expected =
            [".._escape@shop.example.com.eml", "confirmation.ord_1@shop.example.com.eml"];
        assert_eq!(names, expected);
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_out_of_reach() {
        let folder = tempfile::tempdir().unwrap();
        let mail = Folder::open(&folder.path().join("mail"), contract::shop()).unwrap();
        fs::remove_dir(&mail.path).unwrap();
        let sent = mail.send(&contract::letter("x")).await;
        assert!(matches!(sent, Err(Error::Unreachable(_))), "{sent:?}");
    }
}
