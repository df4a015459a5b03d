//! Where the values of secrets come from: variables, files that are private, descriptors, programs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use super::secret_command::{self, SecretCommand};

/// The longest value of a secret: environment variables hold hardly more, and all forms of it are kept in memory.
pub(super) const LONGEST: usize = 64 * 1024;

/// How long a descriptor may take to give all of its value.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the value of a secret comes from.
pub enum SecretSource {
    /// This environment variable of the tool itself.
    Env(String),
    /// The content of this file, without one final newline. Only its owner may read it.
    File(PathBuf),
    /// What a pipe or file gives that the tool was started with; read once and closed.
    Fd(u32),
    /// What this program prints, without one final newline.
    Command(SecretCommand),
    /// A value that was already asked for.
    Value(String),
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "Env({name})"),
            SecretSource::File(path) => write!(f, "File({})", path.display()),
            SecretSource::Fd(number) => write!(f, "Fd({number})"),
            SecretSource::Command(command) => write!(f, "Command({:?})", command.argv.first()),
            SecretSource::Value(_) => f.write_str("Value(***)"),
        }
    }
}

/// The value, or in words why there is none.
pub(super) fn value_of(source: SecretSource) -> Result<Vec<u8>, String> {
    let mut bytes = match source {
        SecretSource::Value(value) => return checked(value.into_bytes()),
        SecretSource::Env(name) => {
            let value = std::env::var_os(&name).ok_or_else(|| format!("environment variable {name} is not set"))?;
            return checked(OsString::into_vec(value));
        }
        SecretSource::File(path) => of_file(&path).map_err(|why| format!("{} {why}", path.display()))?,
        SecretSource::Fd(number) => of_descriptor(number).map_err(|why| format!("file descriptor {number} {why}"))?,
        SecretSource::Command(command) => secret_command::run(&command)?,
    };
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    checked(bytes)
}

fn checked(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.len() > LONGEST {
        return Err(format!("it is longer than {} KiB", LONGEST >> 10));
    }
    if bytes.contains(&0) {
        return Err(
            "it contains a NUL byte, which no environment variable can; encode it, for example with base64".into()
        );
    }
    Ok(bytes)
}

fn of_file(path: &Path) -> Result<Vec<u8>, String> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read by this user".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let real = std::fs::canonicalize(path).map_err(broken)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Mounted secrets are links within their directory; a link out of it is somebody's idea of another file.
    if !real.starts_with(std::fs::canonicalize(dir).map_err(broken)?) {
        return Err(format!("is a link out of its directory, to {}; name that file itself", real.display()));
    }
    // What is checked is what was opened: the name may mean something else by now. A pipe must not make us wait.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&real).map_err(broken)?;
    let found = file.metadata().map_err(broken)?;
    if !found.is_file() {
        return Err("is no regular file: a device, pipe or directory holds no secret that can be read again".into());
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me && found.uid() != 0 {
        return Err(format!("belongs to user {}, who can change it; it must belong to you or to root", found.uid()));
    }
    if found.mode() & 0o077 != 0 {
        return Err(format!(
            "may be read by others: its mode is {:04o}; make it private with `chmod 600 {}`",
            found.mode() & 0o7777,
            path.display()
        ));
    }
    read_all(file).map_err(broken)
}

/// At most one byte more than is allowed.
pub(super) fn read_all(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn of_descriptor(number: u32) -> Result<Vec<u8>, String> {
    if !given().contains(&number) {
        return Err(format!("was not given to this program; start it with `{number}< <(...)` or `{number}<FILE`"));
    }
    let read = read_descriptor(number);
    // No step may inherit it, whatever became of reading it.
    close_given(number).map_err(|error| format!("cannot be closed: {error}"))?;
    read
}

/// Close a descriptor that the tool was started with; one it opened itself is left alone.
///
/// # Errors
/// What the system says.
pub fn close_given(number: u32) -> io::Result<()> {
    match i32::try_from(number) {
        Ok(descriptor) if given().remove(&number) => nix::unistd::close(descriptor).map_err(io::Error::from),
        _ => Ok(()),
    }
}

/// Descriptors this program was started with and has not closed.
static GIVEN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn given() -> MutexGuard<'static, BTreeSet<u32>> {
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes which descriptors beyond the standard ones this program was started with. The first thing to be done: everything
/// the program opens itself is closed on exec, so what is not came from outside.
pub fn note_given() {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    *given() = numbers.filter(|number| *number > 2 && is_kept_on_exec(*number)).collect();
}

fn is_kept_on_exec(number: u32) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlags::CLOEXEC.bits() == 0)
}

fn read_descriptor(number: u32) -> Result<Vec<u8>, String> {
    let broken = |error: io::Error| format!("cannot be read: {error}");
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(format!("/proc/self/fd/{number}"));
    let mut file: File = opened.map_err(broken)?;
    let kind = file.metadata().map_err(broken)?.file_type();
    if kind.is_file() {
        return read_all(file).map_err(broken);
    }
    if !kind.is_fifo() {
        return Err("is neither a pipe nor a file".into());
    }
    let give_up = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while bytes.len() <= LONGEST {
        match file.read(&mut part) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = give_up.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(format!("was not closed by its writer within {}s", PATIENCE.as_secs()));
                }
                let left = Timespec::try_from(left).ok();
                let _ = poll(&mut [PollFd::new(&file, PollFlags::IN)], left.as_ref());
            }
            Err(error) => return Err(broken(error)),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn file(dir: &Path, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn why(path: PathBuf) -> String {
        value_of(SecretSource::File(path)).unwrap_err()
    }

    #[test]
    fn a_file_gives_its_content_without_the_final_newline() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            let path = file(dir.path(), &format!("{mode:o}"), "line one\nline two\n", mode);
            assert_eq!(value_of(SecretSource::File(path)), Ok(b"line one\nline two".to_vec()));
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o640, 0o604] {
            let why = why(file(dir.path(), "token", "x", mode));
            assert!(why.contains(&format!("its mode is {mode:04o}")) && why.contains("chmod 600"), "{why}");
        }
    }

    #[test]
    fn only_regular_files_within_their_directory_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        file(dir.path(), "outside", "value-outside", 0o600);
        file(&inner, "..data", "value-inside", 0o600);
        symlink("..data", inner.join("token")).unwrap();
        symlink("../outside", inner.join("out")).unwrap();
        assert_eq!(value_of(SecretSource::File(inner.join("token"))), Ok(b"value-inside".to_vec()));
        assert!(why(inner.join("out")).contains("is a link out of its directory"));
        assert!(why(inner.join("nothing")).contains("does not exist"));
        assert!(why(inner).contains("no regular file"));
        assert!(why("/dev/null".into()).contains("no regular file"));
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(why(pipe).contains("no regular file"));
    }

    #[test]
    fn a_value_that_is_too_long_or_has_a_nul_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(why(file(dir.path(), "long", &"x".repeat(LONGEST + 1), 0o600)).contains("longer than 64 KiB"));
        assert!(why(file(dir.path(), "nul", "a\0b", 0o600)).contains("NUL"));
    }

    #[test]
    fn a_descriptor_of_this_program_itself_is_not_touched() {
        use std::os::fd::AsRawFd as _;
        let own = File::open("/dev/null").unwrap();
        let number = own.as_raw_fd() as u32;
        assert!(value_of(SecretSource::Fd(number)).unwrap_err().contains("was not given to this program"));
        close_given(number).unwrap();
        assert!(own.metadata().is_ok());
    }
}
