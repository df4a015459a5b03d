//! Trusting, revoking and replacing keys.

use super::*;
use crate::store::trust::{Change, read_public_key, revoke, trust};

fn public(seed: u8) -> PublicKey {
    SecretKey::from_seed(&[seed; 32]).public_key()
}

fn operator(name: &str, seed: u8) -> SignerLine {
    SignerLine {
        principals: name.into(),
        namespaces: Some(NAMESPACE.into()),
        valid_after: None,
        valid_before: None,
        key: public(seed),
    }
}

#[test]
fn a_key_is_trusted_once_and_for_one_person() {
    let lab = Lab::new();
    let dir = lab.home.config_dir();
    let ana = operator("ana@example.com", 1);
    assert_eq!(trust(dir, &ana).unwrap(), Change::Added);
    assert_eq!(trust(dir, &ana).unwrap(), Change::Nothing);
    let both = SignerLine { namespaces: Some("log.v1@runbook,approval.v1@runbook".into()), ..ana.clone() };
    assert_eq!(trust(dir, &both).unwrap(), Change::Changed);
    let text = fs::read_to_string(dir.join("allowed_signers")).unwrap();
    assert_eq!(text, format!("{}\n", both.to_line()));
    let error = trust(dir, &operator("bo@example.com", 1)).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{} is the key of ana@example.com already: one key is one person", public(1).fingerprint())
    );
    let error = trust(dir, &operator("a*", 2)).unwrap_err().to_string();
    assert_eq!(error, "'a*' is not a name like ana@example.com");
    assert_eq!((mode(dir), mode(&dir.join("allowed_signers"))), (0o700, 0o600));
    assert_eq!(fs::read_to_string(dir.join("allowed_signers")).unwrap(), text);
}

