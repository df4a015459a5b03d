//! Replacing files so that after a crash there is the old content or the new, never half of it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::forms::hex;

/// Who may do what with a file, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) mode: u32,
    /// User and group; none is whoever creates it.
    pub(super) owner: Option<(u32, u32)>,
}

impl Rights {
    /// For this user's eyes only.
    pub(super) const PRIVATE: Rights = Rights { mode: 0o600, owner: None };
}

/// Put `content`, whose SHA-256 is known, in the place of `path`. The content is durable before the rename; the
/// directory is the caller's to sync, because from the rename on something has changed.
pub(super) fn replace(path: &Path, content: &mut dyn Read, sha256: &str, rights: Rights) -> io::Result<()> {
    let temporary = temporary(path);
    let result = write(&temporary, content, sha256, rights).and_then(|()| std::fs::rename(&temporary, path));
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// Make a rename or removal in the directory of `path` durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// SHA-256 of everything a reader gives, hex.
pub(super) fn sha256_of(content: &mut dyn Read) -> io::Result<String> {
    copy_hashed(content, &mut io::sink())
}

/// Beside the file, so that the rename stays within one file system; hidden, so that `conf.d/*.conf` does not match it.
fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".runbook-tmp");
    path.with_file_name(name)
}

fn write(path: &Path, content: &mut dyn Read, sha256: &str, rights: Rights) -> io::Result<()> {
    match std::fs::remove_file(path) {
        // Left by a crash.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if copy_hashed(content, &mut file)? != sha256 {
        return Err(io::Error::other("the content changed while it was being read"));
    }
    if let Some((user, group)) = rights.owner {
        fchown(&file, Some(user), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(rights.mode))?;
    file.sync_all()
}

fn copy_hashed(from: &mut dyn Read, to: &mut dyn io::Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => {
                hash.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
