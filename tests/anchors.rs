//! The commands of docs/log.md, "Checking it without this program" and "Anchors", as they stand there: with real syslog, OpenSSH, OpenSSL and coreutils.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RUNBOOK: &str = env!("CARGO_BIN_EXE_runbook");
const BOOK: &str = "runbook: v1\nname: book\nsteps: [{ id: one, shell: echo one }, { id: two, shell: echo two }]\n";

/// Two people with homes of their own and one working directory.
struct Lab {
    dir: tempfile::TempDir,
    /// What the commands know beside their person.
    env: Vec<(&'static str, String)>,
}

impl Lab {
    fn new() -> Lab {
        let lab = Lab { dir: tempfile::tempdir().unwrap(), env: vec![("RUNBOOK_SYSLOG", "off".into())] };
        fs::write(lab.path("a.yml"), BOOK).unwrap();
        for (reader, signer, role) in [("alice", "bob", "approval"), ("bob", "alice", "log")] {
            for who in [reader, signer] {
                fs::create_dir_all(lab.path(who)).unwrap();
                lab.good(who, "runbook keys");
            }
            let key = fs::read_to_string(lab.path(signer).join(".config/runbook/id_ed25519.pub")).unwrap();
            let words: Vec<&str> = key.split_whitespace().collect();
            let line = format!("{} namespaces=\"{role}.v1@runbook\" {} {}\n", words[2], words[0], words[1]);
            let store = lab.path(reader).join(".config/runbook/allowed_signers");
            fs::write(&store, fs::read_to_string(&store).unwrap() + &line).unwrap();
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.env.push((name, value.into()));
    }

    /// Runs a script as one of the two; its exit code and what it printed.
    fn sh(&self, who: &str, script: &str) -> (i32, String) {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin", Path::new(RUNBOOK).parent().unwrap().display());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.path(who)).env("USER", who).env("PATH", path).envs(self.env.iter().cloned());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    #[track_caller]
    fn good(&self, who: &str, script: &str) -> String {
        let (code, said) = self.sh(who, script);
        assert_eq!(code, 0, "{who}$ {script}\n{said}");
        said
    }

    #[track_caller]
    fn convicts(&self, script: &str, message: &str) {
        let (code, said) = self.sh("alice", script);
        assert_eq!(code, 9, "{script}\n{said}");
        assert!(said.contains(message), "expected {message:?} from {script}:\n{said}");
    }

    /// A finished run of alice; `RUN` and `RUN_DIR` name it from now on.
    fn run(&mut self) {
        self.good("alice", "runbook run a.yml --no-input");
        let runs = self.path("alice/.local/state/runbook/runs");
        let dir = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
        self.set("RUN", dir.file_name().unwrap().to_str().unwrap());
        self.set("RUN_DIR", dir.to_str().unwrap());
    }

    /// Every command of a part of the documentation, in order; what each printed.
    #[track_caller]
    fn documented(&self, part: &str) -> Vec<String> {
        let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/log.md")).unwrap();
        let start = docs.find(&format!("# {part}\n")).unwrap_or_else(|| panic!("no part {part}"));
        let text = docs[start..].split("\n##").next().unwrap();
        let commands =
            text.lines().filter_map(|line| line.split_once("$ ").filter(|(who, _)| ["alice", "bob"].contains(who)));
        let said: Vec<String> = commands.map(|(who, script)| self.good(who, script)).collect();
        assert!(!said.is_empty());
        said
    }

    /// What an attacker does who can write to the run directory and to nothing else but the memory.
    fn cut_tail(&self) {
        self.good("alice", "rm -r ~/.local/state/runbook/heads; rm -f $RUN_DIR/run.jsonl.sig");
        self.good("alice", "head -n -4 $RUN_DIR/run.jsonl > cut; cat cut > $RUN_DIR/run.jsonl");
    }
}

/// A program that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs ssh-keygen, jq and coreutils; tests/run runs it"]
fn a_finished_log_is_checked_with_openssh_jq_and_coreutils_alone() {
    let mut lab = Lab::new();
    lab.run();
    let said = lab.documented("Checking it without this program");
    assert!(said[0].starts_with("Good \"log.v1@runbook\" signature for alice@"), "{said:?}");
    assert_eq!(said[1], "inputs/a.yml: OK\n");
    assert_eq!(said[2], "out/0001.stdout: OK\nout/0002.stdout: OK\n");
    assert_eq!(said[3], "plan.json: OK\n");
    let link: Vec<&str> = said[4].split_whitespace().filter(|word| word.len() == 64).collect();
    assert!(link.len() == 2 && link[0] == link[1], "{said:?}");
    assert!(said[6].starts_with("Good \"log.v1@runbook\" signature for alice@"), "{said:?}");
    assert!(said[9].starts_with("Good \"log.v1@runbook\" signature for session"), "{said:?}");
    // The same commands refuse what was changed.
    lab.good("alice", "sed -i 's/\"attempt\":1/\"attempt\":2/' $RUN_DIR/run.jsonl");
    let verify = "ssh-keygen -Y verify -f ~/.config/runbook/allowed_signers -I alice@$(uname -n) -n log.v1@runbook \
                  -s $RUN_DIR/run.jsonl.sig < $RUN_DIR/run.jsonl";
    let (code, said) = lab.sh("alice", verify);
    assert!(code != 0 && said.contains("incorrect signature"), "{said}");
}

#[test]
#[ignore = "needs rsyslogd; tests/run runs it"]
fn t58_a_real_syslog_keeps_the_heads_of_a_run() {
    let mut lab = Lab::new();
    let (socket, file, config) = (lab.path("log"), lab.path("syslog"), lab.path("rsyslog.conf"));
    let text = format!(
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{}\")\n*.* action(type=\"omfile\" file=\"{}\")\n",
        socket.display(),
        file.display()
    );
    fs::write(&config, text).unwrap();
    let mut rsyslogd = Command::new("/usr/sbin/rsyslogd");
    rsyslogd.arg("-n").arg("-f").arg(&config).arg("-i").arg(lab.path("pid"));
    let daemon = Daemon(rsyslogd.stderr(Stdio::null()).spawn().unwrap());
    wait_until(|| socket.exists());
    lab.set("RUNBOOK_SYSLOG", socket.to_str().unwrap());
    lab.set("SYSLOG", file.to_str().unwrap());
    lab.run();
    let seals = lab.good("alice", "jq -c 'select(.type==\"seal\")' $RUN_DIR/run.jsonl | wc -l").trim().parse().unwrap();
    let heads = || fs::read_to_string(&file).unwrap_or_default().lines().filter(|l| l.contains(" runbook[")).count();
    wait_until(|| heads() == seals);
    drop(daemon);
    let said = lab.documented("Syslog");
    assert!(said[0].contains(&format!("NOTE: {seals} of {seals} head(s) of - are in this log")), "{said:?}");
    lab.cut_tail();
    lab.convicts("runbook verify $RUN --heads $SYSLOG", "TAMPERED: the tail was cut: ");
}

#[test]
#[ignore = "needs ssh-keygen, jq and coreutils; tests/run runs it"]
fn a_countersignature_is_checked_with_openssh_alone() {
    let mut lab = Lab::new();
    lab.run();
    let said = lab.documented("A second person");
    assert!(said[0].contains("countersigned by bob@"), "{said:?}");
    assert!(said[1].contains("NOTE: countersigned by bob@") && said[1].contains(": saw it happen"), "{said:?}");
    assert!(said[4].starts_with("Good \"approval.v1@runbook\" signature for bob@"), "{said:?}");
    let sums: Vec<&str> = said[5].split_whitespace().collect();
    assert_eq!((sums.len(), sums[0]), (3, sums[2]), "{said:?}");
    let said = lab.documented("Anything else");
    assert!(said[1].contains("NOTE: 1 of 1 head(s) of heads are in this log"), "{said:?}");
    // OpenSSH refuses an edited one, and so do we.
    lab.good("alice", "sed -i s/happen/crash/ $RUN.bob $RUN_DIR/countersignatures/*");
    lab.good("alice", "! sed '/^-----BEGIN/,$d' $RUN.bob | ssh-keygen -Y verify -f ~/.config/runbook/allowed_signers -I bob@$(uname -n) -n approval.v1@runbook -s bob.sig");
    lab.convicts("runbook verify $RUN", ".bob: signature is not valid for these bytes");
    // What bob signs with OpenSSH alone, with its own choice of hash, counts as well.
    lab.good("alice", "rm $RUN_DIR/countersignatures/*");
    lab.good("bob", "sed '/^-----BEGIN/,$d' $RUN.bob > s; ssh-keygen -q -Y sign -f ~/.config/runbook/id_ed25519 -n approval.v1@runbook s; cat s s.sig > by-hand");
    assert!(lab.good("alice", "runbook verify $RUN --heads by-hand").contains(": saw it crash"));
    lab.cut_tail();
    lab.convicts("runbook verify $RUN --heads by-hand", "TAMPERED: the tail was cut: the countersignature of bob@");
}

#[test]
#[ignore = "needs openssl, jq and coreutils; tests/run runs it"]
fn t68_an_attestation_is_checked_with_openssl_alone() {
    let mut lab = Lab::new();
    lab.run();
    let said = lab.documented("An attestation");
    assert!(said[1].contains("NOTE: attested as COMPLETE by alice@"), "{said:?}");
    assert_eq!(said[3], "run.jsonl: OK\nplan.json: OK\ninputs/a.yml: OK\n");
    assert_eq!(said[7], "Signature Verified Successfully\n");
    lab.good("alice", "sed -i s/COMPLETE/TAMPERED/ pae; ! openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in pae -sigfile sig");
    lab.cut_tail();
    lab.convicts(
        "runbook verify $RUN --attestation run.intoto.json",
        "TAMPERED: run.jsonl is not what run.intoto.json attests",
    );
}

#[test]
#[ignore = "needs openssl; tests/run runs it"]
fn t58_a_time_stamp_is_asked_for_kept_and_checked() {
    let mut lab = Lab::new();
    lab.run();
    let url = time_stamp_authority(&lab);
    lab.set("TSA", &url);
    let said = lab.documented("A time stamp");
    assert!(said[0].starts_with("stamped ") && said[0].contains(" GMT in "), "{said:?}");
    assert!(said[1].starts_with("COMPLETE") && said[1].contains(" GMT, says its time stamp"), "{said:?}");
    assert!(said[2].contains("Verification: OK"), "{said:?}");
    let (code, again) = lab.sh("alice", "runbook timestamp $RUN --tsa $TSA");
    assert!(code == 2 && again.contains("the earlier time stamp is the better one"), "{again}");

    // An authority nobody trusts, a token of another file, no token at all.
    lab.good(
        "alice",
        "openssl req -x509 -newkey ed25519 -nodes -keyout other.key -out other.pem -subj /CN=other -days 2 2>&1",
    );
    lab.convicts(
        "runbook verify $RUN --tsa-ca other.pem",
        "UNTRUSTED: run.jsonl.tsr: no authority of other.pem made it",
    );
    lab.good("alice", "cp $RUN_DIR/run.jsonl.tsr good; openssl ts -query -data a.yml -sha256 -cert -out q; openssl ts -reply -config tsa.cnf -queryfile q -out $RUN_DIR/run.jsonl.tsr 2>&1");
    lab.convicts(
        "runbook verify $RUN --tsa-ca tsa-ca.pem",
        "TAMPERED: run.jsonl.tsr: it is the time stamp of another file",
    );
    lab.good("alice", "echo rubbish > $RUN_DIR/run.jsonl.tsr");
    lab.convicts("runbook verify $RUN --tsa-ca tsa-ca.pem", "TAMPERED: run.jsonl.tsr: it is no good time stamp");
    lab.good("alice", "cp good $RUN_DIR/run.jsonl.tsr; printf x >> $RUN_DIR/run.jsonl");
    lab.convicts("runbook verify $RUN --tsa-ca tsa-ca.pem", "or the log was altered after it");

    // An authority that refuses leaves nothing behind.
    lab.good("alice", "truncate -s -1 $RUN_DIR/run.jsonl; rm $RUN_DIR/run.jsonl.tsr");
    let (code, said) = lab.sh("alice", &format!("runbook timestamp $RUN --tsa {url}/refuse"));
    assert!(code == 2 && said.contains("the authority gave no time stamp: Rejected"), "{said}");
    lab.good("alice", "test ! -e $RUN_DIR/run.jsonl.tsr; runbook verify $RUN");
}

/// A certificate authority, a time stamp key under it, and a server that answers each query; its address.
fn time_stamp_authority(lab: &Lab) -> String {
    fs::write(lab.path("tsa.cnf"), TSA_CONFIG).unwrap();
    lab.good(
        "alice",
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out tsa-ca.pem -subj /CN=ca -days 2 2>&1
         openssl req -new -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa 2>&1
         openssl x509 -req -in tsa.csr -CA tsa-ca.pem -CAkey ca.key -set_serial 2 -days 2 -out tsa.pem -extfile tsa.cnf -extensions stamping 2>&1
         echo 01 > serial",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, dir) = (format!("http://{}", listener.local_addr().unwrap()), lab.dir.path().to_path_buf());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (head, query) = read_request(&mut stream);
            assert!(head.contains("application/timestamp-query"), "{head}");
            fs::write(dir.join("asked"), query).unwrap();
            // A policy the authority does not know makes it refuse.
            let policy: &[&str] = if head.contains("/refuse") { &["-section", "strict"] } else { &[] };
            let mut reply = Command::new("openssl");
            reply.args(["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "asked", "-out", "answer"]).args(policy);
            assert!(reply.current_dir(&dir).stderr(Stdio::null()).status().unwrap().success());
            let answer = fs::read(dir.join("answer")).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len()).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    url
}

fn read_request(stream: &mut std::net::TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let count = stream.read(&mut block).unwrap();
        bytes.extend(&block[..count]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

#[track_caller]
fn wait_until(holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(20), "it never happened");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const TSA_CONFIG: &str = "
[ tsa ]
default_tsa = authority
[ authority ]
serial = serial
signer_cert = tsa.pem
certs = tsa-ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
[ strict ]
serial = serial
signer_cert = tsa.pem
certs = tsa-ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha512
accuracy = secs:1
[ stamping ]
extendedKeyUsage = critical,timeStamping
";