#[test]
fn what_is_no_public_key_is_not_trusted() {
    let lab = Lab::new();
    lab.identity();
    let dir = lab.home.config_dir();
    let file = dir.join("some.pub");
    for (text, message) in [
        ("", "is empty"),
        ("hello", "is not a key: not a public key line"),
        ("ssh-ed25519 AAAA", "is not a key: "),
        (&format!("{0}\n{0}\n", public(1).to_line()), "holds several keys"),
        (&SecretKey::from_seed(&[1; 32]).to_openssh("", 1), "is a private key, which belongs to one person only"),
    ] {
        fs::write(&file, text).unwrap();
        let error = read_public_key(&file).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    fs::write(&file, format!("# ana\n{} ana@laptop\n", public(1).to_line())).unwrap();
    assert_eq!(read_public_key(&file).unwrap(), public(1));
}

#[test]
fn a_revoked_key_stays_so_and_cannot_be_trusted_again() {
    let lab = Lab::new();
    let dir = lab.home.config_dir();
    trust(dir, &operator("ana@example.com", 1)).unwrap();
    let fingerprint = public(1).fingerprint();
    assert_eq!(revoke(dir, &fingerprint).unwrap(), (public(1), true));
    assert_eq!(revoke(dir, &fingerprint).unwrap(), (public(1), false));
    let list = fs::read_to_string(dir.join("revoked_keys")).unwrap();
    assert_eq!((list, mode(&dir.join("revoked_keys"))), (format!("{}\n", public(1).to_line()), 0o600));
    let error = trust(dir, &operator("ana@example.com", 1)).unwrap_err().to_string();
    assert_eq!(error, format!("{fingerprint} is revoked and will never be trusted again"));
    let error = revoke(dir, "SHA256:unknown").unwrap_err().to_string();
    assert_eq!(error, "no key here has the fingerprint SHA256:unknown; give the file of the public key");
    assert!(lab.home.trust().unwrap().check(&public(1), NAMESPACE, &lab.clock.now().t).is_err());
}

#[test]
fn a_revocation_list_that_is_not_understood_stops_everything() {
    let lab = Lab::new();
    let dir = lab.finished();
    let list = lab.home.config_dir().join("revoked_keys");
    fs::write(&list, "SSHKRL\n").unwrap();
    let error = lab.home.trust().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: line 1 is no public key", list.display())), "{error}");
    assert!(lab.home.signing_key(|_| ()).is_err());
    fs::write(&list, "# nothing yet\n").unwrap();
    lab.expect(&dir, Verdict::Complete, "");
}

#[test]
fn t52_revoking_the_own_key_takes_trust_from_old_runs_and_stops_new_ones() {
    let lab = Lab::new();
    let dir = lab.finished();
    let key = lab.identity().public_key().fingerprint();
    revoke(lab.home.config_dir(), &key).unwrap();
    lab.expect(&dir, Verdict::Untrusted, &format!("key {key} is revoked"));
    let error = lab.home.signing_key(|_| ()).err().unwrap().to_string();
    assert!(error.starts_with(&format!("nobody would trust what this machine signs: key {key} is revoked")), "{error}");
    keys::rotate(lab.home.config_dir()).unwrap();
    assert!(lab.home.signing_key(|_| ()).is_ok());
    lab.expect(&lab.finished(), Verdict::Complete, "");
    lab.expect(&dir, Verdict::Untrusted, "is revoked");
}

#[test]
fn a_new_key_takes_over_and_old_runs_still_verify() {
    let lab = Lab::new();
    let config = lab.home.config_dir();
    let error = keys::rotate(config).unwrap_err().to_string();
    assert_eq!(error, "there is no key to replace yet; `runbook keys` makes the first one");
    let (old_run, old_key) = (lab.finished(), lab.identity().public_key());
    let (replaced, new) = keys::rotate(config).unwrap();
    assert_eq!((&replaced, new.key.public_key() == old_key), (&old_key, false));
    assert_eq!(lab.identity().public_key(), new.key.public_key());
    let public = fs::read_to_string(config.join("id_ed25519.pub")).unwrap();
    assert!(public.starts_with(&new.key.public_key().to_line()));
    assert_eq!((mode(&config.join("id_ed25519")), mode(&config.join("id_ed25519.pub"))), (0o600, 0o644));
    let names: Vec<_> = fs::read_dir(config).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");

    let report = lab.expect(&old_run, Verdict::Complete, "NOTE: the key counts for a limited time");
    assert!(!report.self_signed, "nobody here has the private half any more");
    assert!(lab.expect(&lab.finished(), Verdict::Complete, "").self_signed);
    // What the old key would sign from now on counts for nothing.
    let later = "2099-01-01T00:00:00.000000Z";
    let error = lab.home.trust().unwrap().check(&old_key, NAMESPACE, later).unwrap_err();
    assert!(error.contains("was not valid at 2099-01-01"), "{error}");
}

#[test]
fn a_run_that_was_interrupted_goes_on_with_the_new_key() {
    let lab = Lab::new();
    let mut journal = lab.begin();
    lab.step(&mut journal);
    let dir = journal.dir().clone();
    drop(journal);
    keys::rotate(lab.home.config_dir()).unwrap();
    let point = ResumePoint::lock(&dir, &lab.home.trust().unwrap()).unwrap();
    let (operator, host) = (keys::principal(), keys::host());
    let opened = point.open(lab.boxed(), &operator, &host, Map::new(), &lab.clock.now()).unwrap();
    let path = lab.end(opened.1);
    lab.expect(&path, Verdict::Complete, "NOTE: run.jsonl: the key counts for a limited time");
}

#[test]
fn a_trust_store_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new();
    lab.identity();
    let signers = lab.home.config_dir().join("allowed_signers");
    fs::set_permissions(&signers, fs::Permissions::from_mode(0o620)).unwrap();
    let error = lab.home.trust().unwrap_err().to_string();
    assert_eq!(error, format!("{0} is open to others (mode 620); run: chmod 600 {0}", signers.display()));
    fs::set_permissions(&signers, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(lab.home.trust().is_ok());
}

#[test]
fn a_first_use_that_was_cut_short_is_completed_by_the_next() {
    let lab = Lab::new();
    let key = lab.identity().public_key();
    let config = lab.home.config_dir();
    for lost in [&["id_ed25519.pub", "allowed_signers"][..], &["id_ed25519.pub"]] {
        lost.iter().for_each(|name| fs::remove_file(config.join(name)).unwrap());
        assert_eq!(lab.identity().public_key(), key);
        assert!(fs::read_to_string(config.join("id_ed25519.pub")).unwrap().starts_with(&key.to_line()));
        assert_eq!(lab.home.trust().unwrap().lines().len(), 1);
    }
    // Who takes the line away later does so on purpose.
    fs::write(config.join("allowed_signers"), "# nobody\n").unwrap();
    lab.identity();
    assert!(lab.home.trust().unwrap().lines().is_empty());
}

#[test]
fn a_trust_store_that_is_a_link_stays_one() {
    let lab = Lab::new();
    let config = lab.home.config_dir();
    lab.identity();
    let team = config.join("team");
    fs::rename(config.join("allowed_signers"), &team).unwrap();
    std::os::unix::fs::symlink(&team, config.join("allowed_signers")).unwrap();
    trust(config, &operator("ana@example.com", 1)).unwrap();
    assert!(config.join("allowed_signers").is_symlink());
    assert!(fs::read_to_string(team).unwrap().contains("ana@example.com"));
}

#[test]
fn a_rotation_that_was_cut_short_can_be_repeated() {
    let lab = Lab::new();
    let config = lab.home.config_dir();
    let key = lab.identity();
    // The public half of another key, as after a crash between the two renames.
    fs::write(config.join("id_ed25519.pub"), format!("{}\n", public(9).to_line())).unwrap();
    assert_eq!(lab.identity().public_key(), key.public_key());
    assert!(fs::read_to_string(config.join("id_ed25519.pub")).unwrap().starts_with(&key.public_key().to_line()));
    keys::rotate(config).unwrap();
    keys::rotate(config).unwrap();
    assert_eq!(lab.home.trust().unwrap().lines().len(), 3);
}

#[test]
fn a_broken_choice_of_a_key_is_said_and_can_be_undone() {
    let lab = Lab::new();
    lab.identity();
    let config = lab.home.config_dir();
    let choice = config.join("signing_key");
    for (text, message) in [
        ("", "does not name a key"),
        ("relative\nssh-ed25519 AAAA", "does not name a key"),
        ("/nowhere\nhello", "not a public key line"),
        (&format!("/nowhere\n{}\n", public(1).to_line()), "cannot read /nowhere"),
        (
            &format!("{}\n{}\n", config.join("id_ed25519").display(), public(1).to_line()),
            "holds another key than when it was chosen",
        ),
    ] {
        fs::write(&choice, text).unwrap();
        let error = signing_key(config, |_| ()).err().unwrap().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    assert!(use_own(config).unwrap().chosen.is_none());
    assert!(!choice.exists());
    assert!(use_own(config).is_ok());
}
