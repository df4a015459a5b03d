//! One output stream on its way to disk: masked, hashed, stored whole, and remembered as far as somebody wants it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::durable;
use super::forms::hex;
use super::live::{Live, Stream};
use super::mask::{MaskStream, Masker};
use crate::drive::beneath;
use crate::machine::action::{CAPTURE_LIMIT, Captured};

/// Takes the bytes of one stream. Memory is bounded whatever the length of the stream.
pub(super) struct Sink {
    masker: Arc<Masker>,
    masking: MaskStream,
    store: Store,
    secrets_seen: u64,
}

/// Sees every stored piece.
pub(super) type Observer = Box<dyn FnMut(&[u8]) + Send>;

/// What a stream came to.
pub(super) struct Stored {
    pub(super) captured: Captured,
    /// How many secrets were replaced in it.
    pub(super) secrets_seen: u64,
}

impl Sink {
    /// `name` is the file inside the run directory `dir`; it comes to be with the first byte. Without one nothing is
    /// stored. `capture` keeps the text.
    pub(super) fn new(
        dir: &std::path::Path,
        name: Option<String>,
        stream: Stream,
        capture: bool,
        masker: Arc<Masker>,
        live: Arc<Live>,
    ) -> Sink {
        let store = Store {
            dir: dir.to_owned(),
            path: name.as_ref().map(|name| dir.join(name)),
            name: name.unwrap_or_default(),
            stream,
            file: None,
            hash: Sha256::new(),
            bytes: 0,
            text: capture.then(Vec::new),
            live,
            observer: None,
        };
        Sink { masker, masking: MaskStream::default(), store, secrets_seen: 0 }
    }

    /// Every piece is shown to `observer` after masking.
    pub(super) fn observed(mut self, observer: Observer) -> Sink {
        self.store.observer = Some(observer);
        self
    }

    /// Store a piece. After an error the stream is lost: the attempt must end.
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut result = Ok(());
        let store = &mut self.store;
        self.secrets_seen += self.masking.push(&self.masker, piece, |part| {
            if result.is_ok() {
                result = store.append(part);
            }
        });
        result
    }

    /// The stream has ended: make it durable and say what it was.
    pub(super) fn finish(mut self) -> io::Result<Stored> {
        self.flush()?;
        Ok(Stored { captured: self.store.finish()?, secrets_seen: self.secrets_seen })
    }

    /// The stream has ended, and nobody will ask for it after a power cut.
    pub(super) fn close(mut self) -> io::Result<()> {
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        let store = &mut self.store;
        self.secrets_seen += self.masking.finish(&self.masker, |part| {
            if result.is_ok() {
                result = store.append(part);
            }
        });
        result
    }
}

struct Store {
    dir: PathBuf,
    path: Option<PathBuf>,
    name: String,
    stream: Stream,
    file: Option<File>,
    hash: Sha256,
    bytes: u64,
    text: Option<Vec<u8>>,
    live: Arc<Live>,
    observer: Option<Observer>,
}

impl Store {
    fn append(&mut self, part: &[u8]) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        self.store(part)?;
        self.hash.update(part);
        self.bytes += part.len() as u64;
        if self.bytes > CAPTURE_LIMIT {
            self.text = None;
        }
        if let Some(text) = &mut self.text {
            text.extend_from_slice(part);
        }
        self.live.saw(self.stream, part);
        if let Some(observer) = &mut self.observer {
            observer(part);
        }
        Ok(())
    }

    fn store(&mut self, part: &[u8]) -> io::Result<()> {
        if self.path.is_none() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
                none.insert(beneath::open_in(&self.dir, &self.name, flags, 0o600)?)
            }
        };
        // No half piece: the file ends where its hash ends.
        file.write_all(part).inspect_err(|_| drop(file.set_len(self.bytes)))
    }

    fn finish(self) -> io::Result<Captured> {
        if let (Some(file), Some(path)) = (&self.file, &self.path) {
            file.sync_data()?;
            // The record that names the file is worth nothing if the name is lost.
            durable::sync_dir(path)?;
        }
        Ok(Captured {
            file: if self.bytes > 0 { self.name } else { String::new() },
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
            text: self.text.and_then(|bytes| String::from_utf8(bytes).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::AttemptId;
    use super::*;

    fn sink(dir: &std::path::Path, secrets: &[&str]) -> Sink {
        let live = Live::new(AttemptId { path: "a".to_owned(), attempt: 1 }, String::new()).unwrap();
        let masker = Masker::exactly(secrets);
        Sink::new(dir, Some("0001.stdout".to_owned()), Stream::Stdout, true, Arc::new(masker), Arc::new(live))
    }

    #[test]
    fn no_output_makes_no_file_and_has_the_hash_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let stored = sink(dir.path(), &[]).finish().unwrap().captured;
        assert_eq!((stored.file.as_str(), stored.bytes, stored.text.as_deref()), ("", 0, Some("")));
        assert!(stored.sha256.starts_with("e3b0c44298fc1c14"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_secret_split_over_two_pieces_never_reaches_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = sink(dir.path(), &["swordfish"]);
        sink.write(b"pw: sword").unwrap();
        sink.write(b"fish!").unwrap();
        let stored = sink.finish().unwrap();
        assert_eq!(stored.secrets_seen, 1);
        assert_eq!(stored.captured.text.as_deref(), Some("pw: ***!"));
        assert_eq!(std::fs::read(dir.path().join("0001.stdout")).unwrap(), b"pw: ***!");
        assert_eq!(stored.captured.sha256, hex(&Sha256::digest(b"pw: ***!")));
    }

    #[test]
    fn a_full_disk_is_an_error_not_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = sink(dir.path(), &[]);
        sink.store.file = Some(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(sink.write(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_file_that_is_already_there_is_never_written_again() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("0001.stdout"), "evidence").unwrap();
        assert_eq!(sink(dir.path(), &[]).write(b"x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn text_beyond_the_capture_limit_or_not_utf8_is_not_captured_but_stored() {
        let dir = tempfile::tempdir().unwrap();
        let mut long = sink(dir.path(), &[]);
        long.write(&vec![b'x'; CAPTURE_LIMIT as usize]).unwrap();
        long.write(b"x").unwrap();
        let long = long.finish().unwrap().captured;
        assert_eq!((long.bytes, long.text), (CAPTURE_LIMIT + 1, None));

        let dir = tempfile::tempdir().unwrap();
        let mut binary = sink(dir.path(), &[]);
        binary.write(&[0xff, 0xfe]).unwrap();
        assert_eq!(binary.finish().unwrap().captured.text, None);
    }
}
