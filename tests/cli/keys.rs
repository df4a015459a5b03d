//! `runbook keys`: whose signature counts, with real OpenSSH where another kind of key is involved.

use crate::reading::json;
use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use snapbox::str;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::rc::Rc;

const BOOK: &str = "steps:\n  - id: hello\n    shell: echo hello > hello.txt\n    effect: change\n";

/// The public key file of another person, in this sandbox's working directory.
fn other_key(sandbox: &Rc<Sandbox>, name: &str) -> String {
    let other = Test::new().args("keys").run();
    let key = fs::read_to_string(other.sandbox.config().join("id_ed25519.pub")).unwrap();
    sandbox.write(name, &key);
    key
}

#[test]
fn a_person_is_trusted_for_runs_approvals_or_both() {
    let me = Test::new().args("keys").run();
    let key = other_key(&me.sandbox, "ana.pub");
    let said = me.then("keys trust ana@example.com ana.pub").stdout(str![[r#"
trusted from now on: ana@example.com for runs: ssh-ed25519 [FINGERPRINT]

"#]]);
    said.run();
    me.then("keys trust ana@example.com ana.pub --role operator")
        .stdout(str![[r#"
nothing to do, trusted already: ana@example.com for runs: ssh-ed25519 [FINGERPRINT]

"#]])
        .run();
    me.then("keys trust ana@example.com ana.pub --role both --valid-after 20260101 --valid-before 209912312359")
        .stdout(str![[r#"
changed: ana@example.com for runs and approvals, from 20260101000000Z, until 20991231235900Z: ssh-ed25519 [FINGERPRINT]

"#]])
        .run();
    let signers = fs::read_to_string(me.sandbox.config().join("allowed_signers")).unwrap();
    let public = key.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let line = format!(
        "ana@example.com namespaces=\"log.v1@runbook,approval.v1@runbook\",valid-after=\"20260101000000Z\",valid-before=\"20991231235900Z\" {public}\n"
    );
    assert!(signers.ends_with(&line), "{signers}");
    assert_eq!(signers.lines().count(), 2);
    me.then("keys show")
        .stdout(str![[r#"
[FINGERPRINT] signs as tester@[HOST]

Give this line to whoever shall trust your logs (OpenSSH allowed_signers):
tester@[HOST] namespaces="log.v1@runbook" [KEY]

Trusted here:
  tester@[HOST] for runs: ssh-ed25519 [FINGERPRINT]
  ana@example.com for runs and approvals, from 20260101000000Z, until 20991231235900Z: ssh-ed25519 [FINGERPRINT]

"#]])
        .run();
    let data = json(me.then("keys"));
    assert_eq!(data["trusted"][1]["roles"], serde_json::json!(["runs", "approvals"]));
    assert_eq!(data["trusted"][1]["valid_before"], "20991231235900Z");
}

#[test]
fn what_cannot_be_trusted_is_refused_in_words() {
    let me = Test::new().args("keys").run();
    other_key(&me.sandbox, "ana.pub");
    me.then("keys trust ana@example.com ana.pub").run();
    me.sandbox.write("broken.pub", "ssh-ed25519 AAAA broken\n");
    fs::copy(me.sandbox.config().join("id_ed25519"), me.sandbox.work().join("private")).unwrap();
    for (args, message) in [
        ("keys trust bo@example.com ana.pub", "is the key of ana@example.com already: one key is one person"),
        ("keys trust bo@example.com broken.pub", "broken.pub is not a key: cut short"),
        (
            "keys trust bo@example.com private",
            "is a private key, which belongs to one person only; give the public half",
        ),
        ("keys trust bo@example.com nowhere.pub", "cannot read nowhere.pub: no such file or directory"),
        ("keys trust * ana.pub", "'*' is not a name like ana@example.com"),
        ("keys trust ana@example.com ana.pub --valid-before soon", "'soon' is not a time like 20261121"),
        ("keys trust ana@example.com ana.pub --valid-after 2027Y --valid-before 20260101", "'2027Y' is not a time"),
        (
            "keys trust ana@example.com ana.pub --valid-after 20270101 --valid-before 20260101",
            "the key would never count",
        ),
        ("keys revoke SHA256:nobody", "no key here has the fingerprint SHA256:nobody; give the file"),
        ("keys use nowhere", "cannot read nowhere"),
    ] {
        let said = me.then(args).code(2).run().stderr;
        assert!(said.starts_with("error: ") && said.contains(message), "{args}: {said}");
    }
}

#[test]
fn a_run_of_another_person_is_complete_once_that_person_is_trusted_for_runs() {
    let ana = Test::book(BOOK).run();
    let me = Test::new().args("keys").run();
    let copy = me.sandbox.work().join(ana.sandbox.run_id());
    copy_dir(&ana.sandbox.runs()[0], &copy);
    fs::copy(ana.sandbox.config().join("id_ed25519.pub"), me.sandbox.work().join("ana.pub")).unwrap();
    let verify = |code: i32| me.then("verify").arg(copy.to_str().unwrap()).code(code).run().stdout;
    assert!(verify(9).contains("is not in the trust store"));
    me.then("keys trust ana@example.com ana.pub --role approver").run();
    assert!(verify(9).contains("is in the trust store but not for namespace log.v1@runbook"));
    me.then("keys trust ana@example.com ana.pub --role both").run();
    assert!(verify(0).contains("by ana@example.com"));
    me.then("keys trust ana@example.com ana.pub --valid-before 20200101").run();
    assert!(verify(9).contains("only before 20200101000000Z"));
    me.then("keys trust ana@example.com ana.pub").run();
    me.then("keys revoke ana.pub").run();
    assert!(verify(9).contains("is revoked: whatever it signed, whenever it was, counts for nothing"));
}

#[test]
fn revoked_keys_of_the_team_count_beside_ones_own() {
    let ran = Test::book(BOOK).run();
    let key = fs::read_to_string(ran.sandbox.config().join("id_ed25519.pub")).unwrap();
    ran.sandbox.write("team_revoked", format!("# lost laptops\n{key}"));
    ran.of_run("verify").run();
    let said = ran.of_run("verify").args("--revoked team_revoked").code(9).run().stdout;
    assert!(said.contains("UNTRUSTED: key SHA256:"), "{said}");
    let said = ran.of_run("verify").args("--revoked nowhere").code(2).run().stderr;
    assert_eq!(said, "error: there is no revocation list nowhere\n");
}

#[test]
fn a_revoked_key_starts_no_run_until_it_is_replaced() {
    let ran = Test::book(BOOK).run();
    fs::remove_file(ran.sandbox.work().join("hello.txt")).unwrap();
    let key = json(ran.then("keys"))["fingerprint"].as_str().unwrap().to_string();
    let said = ran.then("keys revoke").arg(&key).run().stdout;
    assert!(said.contains("of tester@") && said.contains("It signs your runs; before the next one"), "{said}");
    assert!(ran.then("keys revoke").arg(&key).run().stdout.contains("was revoked already"));
    let said = ran.then("run a.yml").code(2).run().stderr;
    assert!(said.contains("nobody would trust what this machine signs: key SHA256:"), "{said}");
    assert!(said.contains("`runbook keys rotate`"), "{said}");
    assert!(!ran.sandbox.exists("hello.txt") && ran.sandbox.runs().len() == 1);
    ran.then("keys rotate").run();
    ran.then("run a.yml").run();
    ran.then("verify").run();
    ran.then("verify").arg(ran.sandbox.runs()[0].to_str().unwrap()).code(9).run();
}

#[test]
fn a_new_key_signs_and_the_old_one_is_good_for_what_it_signed() {
    let ran = Test::book(BOOK).run();
    let said = ran.then("keys rotate").run().stdout;
    assert!(said.contains("is valid for what it signed until now, and its private half is gone"), "{said}");
    ran.of_run("verify").run();
    ran.then("run a.yml").run();
    ran.then("verify").run();
    let said = json(ran.then("keys rotate"));
    assert_eq!(said["replaced"].as_str().map(|s| &s[..7]), Some("SHA256:"));
}

// From here on OpenSSH itself takes part.

fn sh(dir: &Path, script: &str) -> String {
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(dir).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}{err}");
    out.into_owned()
}

/// `ssh-keygen -Y verify` of the newest run, by this user's own trust store and revocation list.
fn openssh_says(sandbox: &Sandbox, name: &str) -> Result<String, String> {
    let config = sandbox.config();
    let list = config.join("revoked_keys");
    let revoked = if list.exists() { format!("-r {}", list.display()) } else { String::new() };
    let script = format!(
        "ssh-keygen -Y verify -f {}/allowed_signers {revoked} -I {name} -n log.v1@runbook -s run.jsonl.sig < run.jsonl",
        config.display(),
    );
    let run = sandbox.runs().pop().unwrap();
    let output = Command::new("bash").args(["-c", &script]).current_dir(run).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// A path on which no ssh-keygen is found.
fn without_openssh(sandbox: &Sandbox) -> String {
    let bin = sandbox.work().join("bin");
    sh(&sandbox.work(), "mkdir -p bin; ln -sf $(command -v setsid) bin/");
    bin.to_str().unwrap().to_string()
}

/// A real agent, gone with the test.
struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(sandbox: &Sandbox) -> Agent {
        let socket = sandbox.work().join("agent.sock");
        let _ = fs::remove_file(&socket);
        let mut agent = Command::new("ssh-agent");
        let process = agent.arg("-D").arg("-a").arg(&socket).stdout(std::process::Stdio::null()).spawn().unwrap();
        wait_for("the agent's socket", || socket.exists());
        Agent { process, socket }
    }

    /// Takes a key; its file is then gone.
    fn takes(&self, sandbox: &Sandbox, key: &str) {
        sh(&sandbox.work(), &format!("SSH_AUTH_SOCK={} ssh-add -q {key}; rm {key}", self.socket.display()));
    }

    fn socket(&self) -> &str {
        self.socket.to_str().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn t53_runs_are_signed_with_key_files_of_every_kind() {
    for (kind, make) in [
        ("ssh-ed25519", "-t ed25519"),
        ("ssh-rsa", "-t rsa -b 2048"),
        ("ecdsa-sha2-nistp256", "-t ecdsa -b 256"),
        ("ecdsa-sha2-nistp384", "-t ecdsa -b 384"),
        ("ecdsa-sha2-nistp521", "-t ecdsa -b 521"),
    ] {
        let test = Test::book(BOOK);
        sh(&test.sandbox.work(), &format!("ssh-keygen -q {make} -N '' -C '' -f key"));
        let used = test.new_args("keys use key").run();
        assert_eq!(json(used.then("keys"))["type"], kind);
        used.then("run a.yml").run();
        let said = used.then("verify").run().stdout;
        assert!(said.starts_with("COMPLETE"), "{kind}: {said}");
        openssh_says(&used.sandbox, "tester@$(hostname)").unwrap_or_else(|e| panic!("{kind}: {e}"));

        // The start can be read as well as the end, and a changed signature is found.
        let run = used.sandbox.runs().pop().unwrap();
        let signature = fs::read_to_string(run.join("run.jsonl.sig")).unwrap();
        let other = used.sandbox.work().join("other");
        sh(&used.sandbox.work(), "printf x | ssh-keygen -q -Y sign -O hashalg=sha256 -n log.v1@runbook -f key > other");
        fs::copy(other, run.join("run.jsonl.sig")).unwrap();
        let said = used.then("verify").code(9).run().stdout;
        assert!(said.contains("TAMPERED: run.jsonl.sig: signature is not valid for these bytes"), "{kind}: {said}");
        fs::write(run.join("run.jsonl.sig"), signature).unwrap();
        used.then("keys use --own").run();
        assert_eq!(json(used.then("keys"))["type"], "ssh-ed25519");
        used.then("verify").run();
    }
}

pub(crate) fn unarmored(text: &str) -> Vec<u8> {
    let encoded: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64.decode(encoded).unwrap()
}

pub(crate) fn armored(blob: &[u8]) -> String {
    let encoded = BASE64.encode(blob);
    let lines: Vec<&str> = encoded.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn a_signature_over_sha1_is_refused() {
    let test = Test::book(BOOK);
    sh(&test.sandbox.work(), "ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f key");
    let used = test.new_args("keys use key").run();
    used.then("run a.yml").run();
    // The same signature, relabelled as what an old OpenSSH made.
    let signature = used.sandbox.runs().pop().unwrap().join("run.jsonl.sig");
    let mut blob = unarmored(&fs::read_to_string(&signature).unwrap());
    let name = b"\0\0\0\x0crsa-sha2-512";
    let at = blob.windows(name.len()).rposition(|window| window == name).unwrap();
    let relabelled = [b"\0\0\0\x07ssh-rsa", &blob[at + name.len()..]].concat();
    blob.truncate(at - 4);
    blob.extend((relabelled.len() as u32).to_be_bytes());
    blob.extend(relabelled);
    fs::write(&signature, armored(&blob)).unwrap();
    let said = used.then("verify").code(9).run().stdout;
    assert!(said.contains("run.jsonl.sig: signature unreadable: signature type ssh-rsa is made over SHA-1"), "{said}");
}

#[test]
#[ignore = "needs ssh-keygen and ssh-agent; tests/run runs it"]
fn a_run_is_signed_through_ssh_agent_and_not_without_it() {
    let test = Test::book(BOOK);
    sh(&test.sandbox.work(), "ssh-keygen -q -t ed25519 -N '' -C ana -f key");
    let agent = Agent::start(&test.sandbox);
    agent.takes(&test.sandbox, "key");

    let said = test.new_args("keys use key.pub").code(2).run();
    let error = "error: cannot sign: the private half of [DIR]/work/key.pub is neither in ssh-agent nor beside it; \
                 run ssh-add or set SSH_AUTH_SOCK\n";
    assert_eq!(said.sandbox.scrub(&said.stderr), error);
    said.then("keys trust ana@example.com key.pub").run();
    let used = said.then("keys use key.pub").env("SSH_AUTH_SOCK", agent.socket()).run();
    assert!(used.stdout.contains("signs as ana@example.com with "), "{}", used.stdout);

    let said = used.then("run a.yml").code(8).run();
    assert_eq!(said.sandbox.scrub(&said.stderr), error);
    assert!(!used.sandbox.exists("hello.txt"), "nothing was started");
    assert!(used.sandbox.runs().is_empty(), "and there is no run that never began");

    used.then("run a.yml").env("SSH_AUTH_SOCK", agent.socket()).run();
    let said = used.then("verify").run().stdout;
    assert!(said.starts_with("COMPLETE") && said.contains("by ana@example.com"), "{said}");
    openssh_says(&used.sandbox, "ana@example.com").unwrap();
    // Its steps cannot ask the agent.
    used.sandbox.write("b.yml", book("steps:\n  - id: env\n    shell: '! env | grep SSH_AUTH_SOCK'\n"));
    used.then("run b.yml").env("SSH_AUTH_SOCK", agent.socket()).run();
}

#[test]
#[ignore = "needs ssh-keygen and ssh-agent; tests/run runs it"]
fn an_agent_that_goes_during_a_run_stops_its_end_and_resume_signs_it() {
    let test = Test::new();
    sh(&test.sandbox.work(), "ssh-keygen -q -t ecdsa -N '' -C ana -f key; cp key kept");
    let agent = Agent::start(&test.sandbox);
    agent.takes(&test.sandbox, "key");
    let body = format!("steps:\n  - id: kill\n    shell: kill {}\n    effect: change\n", agent.process.id());
    test.sandbox.write("a.yml", book(&body));
    let used = test.new_args("keys use key.pub").env("SSH_AUTH_SOCK", agent.socket()).run();
    let said = used.then("run a.yml").env("SSH_AUTH_SOCK", agent.socket()).code(8).run();
    assert!(said.stderr.contains("cannot sign: the private half of"), "{}", said.stderr);
    assert!(used.then("verify").code(9).run().stdout.starts_with("INCOMPLETE"));
    used.of_run("resume").env("SSH_AUTH_SOCK", agent.socket()).code(8).run();
    assert!(used.then("verify").code(9).run().stdout.starts_with("INCOMPLETE"), "the found log is as it was");

    let agent = Agent::start(&used.sandbox);
    agent.takes(&used.sandbox, "kept");
    used.of_run("resume").env("SSH_AUTH_SOCK", agent.socket()).run();
    let said = used.then("verify").run().stdout;
    assert!(said.starts_with("COMPLETE"), "{said}");
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn a_key_that_cannot_be_used_is_refused_with_the_remedy() {
    let test = Test::new();
    let work = test.sandbox.work();
    sh(&work, "ssh-keygen -q -t ed25519 -N secret -f locked; ssh-keygen -q -t ed25519 -N '' -f open; chmod 644 open");
    sh(&work, "ssh-keygen -q -t ed25519 -N '' -f ca; ssh-keygen -q -t ed25519 -N '' -f person");
    sh(&work, "ssh-keygen -q -s ca -I ana -n ana person.pub");
    let me = test.new_args("keys").run();
    for (args, message) in [
        ("keys use locked", "has a passphrase and is not in the agent; run: ssh-add [DIR]/work/locked"),
        ("keys use locked.pub", "has a passphrase and is not in the agent; run: ssh-add [DIR]/work/locked"),
        ("keys use open", "[DIR]/work/open is open to others; run: chmod 600 [DIR]/work/open"),
        ("keys use person-cert.pub", "is a certificate, and certificates are not supported; use the plain key"),
        ("keys trust ana person-cert.pub", "certificates are not supported; trust the plain key"),
    ] {
        let said = me.then(args).code(2).run().stderr;
        let said = me.sandbox.scrub(&said);
        assert!(said.contains(message), "{args}: {said}");
    }
    // Without ssh-keygen nothing can sign; our own key can.
    sh(&work, "chmod 600 open");
    me.then("keys use open").run();
    me.sandbox.write("a.yml", book(BOOK));
    let path = without_openssh(&me.sandbox);
    let said = me.then("run a.yml").env("PATH", &path).code(8).run().stderr;
    assert_eq!(said, "error: cannot sign: ssh-keygen is not installed (Debian: openssh-client)\n");
    me.then("keys rotate").code(2).run();
    me.then("keys use --own").run();
    me.then("run a.yml").run();
    // The file holds another key now.
    me.then("keys use open").run();
    sh(&work, "rm open open.pub; ssh-keygen -q -t ed25519 -N '' -f open");
    let said = me.then("run a.yml").code(2).run().stderr;
    assert!(said.contains("holds another key than when it was chosen; run `runbook keys use` again"), "{said}");
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn a_run_signed_by_another_kind_of_key_needs_ssh_keygen_to_be_checked() {
    let test = Test::book(BOOK);
    sh(&test.sandbox.work(), "ssh-keygen -q -t ecdsa -N '' -f key");
    let used = test.new_args("keys use key").run();
    used.then("run a.yml").run();
    let path = without_openssh(&used.sandbox);
    let said = used.then("verify").env("PATH", &path).code(9).run().stdout;
    assert!(said.starts_with("UNTRUSTED"), "{said}");
    assert!(said.contains("could not be checked: ssh-keygen is not installed (Debian: openssh-client)"), "{said}");
    // Reading it needs nobody.
    used.then("show").env("PATH", &path).run();
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn t52_both_forms_of_revocation_lists_count_here_and_for_openssh() {
    for form in ["text", "krl", "sha256"] {
        let ran = Test::book(BOOK).run();
        let (config, work) = (ran.sandbox.config(), ran.sandbox.work());
        let name = "tester@$(hostname)";
        openssh_says(&ran.sandbox, name).unwrap();
        sh(&work, "ssh-keygen -q -t ecdsa -N '' -f stranger");
        let list = config.join("revoked_keys");
        let make = match form {
            "text" => format!("cp stranger.pub {}", list.display()),
            "krl" => format!("ssh-keygen -q -k -f {} stranger.pub", list.display()),
            _ => format!("echo \"sha256: $(cat stranger.pub)\" > spec; ssh-keygen -q -k -f {} spec", list.display()),
        };
        sh(&work, &make);
        ran.then("verify").run();
        openssh_says(&ran.sandbox, name).unwrap();
        let said = ran.then("keys trust stranger stranger.pub").code(2).run().stderr;
        assert!(said.contains("is revoked and will never be trusted again"), "{form}: {said}");
        ran.then("keys revoke").arg(config.join("id_ed25519.pub").to_str().unwrap()).run();
        assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&list).unwrap().starts_with(b"SSHKRL"), form != "text");
        let said = ran.then("verify").code(9).run().stdout;
        assert!(said.contains("is revoked: whatever it signed"), "{form}: {said}");
        let refused = openssh_says(&ran.sandbox, name).unwrap_err();
        assert!(refused.contains("Could not verify signature"), "{form}: {refused}");
        let left: Vec<_> = fs::read_dir(&config).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{left:?}");
    }
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn t51_openssh_agrees_about_time_limits_that_we_write() {
    let ran = Test::book(BOOK).run();
    let name = "tester@$(hostname)";
    let key = ran.sandbox.config().join("id_ed25519.pub");
    let principal = json(ran.then("keys"))["principal"].as_str().unwrap().to_string();
    for (limits, good) in [
        ("--valid-before 20991231", true),
        ("--valid-before 20200101", false),
        ("--valid-after 20991231", false),
        ("--valid-after 20200101 --valid-before 20991231", true),
    ] {
        ran.then("keys trust").arg(&principal).arg(key.to_str().unwrap()).args(limits).run();
        assert_eq!(openssh_says(&ran.sandbox, name).is_ok(), good, "{limits}");
        ran.of_run("verify").code(if good { 0 } else { 9 }).run();
    }
}
