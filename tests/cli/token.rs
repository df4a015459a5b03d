//! A FIDO security key, as far as OpenSSH can tell: an agent that holds one, with a person who touches it.

use crate::keys::{armored, unarmored};
use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use runbook::log::{SecretKey, Sha256Sum, Signer as _};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const KIND: &[u8] = b"sk-ssh-ed25519@openssh.com";
const APPLICATION: &[u8] = b"ssh:runbook";

/// The agent of draft-miller-ssh-agent, with this one key.
struct Token {
    socket: PathBuf,
    touches: Arc<AtomicUsize>,
}

impl Token {
    fn plug_in(sandbox: &Sandbox) -> Token {
        let socket = sandbox.work().join("token.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let touches = Arc::new(AtomicUsize::new(0));
        let counted = touches.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), &counted);
            }
        });
        sandbox.write("token.pub", format!("{} {} token\n", String::from_utf8_lossy(KIND), BASE64.encode(blob())));
        Token { socket, touches }
    }

    fn touched(&self) -> usize {
        self.touches.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: UnixStream, touches: &AtomicUsize) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut request)?;
        let reply = match request[0] {
            // SSH_AGENTC_REQUEST_IDENTITIES
            11 => [&[12, 0, 0, 0, 1][..], &strings(&[&blob(), b"token"])].concat(),
            // SSH_AGENTC_SIGN_REQUEST: a key and what to sign
            13 => {
                let key = 1 + 4 + blob().len();
                let length = u32::from_be_bytes(request[key..key + 4].try_into().unwrap()) as usize;
                touches.fetch_add(1, Ordering::SeqCst);
                [&[14][..], &strings(&[&sign(&request[key + 4..key + 4 + length])])].concat()
            }
            _ => vec![5],
        };
        stream.write_all(&strings(&[&reply]))?;
    }
}

fn secret() -> SecretKey {
    SecretKey::from_seed(&[4; 32])
}

fn blob() -> Vec<u8> {
    // The plain key's blob ends with the 32 bytes of the key.
    let plain = BASE64.decode(secret().public_key().to_line().split(' ').nth(1).unwrap()).unwrap();
    strings(&[KIND, &plain[plain.len() - 32..], APPLICATION])
}

/// A security key signs the sum of the application, that it was touched, a counter, and the sum of what is to be signed.
fn sign(data: &[u8]) -> Vec<u8> {
    let state = [1, 0, 0, 0, 7];
    let (application, data) = (Sha256Sum::of(APPLICATION).0, Sha256Sum::of(data).0);
    let signature = secret().sign_bytes(&[&application[..], &state, &data].concat());
    [&strings(&[KIND, &signature])[..], &state].concat()
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat()).collect()
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn t53_a_run_is_signed_with_a_security_key_and_says_when_to_touch_it() {
    let test = Test::book("steps:\n  - id: hello\n    shell: echo hello\n    effect: change\n");
    let token = Token::plug_in(&test.sandbox);
    let socket = token.socket.to_str().unwrap();
    let used = test.new_args("keys use token.pub").env("SSH_AUTH_SOCK", socket).run();
    assert_eq!(used.sandbox.scrub(&used.stderr), "touch the security key [FINGERPRINT] to sign\n");
    assert_eq!(token.touched(), 1);
    let ran = used.then("run a.yml").env("SSH_AUTH_SOCK", socket).run();
    assert_eq!(ran.stderr.matches("touch the security key SHA256:").count(), 3, "{}", ran.stderr);
    assert_eq!(token.touched(), 4);
    let said = ran.then("verify").run().stdout;
    assert!(said.starts_with("COMPLETE"), "{said}");

    let run = ran.sandbox.runs().pop().unwrap();
    let signers = ran.sandbox.config().join("allowed_signers");
    let verify = format!(
        "ssh-keygen -Y verify -f {} -I tester@$(hostname) -n log.v1@runbook -s run.jsonl.sig < run.jsonl",
        signers.display()
    );
    assert!(Command::new("bash").args(["-c", &verify]).current_dir(&run).status().unwrap().success());

    // Another counter than was signed.
    let path = run.join("run.jsonl.sig");
    let mut blob = unarmored(&fs::read_to_string(&path).unwrap());
    *blob.last_mut().unwrap() ^= 1;
    fs::write(&path, armored(&blob)).unwrap();
    let said = ran.then("verify").code(9).run().stdout;
    assert!(said.contains("TAMPERED: run.jsonl.sig: signature is not valid for these bytes"), "{said}");
}
