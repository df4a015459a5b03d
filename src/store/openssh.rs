//! `ssh-keygen -Y`: signs with keys in files, agents and security keys, and checks signatures that are not Ed25519.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::log::{CheckError, Message, PublicKey, Sha256Sum, SignError, SignatureChecker, Signer, SshSig};

use super::{files, keys};

const PROGRAM: &str = "ssh-keygen";
/// A person may have to find and touch a security key; a program that needs longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(5);

/// A key that `ssh-keygen` reaches: a private key file, or a public one whose other half is in an agent or a security
/// key.
#[derive(Debug, Clone)]
pub struct OpenSshSigner {
    path: PathBuf,
    public: PublicKey,
    say: fn(&str),
}

impl OpenSshSigner {
    /// The signer for the key file at `path`, whose public half is `public`. `say` tells a person to touch a security key.
    pub fn new(path: &Path, public: PublicKey, say: fn(&str)) -> OpenSshSigner {
        OpenSshSigner { path: path.to_path_buf(), public, say }
    }

    /// What `ssh-keygen` said, in terms of what a person can do about it.
    fn explain(&self, said: &str) -> SignError {
        let path = self.path.display();
        let private = if self.is_public() { self.path.with_extension("") } else { self.path.clone() };
        let private = private.display();
        let why = if said.contains("incorrect passphrase") {
            format!("the key {path} has a passphrase and is not in the agent; run: ssh-add {private}")
        } else if said.contains("too open") {
            format!("{private} is open to others; run: chmod 600 {private}")
        } else if said.contains("No private key found") || said.contains("No such file") {
            format!(
                "the private half of {path} is neither in ssh-agent nor beside it; run ssh-add or set SSH_AUTH_SOCK"
            )
        } else if said.contains("agent refused") {
            format!("the agent refused to sign with {path}")
        } else {
            format!("ssh-keygen could not use {path}: {said}")
        };
        SignError(why)
    }

    fn is_public(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "pub")
    }
}

impl Signer for OpenSshSigner {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, message: &Message<'_>) -> Result<SshSig, SignError> {
        let bytes = message.bytes().ok_or_else(|| SignError("ssh-keygen wants the whole message".to_string()))?;
        if self.public.is_security_key() {
            (self.say)(&format!("touch the security key {} to sign\n", self.public.fingerprint()));
        }
        let mut command = Command::new(PROGRAM);
        command.args(["-q", "-Y", "sign", "-O", "hashalg=sha256", "-n", message.namespace, "-f"]).arg(&self.path);
        let output = run(command, bytes).map_err(SignError)?;
        if !output.status.success() {
            return Err(self.explain(&last_words(&output)));
        }
        let armor = String::from_utf8_lossy(&output.stdout);
        let sig = SshSig::parse(&armor).map_err(|e| SignError(format!("ssh-keygen made no usable signature: {e}")))?;
        if sig.key != self.public {
            let (is, wanted) = (sig.key.fingerprint(), self.public.fingerprint());
            return Err(SignError(format!("ssh-keygen signed with {is} instead of {wanted}")));
        }
        let checked = match self.public.kind() {
            "ssh-ed25519" => sig.verify_sum(message.namespace, &message.sum).map_err(|e| e.to_string()),
            _ => OpenSsh.check(&armor, message.namespace, bytes).map_err(|e| e.to_string()),
        };
        checked.map(|()| sig).map_err(|e| SignError(format!("the new signature does not hold: {e}")))
    }

    fn wants_bytes(&self) -> bool {
        true
    }
}

/// A signer over a log of which the beginning is in a file already.
pub(crate) struct OverFile<'a> {
    pub(crate) signer: &'a dyn Signer,
    pub(crate) path: &'a Path,
}

impl Signer for OverFile<'_> {
    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, message: &Message<'_>) -> Result<SshSig, SignError> {
        if !self.signer.wants_bytes() || message.bytes().is_some() {
            return self.signer.sign(message);
        }
        let unreadable = |why: String| SignError(format!("cannot read the log again: {why}"));
        let file = files::read_file(self.path).map_err(|e| unreadable(e.to_string()))?;
        let mut bytes = file.ok_or_else(|| unreadable(format!("{} is missing", self.path.display())))?;
        bytes.extend(message.tail);
        if Sha256Sum::of(&bytes) != message.sum {
            return Err(SignError(format!("{} is not what was written to it", self.path.display())));
        }
        self.signer.sign(&Message { length: bytes.len() as u64, tail: &bytes, ..*message })
    }
}

/// Checks signatures with `ssh-keygen -Y check-novalidate`: whether a signature is good, not whose it is.
#[derive(Debug, Clone, Copy)]
pub struct OpenSsh;

impl SignatureChecker for OpenSsh {
    fn check(&self, armor: &str, namespace: &str, message: &[u8]) -> Result<(), CheckError> {
        let file = SignatureFile::new(armor).map_err(CheckError::Unchecked)?;
        let mut command = Command::new(PROGRAM);
        command.args(["-q", "-Y", "check-novalidate", "-n", namespace, "-s"]).arg(&file.0);
        let output = run(command, message).map_err(CheckError::Unchecked)?;
        if output.status.success() {
            return Ok(());
        }
        let said = last_words(&output);
        Err(if said.contains("incorrect signature") {
            CheckError::Bad("signature is not valid for these bytes".to_string())
        } else {
            CheckError::Bad(format!("signature is not valid: {said}"))
        })
    }
}

/// A binary revocation list (KRL) with one more key in it, made by `ssh-keygen -k -u`.
///
/// # Errors
/// When `ssh-keygen` is missing or refuses.
pub(crate) fn add_to_krl(list: &Path, public_key_file: &Path) -> Result<(), String> {
    let mut command = Command::new(PROGRAM);
    command.args(["-q", "-k", "-u", "-f"]).arg(list).arg(public_key_file);
    let output = run(command, b"")?;
    if output.status.success() { Ok(()) } else { Err(last_words(&output)) }
}

/// A signature on its way to `ssh-keygen`, gone afterwards.
struct SignatureFile(PathBuf);

impl SignatureFile {
    fn new(armor: &str) -> Result<SignatureFile, String> {
        let mut name = [0; 12];
        keys::random(&mut name).map_err(|e| e.to_string())?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("runbook-{name}.sig"));
        files::create_file(&path, armor.as_bytes(), 0o600).map_err(|e| e.to_string())?;
        Ok(SignatureFile(path))
    }
}

impl Drop for SignatureFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs the program on some bytes. A passphrase or PIN is asked for by `ssh-askpass` or not at all: this terminal has a
/// run's screen on it.
fn run(mut command: Command, input: &[u8]) -> Result<Output, String> {
    if std::env::var_os("SSH_ASKPASS_REQUIRE").is_none() {
        command.env("SSH_ASKPASS_REQUIRE", "force");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "ssh-keygen is not installed (Debian: openssh-client)".to_string(),
        _ => format!("cannot start ssh-keygen: {}", super::plain(&error)),
    })?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that refuses early does not read it all.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        wait(child)
    })
}

fn wait(mut child: Child) -> Result<Output, String> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            // What it says fits into a pipe.
            Ok(Some(_)) => return child.wait_with_output().map_err(|e| super::plain(&e)),
            Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("ssh-keygen gave no answer in {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("cannot wait for ssh-keygen: {}", super::plain(&error))),
        }
    }
}

/// Its complaint in one line, without what a terminal would obey.
fn last_words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<String> = said.lines().map(|line| line.trim().escape_debug().to_string()).collect();
    let said = lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    if said.is_empty() { format!("{}", output.status) } else { said }
}
