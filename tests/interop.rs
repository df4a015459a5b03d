//! A log can be checked without this program: with OpenSSH, jq, head and sha256sum.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use runbook::log::{NAMESPACE, RecordType, RunStart, SecretKey, Sha256Sum, Signer as _, SshSig, TrustStore, Verdict};
use runbook::store::{Durability, Home, Journal, RunClock, RunDir, keys, verify_dir};
use serde_json::json;

/// Runs a script in `dir` and returns what it printed; fails the test with its errors when it fails.
#[track_caller]
fn sh(dir: &Path, script: &str) -> String {
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(dir).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}{err}");
    out.into_owned()
}

/// A finished run with one step, made by `key` for alice.
fn finished(home: &Home, key: SecretKey) -> PathBuf {
    let clock = RunClock::start();
    let dir = RunDir::create(home, RunDir::new_id().unwrap(), b"{}", &[]).unwrap();
    let plan_sha256 = Sha256Sum::of(b"{}");
    let (run, operator) = (dir.run(), "alice@example.com");
    let start = RunStart { run, operator, host: "build1", plan_sha256, prev_run: None, extra: Default::default() };
    let mut journal = Journal::create(&dir, Box::new(key), start, &clock.now()).unwrap();
    let output = "grün\u{9b}31m\n";
    fs::write(dir.path().join("out/0001.stdout"), output).unwrap();
    let sha256 = Sha256Sum::of(output.as_bytes()).to_string();
    let stdout = json!({"file": "out/0001.stdout", "bytes": output.len(), "sha256": sha256});
    for (kind, payload) in [
        (RecordType::StepStart, json!({"step": "a"})),
        (RecordType::StepEnd, json!({"step": "a", "exit": 0, "stdout": stdout, "text": output})),
        (RecordType::RunEnd, json!({"status": "succeeded"})),
    ] {
        let payload = payload.as_object().unwrap().clone();
        journal.commit(&[(kind, payload)], Durability::Sync, &clock.now()).unwrap();
    }
    journal.finish().unwrap();
    dir.path().to_path_buf()
}

#[test]
#[ignore = "needs ssh-keygen, jq and coreutils; tests/run runs it"]
fn standard_tools_accept_a_finished_log_and_refuse_a_changed_one() {
    let tmp = tempfile::tempdir().unwrap();
    let home = Home::at(&tmp.path().join("s"), &tmp.path().join("c"));
    let key = SecretKey::from_seed(&[9; 32]);
    let signers = tmp.path().join("allowed_signers");
    let line = format!("alice@example.com namespaces=\"{NAMESPACE}\" {}\n", key.public_key().to_line());
    fs::write(&signers, &line).unwrap();
    let dir = finished(&home, key);
    let verify = format!("ssh-keygen -Y verify -f {} -I alice@example.com -n {NAMESPACE}", signers.display());

    let said = sh(&dir, &format!("{verify} -s run.jsonl.sig < run.jsonl"));
    assert!(said.starts_with(&format!("Good \"{NAMESPACE}\" signature for alice@example.com")), "{said}");

    let said = sh(&dir, r#"jq -r 'select(.type=="step.end").stdout|"\(.sha256)  \(.file)"' run.jsonl | sha256sum -c"#);
    assert_eq!(said, "out/0001.stdout: OK\n");

    // The first seal alone, as after a crash.
    sh(
        &dir,
        &format!(
            "jq -rj 'select(.seq==1).sig' run.jsonl > ../s; head -c $(jq 'select(.seq==1).bytes' run.jsonl) run.jsonl | {verify} -s ../s"
        ),
    );
    // The second seal, by the session key that the verified first record announces.
    sh(&dir, &format!(
        "echo \"session namespaces=\\\"{NAMESPACE}\\\" $(jq -r 'select(.seq==0).session_key' run.jsonl)\" > ../as
         jq -rj 'select(.seq==3).sig' run.jsonl > ../s
         head -c $(jq 'select(.seq==3).bytes' run.jsonl) run.jsonl | ssh-keygen -Y verify -f ../as -I session -n {NAMESPACE} -s ../s"
    ));
    // One link by hand.
    let links = sh(&dir, "sed -n 3p run.jsonl | sha256sum | cut -d' ' -f1; sed -n 4p run.jsonl | jq -r .prev");
    let (sum, prev) = links.trim().split_once('\n').unwrap();
    assert_eq!(sum, prev);

    let changed = format!("! sed 's/\"exit\":0/\"exit\":1/' run.jsonl | {verify} -s run.jsonl.sig 2>&1");
    let said = sh(&dir, &changed);
    assert!(said.contains("incorrect signature"), "{said}");
    assert_eq!(verify_dir(&dir, &TrustStore::parse(&line).unwrap(), &[]).unwrap().verdict, Verdict::Complete);
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn keys_and_signatures_pass_between_openssh_and_us() {
    let tmp = tempfile::tempdir().unwrap();
    // Theirs to us: a key, and signatures with both hashes.
    sh(tmp.path(), "ssh-keygen -q -t ed25519 -N '' -C 'me and my blank' -f theirs; printf message > m");
    let key = SecretKey::from_openssh(&fs::read_to_string(tmp.path().join("theirs")).unwrap()).unwrap();
    let public = fs::read_to_string(tmp.path().join("theirs.pub")).unwrap();
    assert!(public.starts_with(&key.public_key().to_line()));
    for hash in ["sha256", "sha512"] {
        sh(
            tmp.path(),
            &format!("rm -f m.sig; ssh-keygen -q -Y sign -O hashalg={hash} -f theirs -n approval.v1@runbook m 2>&1"),
        );
        let sig = SshSig::parse(&fs::read_to_string(tmp.path().join("m.sig")).unwrap()).unwrap();
        assert_eq!(sig.key, key.public_key());
        sig.verify_message("approval.v1@runbook", b"message").unwrap();
        sig.verify_message("approval.v1@runbook", b"massage").unwrap_err();
    }
    // The same key signs the same bytes the same way.
    sh(tmp.path(), "rm -f m.sig; ssh-keygen -q -Y sign -O hashalg=sha256 -f theirs -n log.v1@runbook m 2>&1");
    let ours = SshSig::sign(&key, NAMESPACE, &Sha256Sum::of(b"message")).unwrap().to_armor();
    assert_eq!(fs::read_to_string(tmp.path().join("m.sig")).unwrap(), ours);

    // Ours to them: the key file made on first use.
    let config = tmp.path().join("c");
    let identity = keys::load_or_create(&config).unwrap();
    let said = sh(&config, "ssh-keygen -l -f id_ed25519; ssh-keygen -y -f id_ed25519");
    assert!(said.contains(&identity.key.public_key().fingerprint()), "{said}");
    assert!(said.contains(&identity.key.public_key().to_line()), "{said}");
    // An encrypted key is refused in words.
    sh(tmp.path(), "ssh-keygen -q -t ed25519 -N secret -f locked");
    let error = SecretKey::from_openssh(&fs::read_to_string(tmp.path().join("locked")).unwrap()).unwrap_err();
    assert!(error.to_string().contains("encrypted"), "{error}");
}
