//! Files inside a directory, opened so that nothing in the name leads out of it: no `..`, no symbolic link anywhere.

use std::fs::File;
use std::io;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// How directories on the way are opened: only to go on from, and never through a link.
const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens `name` inside the directory `dir`, which may not be a symbolic link itself.
///
/// # Errors
/// Also when the name leads out, or through a link.
pub(crate) fn open_in(dir: &Path, name: &str, flags: OFlags, mode: u32) -> io::Result<File> {
    let root = openat(CWD, dir, THROUGH, Mode::empty())?;
    open(&File::from(root), name, flags, mode)
}

/// The same for a directory that is open.
///
/// # Errors
/// Also when the name leads out, or through a link.
pub(crate) fn open(root: &File, name: &str, flags: OFlags, mode: u32) -> io::Result<File> {
    // The system lets `a/..` through, which stays inside; no name we make or read needs it.
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(leads_out());
    }
    let (flags, mode) = (flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::from_raw_mode(mode));
    let Some((dir, last)) = name.rsplit_once('/') else { return Ok(openat(root, name, flags, mode)?.into()) };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let dir = match openat2(root, dir, THROUGH, Mode::empty(), resolve) {
        // Older kernels and some sandboxes do not know it; another process renamed something meanwhile.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::AGAIN) => {
            return step_by_step(root, name, flags, mode);
        }
        opened => opened?,
    };
    // One name in a directory that is open, and no link, leads nowhere else.
    Ok(openat(&dir, last, flags, mode)?.into())
}

/// One component at a time, none of them a link.
fn step_by_step(root: &File, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
    let mut dir = root.try_clone()?;
    let mut parts = Path::new(name).components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(part) = part else {
            return Err(leads_out());
        };
        let (flags, mode) = match parts.peek() {
            Some(_) => (THROUGH, Mode::empty()),
            None => (flags, mode),
        };
        dir = File::from(openat(&dir, part, flags, mode)?);
    }
    Ok(dir)
}

fn leads_out() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name leads out of its directory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_name_and_no_link_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        for made in [&root, &root.join("out"), &outside] {
            std::fs::create_dir(made).unwrap();
        }
        std::fs::write(outside.join("secret"), "x").unwrap();
        std::fs::write(root.join("out/fine"), "x").unwrap();
        symlink(&outside, root.join("link")).unwrap();
        symlink("../../outside/secret", root.join("out/leak")).unwrap();
        symlink("fine", root.join("out/inner")).unwrap();
        symlink(&root, dir.path().join("root_link")).unwrap();
        let open_root = File::open(&root).unwrap();
        let read = OFlags::RDONLY | OFlags::NONBLOCK;
        assert!(open_in(&root, "out/fine", read, 0).is_ok());
        assert!(step_by_step(&open_root, "out/fine", read, Mode::empty()).is_ok());
        for name in [
            "../outside/secret",
            "out/../../outside/secret",
            "link/secret",
            "out/leak",
            "out/inner",
            "/etc/passwd",
            "out/..",
        ] {
            assert!(open_in(&root, name, read, 0).is_err(), "{name}");
            assert!(step_by_step(&open_root, name, read | OFlags::NOFOLLOW, Mode::empty()).is_err(), "{name}");
        }
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        assert!(open_in(&root, "link/new", new, 0o600).is_err() && !outside.join("new").exists());
        assert!(open_in(&root, "out/new", new, 0o600).is_ok() && open_in(&root, "out/new", new, 0o600).is_err());
        assert!(open_in(&dir.path().join("root_link"), "out/fine", read, 0).is_err());
    }
}
