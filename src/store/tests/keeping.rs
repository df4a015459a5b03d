//! Homes, keys and trust.

use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn the_environment_says_where_things_are() {
    let resolve = |vars: &[(&str, &str)]| {
        Home::resolve(&|name| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value)))
    };
    let home = resolve(&[("HOME", "/home/ana")]).unwrap();
    assert_eq!(home.runs_dir(), PathBuf::from("/home/ana/.local/state/runbook/runs"));
    assert_eq!(home.config_dir(), PathBuf::from("/home/ana/.config/runbook"));
    let home =
        resolve(&[("HOME", "/home/ana"), ("XDG_STATE_HOME", "/s"), ("XDG_CONFIG_HOME", "not/absolute")]).unwrap();
    assert_eq!(home.runs_dir(), PathBuf::from("/s/runbook/runs"));
    assert_eq!(home.config_dir(), PathBuf::from("/home/ana/.config/runbook"));
    let error = resolve(&[]).unwrap_err().to_string();
    assert_eq!(error, "no place for runbook's files: set HOME or XDG_STATE_HOME to an absolute path");
}

#[test]
fn the_first_use_makes_a_private_key_and_later_uses_find_it() {
    let lab = Lab::new();
    let dir = lab.home.config_dir();
    let first = keys::load_or_create(dir).unwrap();
    let second = keys::load_or_create(dir).unwrap();
    assert!(first.created && !second.created);
    assert_eq!(first.key.public_key(), second.key.public_key());
    assert_eq!((mode(dir), mode(&dir.join("id_ed25519"))), (0o700, 0o600));
    let signers = fs::read_to_string(dir.join("allowed_signers")).unwrap();
    assert_eq!(signers, format!("{}\n", first.signers_line));
    assert!(first.signers_line.starts_with(&format!("{} namespaces=\"log.v1@runbook\" ssh-ed25519 ", first.principal)));
    let trusted = lab.home.trust().unwrap().check(&first.key.public_key(), NAMESPACE, "2026-11-21T00:00:00.000000Z");
    assert!(trusted.unwrap().self_signed);
}

#[test]
fn many_first_uses_at_once_agree_on_one_key() {
    let lab = Lab::new();
    let dir = lab.home.config_dir();
    fs::create_dir_all(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    let keys: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| keys::load_or_create(dir))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });
    let kept = lab.identity().public_key();
    assert!(keys.iter().all(|identity| identity.key.public_key() == kept));
    assert_eq!(keys.iter().filter(|identity| identity.created).count(), 1);
}

#[test]
fn a_first_use_that_was_cut_short_is_completed_by_the_next() {
    let lab = Lab::new();
    let dir = lab.home.config_dir();
    let first = keys::load_or_create(dir).unwrap();
    for lost in [&["id_ed25519.pub"][..], &["id_ed25519.pub", "allowed_signers"]] {
        for name in lost {
            fs::remove_file(dir.join(name)).unwrap();
        }
        let second = keys::load_or_create(dir).unwrap();
        assert!(!second.created && second.key.public_key() == first.key.public_key());
        assert_eq!(fs::read_to_string(dir.join("allowed_signers")).unwrap(), format!("{}\n", first.signers_line));
        assert!(dir.join("id_ed25519.pub").exists());
    }
}

#[test]
fn a_first_use_adds_to_what_the_team_links_to_and_keeps_its_mode() {
    let lab = Lab::new();
    let (dir, team) = (lab.home.config_dir(), lab.home.state_dir().with_file_name("team"));
    fs::create_dir_all(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(&team, "# the team").unwrap();
    fs::set_permissions(&team, fs::Permissions::from_mode(0o644)).unwrap();
    symlink(&team, dir.join("allowed_signers")).unwrap();
    let identity = keys::load_or_create(dir).unwrap();
    assert_eq!(fs::read_to_string(&team).unwrap(), format!("# the team\n{}\n", identity.signers_line));
    assert_eq!(mode(&team), 0o644);
    assert!(fs::symlink_metadata(dir.join("allowed_signers")).unwrap().is_symlink());
}

#[test]
fn a_key_or_directory_open_to_others_is_refused_with_the_remedy() {
    let lab = Lab::new();
    lab.identity();
    let dir = lab.home.config_dir();
    let key = dir.join("id_ed25519");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = keys::load_or_create(dir).unwrap_err().to_string();
    assert_eq!(error, format!("{0} is open to others (mode 640); run: chmod 600 {0}", key.display()));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    let error = keys::load_or_create(dir).unwrap_err().to_string();
    assert!(error.ends_with(&format!("run: chmod 700 {}", dir.display())), "{error}");
}

#[test]
fn a_linked_or_broken_key_is_refused() {
    let lab = Lab::new();
    lab.identity();
    let key = lab.home.config_dir().join("id_ed25519");
    let elsewhere = lab.home.config_dir().join("elsewhere");
    fs::rename(&key, &elsewhere).unwrap();
    symlink(&elsewhere, &key).unwrap();
    assert!(keys::load_or_create(lab.home.config_dir()).is_err());
    fs::remove_file(&key).unwrap();
    fs::write(&key, "garbage").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let error = keys::load_or_create(lab.home.config_dir()).unwrap_err().to_string();
    assert!(error.contains("does not begin with -----BEGIN OPENSSH PRIVATE KEY-----"), "{error}");
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
    let lab = Lab::new();
    let ids = [RunId::from_parts(1 << 40, [1; 10]), RunId::from_parts((1 << 40) + 1, [2; 10])];
    for id in ids {
        RunDir::create(&lab.home, id, PLAN, &[]).unwrap();
    }
    fs::create_dir(lab.home.runs_dir().join("not-a-run")).unwrap();
    assert_eq!(lab.home.run_ids().unwrap(), [ids[1], ids[0]]);
    let text = ids[0].to_string();
    assert_eq!(lab.home.find(&text).unwrap(), ids[0]);
    assert_eq!(lab.home.find(&text.to_lowercase()[..20]).unwrap(), ids[0]);
    let error = lab.home.find(&text[..4]).unwrap_err().to_string();
    assert_eq!(error, format!("'{}' may be any of 2 runs: {} {}", &text[..4], ids[1], ids[0]));
    assert!(lab.home.find(&text[..3]).unwrap_err().to_string().contains("at least 4 characters"));
    assert!(lab.home.find("../..").unwrap_err().to_string().contains("no run begins with"));
}

#[test]
fn a_run_directory_is_private_and_made_only_once() {
    let lab = Lab::new();
    let id = RunDir::new_id().unwrap();
    let dir = RunDir::create(&lab.home, id, PLAN, &[("deploy.yml", b"x")]).unwrap();
    assert_eq!((mode(dir.path()), mode(&dir.path().join("plan.json"))), (0o700, 0o600));
    assert_eq!(mode(&dir.path().join("inputs/deploy.yml")), 0o600);
    assert_eq!(dir.plan().unwrap(), PLAN);
    assert!(RunDir::create(&lab.home, id, PLAN, &[]).is_err());
    for name in ["../x", "a/b", ".x", "", ".."] {
        let id = RunDir::new_id().unwrap();
        assert!(RunDir::create(&lab.home, id, PLAN, &[(name, b"x")]).is_err(), "{name:?}");
    }
}

#[test]
fn the_clock_has_the_form_of_the_log_and_goes_on_after_a_resume() {
    let now = RunClock::start().now();
    assert_eq!(now.t.len(), 27, "{}", now.t);
    assert!(now.t.ends_with('Z') && now.mono_us < 1_000_000);
    assert!(RunClock::resume(1 << 50).now().mono_us >= 1 << 50);
}
