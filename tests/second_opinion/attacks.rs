//! What an attacker, a disk or a bug may do to a run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use runbook::log::{
    APPROVAL_NAMESPACE, Head, NAMESPACE, SecretKey, Sha256Sum, Signer as _, SshSig, segment_file, signature_file,
};
use serde_json::{Value, json};

use crate::rng::Rng;
use crate::runs::{Run, alice, bob, carol, lines, mallory, run_ids, signer_line, usual_trust};

/// Changes the first run, and may take from the second.
pub type Attack = fn(&mut Run, &Run, &mut Rng);

/// Every attack by name.
pub const ATTACKS: &[(&str, Attack)] = &[
    ("untouched", |_, _, _| {}),
    ("flip", flip),
    ("truncate", truncate),
    ("lines", |run, other, rng| edit_lines(run, other, rng, Keys::None)),
    ("lines rechained", |run, other, rng| edit_lines(run, other, rng, Keys::Chain)),
    ("lines, stolen key", |run, other, rng| edit_lines(run, other, rng, Keys::One)),
    ("lines, all keys", |run, other, rng| edit_lines(run, other, rng, Keys::All)),
    ("text, all keys", |run, _, rng| edit_text(run, rng, Keys::All)),
    ("text, all keys", |run, _, rng| edit_text(run, rng, Keys::All)),
    ("value, all keys", edit_value),
    ("value, all keys", edit_value),
    ("text, stolen key", |run, _, rng| edit_text(run, rng, Keys::One)),
    ("small order", small_order),
    ("signature", signature),
    ("files", files),
    ("segments", segments),
    ("lost blocks", lost_blocks),
    ("heads", heads),
    ("trust", trust),
];

/// How much of the log an attacker makes right again.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    None,
    /// Chain and numbers, which need no key.
    Chain,
    /// One key for all seals.
    One,
    /// Every key: only the rules of the format are left to refuse it.
    All,
}

fn some_file(run: &Run, rng: &mut Rng) -> String {
    let logs: Vec<&String> = run.files.keys().filter(|name| name.starts_with("run.")).collect();
    let all: Vec<&String> = run.files.keys().collect();
    let from = if rng.one_in(4) { &all } else { &logs };
    rng.pick(from).to_string()
}

fn flip(run: &mut Run, _: &Run, rng: &mut Rng) {
    let name = some_file(run, rng);
    let data = run.files.get_mut(&name).unwrap();
    for _ in 0..*rng.pick(&[1, 1, 1, 2, 5]) {
        let at = rng.below(data.len());
        if let Some(byte) = data.get_mut(at) {
            *byte ^= *rng.pick(&[1, 0x20, 0x80, 0x02, 0xff]);
        }
    }
}

fn truncate(run: &mut Run, _: &Run, rng: &mut Rng) {
    let name = some_file(run, rng);
    let data = run.files.get_mut(&name).unwrap();
    data.truncate(rng.below(data.len() + 1));
    if rng.one_in(2) {
        run.files.retain(|name, _| !name.ends_with(".sig"));
    }
}

fn some_segment(run: &Run, rng: &mut Rng) -> u32 {
    *rng.pick(&run.keys.keys().copied().collect::<Vec<_>>())
}

fn edit_lines(run: &mut Run, other: &Run, rng: &mut Rng, keys: Keys) {
    let number = some_segment(run, rng);
    let mut log = lines(&run.files[&segment_file(number)]);
    let mut sealers = run.keys[&number].clone();
    sealers.resize(log.len(), None);
    let theirs = some_segment(other, rng);
    let (stolen, their_keys) = (lines(&other.files[&segment_file(theirs)]), &other.keys[&theirs]);
    for _ in 0..*rng.pick(&[1, 1, 2, 3]) {
        if log.is_empty() {
            break;
        }
        let (a, b) = (rng.below(log.len()), rng.below(log.len()));
        match rng.below(7) {
            0 => drop((log.remove(a), sealers.remove(a))),
            1 => {
                log.swap(a, b);
                sealers.swap(a, b);
            }
            2 => {
                log.insert(b, log[a].clone());
                sealers.insert(b, sealers[a].clone());
            }
            3 if !stolen.is_empty() => {
                let from = rng.below(stolen.len());
                log[a] = stolen[from].clone();
                sealers[a] = their_keys.get(from).cloned().flatten();
            }
            4 if !stolen.is_empty() => {
                let from = rng.below(stolen.len());
                log.splice(a.., stolen[from..].iter().cloned());
                sealers.splice(a.., (from..stolen.len()).map(|at| their_keys.get(at).cloned().flatten()));
            }
            5 => {
                let end = (a + 1 + rng.below(3)).min(log.len());
                drop(log.drain(a..end));
                drop(sealers.drain(a..end));
            }
            _ => {
                log.truncate(a);
                sealers.truncate(a);
            }
        }
    }
    put_back(run, rng, number, log, sealers, keys);
}

/// The edited lines become the segment again, made right as far as the keys go.
fn put_back(
    run: &mut Run,
    rng: &mut Rng,
    number: u32,
    mut log: Vec<Vec<u8>>,
    mut sealers: Vec<Option<SecretKey>>,
    keys: Keys,
) {
    if keys == Keys::One {
        let known: Vec<SecretKey> = sealers.iter().flatten().cloned().chain([mallory()]).collect();
        let stolen = rng.pick(&known).clone();
        sealers.iter_mut().flatten().for_each(|key| *key = stolen.clone());
    }
    let renumber = rng.one_in(2) || keys == Keys::All;
    if keys != Keys::None {
        make_right(&mut log, &sealers, keys != Keys::Chain, renumber);
    }
    run.files.insert(segment_file(number), log.concat());
    if keys == Keys::All && !rng.one_in(8) {
        relink(run, number);
        countersign(run);
    }
}

/// Recomputes numbers, chain and seals from the first line on. Lines that cannot be read stay as they are.
fn make_right(log: &mut [Vec<u8>], sealers: &[Option<SecretKey>], seal: bool, renumber: bool) {
    let (mut prev, mut before) = (Sha256Sum::ZERO, Vec::new());
    for (seq, line) in log.iter_mut().enumerate() {
        let read = serde_json::from_slice::<Value>(line).ok().filter(|fields| fields["type"] == "seal");
        if let Some(mut fields) = read {
            fields["prev"] = prev.to_string().into();
            if renumber {
                fields["seq"] = seq.into();
            }
            if let Some(key) = sealers.get(seq).and_then(Option::as_ref).filter(|_| seal) {
                let sum = Sha256Sum::of(&before);
                fields["bytes"] = before.len().into();
                fields["sha256"] = sum.to_string().into();
                fields["sig"] = SshSig::sign(key, NAMESPACE, &sum).unwrap().to_armor().into();
            }
            *line = format!("{fields}\n").into_bytes();
        } else {
            // By hand: whatever else is odd about the line must stay.
            if let Some(at) = find(line, b"\"prev\":\"")
                && let Some(old) = line.get_mut(at + 8..at + 72)
            {
                old.copy_from_slice(prev.to_string().as_bytes());
            }
            let digits = line.iter().skip(7).take_while(|byte| byte.is_ascii_digit()).count();
            if renumber && digits > 0 && line.starts_with(b"{\"seq\":") {
                line.splice(7..7 + digits, seq.to_string().into_bytes());
            }
        }
        prev = Sha256Sum::of(line);
        before.extend_from_slice(line);
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Makes the segments after one say what is now in the one before them.
fn relink(run: &mut Run, number: u32) {
    for next in number + 1.. {
        let (Some(before), Some(data)) = (run.files.get(&segment_file(next - 1)), run.files.get(&segment_file(next)))
        else {
            return;
        };
        let (mut log, before) = (lines(data), before.clone());
        let Some(mut opening) = log.first().and_then(|line| serde_json::from_slice::<Value>(line).ok()) else { return };
        opening["bytes"] = before.len().into();
        opening["sha256"] = Sha256Sum::of(&before).to_string().into();
        log[0] = format!("{opening}\n").into_bytes();
        let sealers = run.keys.get(&next).cloned().unwrap_or_default();
        make_right(&mut log, &sealers, true, true);
        run.files.insert(segment_file(next), log.concat());
    }
}

/// Signs again what is signed at its end.
fn countersign(run: &mut Run) {
    for number in run.keys.keys() {
        if run.files.contains_key(&signature_file(*number)) {
            let sum = Sha256Sum::of(&run.files[&segment_file(*number)]);
            let signature = SshSig::sign(&run.identity, NAMESPACE, &sum).unwrap().to_armor();
            run.files.insert(signature_file(*number), signature.into_bytes());
        }
    }
}

/// One record of one segment, changed by `change`, and everything made right again with the keys.
fn edit_one(run: &mut Run, rng: &mut Rng, keys: Keys, change: impl FnOnce(&mut Vec<u8>, &mut Rng)) {
    let number = some_segment(run, rng);
    let mut log = lines(&run.files[&segment_file(number)]);
    let records: Vec<usize> = (0..log.len()).filter(|at| find(&log[*at], b"\"type\":\"seal\"").is_none()).collect();
    if records.is_empty() {
        return;
    }
    let at = *rng.pick(&records);
    change(&mut log[at], rng);
    let sealers = run.keys[&number].clone();
    put_back(run, rng, number, log, sealers, keys);
}

/// A line spelled in another way: what the strict parser is for.
fn edit_text(run: &mut Run, rng: &mut Rng, keys: Keys) {
    const SPELLINGS: &[(&str, &[u8])] = &[
        (":", b": "),
        (",", b", "),
        ("{", b"{ "),
        ("\"t\":", b"\"\\u0074\":"),
        ("\"t\":", b"\"T\":"),
        ("\"mono_us\":", b"\"mono_us\":0"),
        ("\"mono_us\":", b"\"mono_us\":-"),
        ("\"mono_us\":", b"\"mono_us\":1"),
        ("\"mono_us\":", b"\"mono_us\":18446744073709551616,\"x\":"),
        ("\"mono_us\":", b"\"mono_us\":18446744073709551615,\"x\":"),
        (",\"type\":", b",\"type\":\"event\",\"type\":"),
        ("}\n", b",\"seq\":1}\n"),
        ("}\n", b",\"x\":1,\"x\":2}\n"),
        ("}\n", b",\"x\":{\"y\":1,\"y\":1}}\n"),
        ("}\n", b",\"x\":1.0}\n"),
        ("}\n", b",\"x\":1e3}\n"),
        ("}\n", b",\"x\":-0}\n"),
        ("}\n", b",\"x\":01}\n"),
        ("}\n", b",\"x\":-9223372036854775808}\n"),
        ("}\n", b",\"x\":-9223372036854775809}\n"),
        ("}\n", b",\"x\":18446744073709551615}\n"),
        ("}\n", b",\"x\":NaN}\n"),
        ("}\n", b",\"x\":\"\\ud800\"}\n"),
        ("}\n", b",\"x\":\"\\ud83d\\ude00\"}\n"),
        ("}\n", b",\"x\":\"\\/\"}\n"),
        ("}\n", b",\"x\":\"\\u001b\\u007f\\u009b\\b\\f\\n\\r\\t\"}\n"),
        ("}\n", b",\"x\":\"\\u001B\"}\n"),
        ("}\n", b",\"x\":\"\\u0008\"}\n"),
        ("}\n", b",\"x\":\"\x1b\"}\n"),
        ("}\n", b",\"x\":\"\x7f\"}\n"),
        ("}\n", b",\"x\":\"\xc2\x9b\"}\n"),
        ("}\n", b",\"x\":\"\xff\"}\n"),
        ("}\n", b",\"x\":\"\xe2\x80\xa8\xf0\x9f\x98\x80\xef\xbf\xbf\"}\n"),
        ("}\n", b",\"\":null,\"$decimal\":\"1.0\"}\n"),
        ("}\n", b"}\r\n"),
        ("}\n", b"}}\n"),
        ("}\n", b"} \n"),
        ("{", b"\xef\xbb\xbf{"),
        ("{", b"[{"),
        ("00:18:", b"23:59:"),
        (":00.", b":60."),
        (":00.", b":59."),
        ("2026-11-21T", b"2026-02-30T"),
        ("2026-11-21T", b"2024-02-29T"),
        ("2026-11-21T", b"1969-12-31T"),
        ("2026-11-21T", b"9999-12-31T"),
        ("2026-11-21T", b"9998-12-31T"),
        ("2026-11-21T00:", b"2026-11-21T24:"),
        ("2026-11-21T", b"2026-11-21 "),
        ("2026-11-21T", b"2027-11-21T"),
        ("run.start", b"run.resume"),
        ("runbook-log/1", b"runbook-log/2"),
        ("ssh-ed25519 ", b"ssh-ed25519  "),
        ("ssh-ed25519 ", b"ssh-rsa "),
        ("\"}\n", b" me@host\"}\n"),
        ("\"}\n", b"=\"}\n"),
    ];
    // How deep a value may be nested is a rule too.
    let deep = |levels: usize| format!(",\"x\":{}{}}}\n", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let around = [deep(125), deep(126), deep(127), deep(128), deep(3000)];
    edit_one(run, rng, keys, |line, rng| {
        if rng.one_in(12) {
            let end = line.len() - 2;
            let value = rng.pick(&around).clone();
            drop(line.splice(end.., value));
            return;
        }
        for _ in 0..20 {
            let (from, to) = *rng.pick(SPELLINGS);
            if let Some(at) = find(line, from.as_bytes()) {
                line.splice(at..at + from.len(), to.iter().copied());
                return;
            }
        }
    });
}

/// A field with another value or another name, in perfect JSON, sealed with the right keys.
fn edit_value(run: &mut Run, _: &Run, rng: &mut Rng) {
    let other_run = run_ids()[1].to_string();
    // The neutral point signs anything, for whoever does not look.
    let neutral = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let values = [
        json!(null),
        json!(0),
        json!(-1),
        json!(1),
        json!(true),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!(u64::MAX),
        json!(other_run),
        json!(other_run.to_lowercase()),
        json!("run.end"),
        json!("run.start"),
        json!("event"),
        json!("step.start"),
        json!("approval"),
        json!("approval.request"),
        json!("step.fnd"),
        json!("seal"),
        json!("no-go"),
        json!("plan.json"),
        json!({"plan": {"file": "plan.json", "bytes": 0, "sha256": Sha256Sum::of(b"").to_string()}}),
        json!({"plan": {"sha256": "0".repeat(64)}}),
        json!("out/0001.stdout"),
        json!("../run.jsonl"),
        json!("out/.x"),
        json!("out//x"),
        json!("/etc/passwd"),
        json!("out/a b"),
        json!("é"),
        json!("2026-11-21"),
        json!(neutral),
        json!([{"file": "plan.json", "bytes": 1}]),
        json!([7]),
        json!({"file": "inputs/a.yml", "bytes": 0, "sha256": Sha256Sum::of(b"").to_string()}),
        json!({"file": "inputs/a.yml", "bytes": 0, "sha256": Sha256Sum::of(b"").to_string().to_uppercase()}),
        json!({"file": "a".repeat(4096), "bytes": 0, "sha256": Sha256Sum::of(b"").to_string()}),
    ];
    let names = ["stdout", "files", "changed", "session_key", "format", "checkpoint", "sig", "x", "decision", "run.x"];
    edit_one(run, rng, Keys::All, |line, rng| {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(line) else { return };
        let keys: Vec<String> = fields.keys().cloned().collect();
        let name = if rng.one_in(4) { rng.pick(&names).to_string() } else { rng.pick(&keys).clone() };
        match rng.below(5) {
            0 => drop(fields.shift_remove(&name)),
            1 => {
                // To the end: the order of the first fields is fixed.
                let value = fields.shift_remove(&name).unwrap_or_default();
                fields.insert(name, value);
            }
            2 if fields.get(&name).is_some_and(Value::is_object) => {
                let inner = fields[&name].as_object_mut().unwrap();
                let field = rng.pick(&["file", "bytes", "sha256"]).to_string();
                inner.insert(field, rng.pick(&values).clone());
            }
            _ => drop(fields.insert(name, rng.pick(&values).clone())),
        }
        // Control characters beyond ASCII are escaped in a log; this serializer leaves them.
        *line = format!("{}\n", Value::Object(fields)).replace('\u{9b}', "\\u009b").into_bytes();
    });
}

/// The run's owner announces a session key that signs everything for whoever does not look, and somebody uses it.
fn small_order(run: &mut Run, _: &Run, rng: &mut Rng) {
    // y = 1, 0, -1 and one of order eight, and y = 1 in another spelling.
    let minus_one = [&[0xec][..], &[0xff; 30], &[0x7f]].concat();
    let plus_one_again = [&[0xee][..], &[0xff; 30], &[0x7f]].concat();
    let eight = "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=";
    let one = [&[1][..], &[0; 31]].concat();
    let points = [one.clone(), vec![0; 32], minus_one, plus_one_again, BASE64.decode(eight).unwrap()];
    let point = rng.pick(&points).clone();
    let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20", &point[..]].concat();
    let announced = format!("ssh-ed25519 {}", BASE64.encode(&blob));
    // R of small order as well, and S = 0: the equation holds, for some points and messages.
    let r = if rng.one_in(2) { one } else { point };
    let signature = [b"\0\0\0\x0bssh-ed25519\0\0\0\x40", &r[..], &[0; 32]].concat();
    let mut armored = b"SSHSIG\0\0\0\x01".to_vec();
    for part in [&blob[..], NAMESPACE.as_bytes(), b"", b"sha256", &signature] {
        armored.extend((part.len() as u32).to_be_bytes());
        armored.extend(part);
    }
    let encoded = BASE64.encode(&armored);
    let body: Vec<&str> = (0..encoded.len()).step_by(70).map(|at| &encoded[at..encoded.len().min(at + 70)]).collect();
    let armored = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", body.join("\n"));

    let number = some_segment(run, rng);
    let mut log = lines(&run.files[&segment_file(number)]);
    let Some(at) = log.iter().rposition(|line| find(line, b"session_key").is_some()) else { return };
    let Ok(mut record) = serde_json::from_slice::<Value>(&log[at]) else { return };
    record["session_key"] = announced.into();
    log[at] = format!("{record}\n").replace('\u{9b}', "\\u009b").into_bytes();
    make_right(&mut log, &run.keys[&number], true, true);
    let seals: Vec<usize> = (at..log.len()).filter(|at| find(&log[*at], b"\"type\":\"seal\"").is_some()).collect();
    if let Some(seal) = seals.get(1)
        && let Ok(mut fields) = serde_json::from_slice::<Value>(&log[*seal])
    {
        fields["sig"] = armored.into();
        log[*seal] = format!("{fields}\n").into_bytes();
        log.truncate(seal + 1);
        run.files.retain(|name, _| !name.ends_with(".sig"));
    }
    run.files.insert(segment_file(number), log.concat());
}

fn signature(run: &mut Run, other: &Run, rng: &mut Rng) {
    let number = some_segment(run, rng);
    let name = signature_file(number);
    let sum = Sha256Sum::of(&run.files[&segment_file(number)]);
    let text = String::from_utf8_lossy(run.files.get(&name).map_or(b"", Vec::as_slice)).into_owned();
    let sign = |key: SecretKey, role: &str| SshSig::sign(&key, role, &sum).unwrap().to_armor();
    let theirs = other.files.iter().find(|(name, _)| name.ends_with(".sig")).map(|(_, data)| data.clone());
    let changed: Option<Vec<u8>> = match rng.below(14) {
        0 => None,
        1 => theirs,
        2 => Some(sign(bob(), NAMESPACE).into_bytes()),
        3 => Some(sign(mallory(), NAMESPACE).into_bytes()),
        4 => Some(sign(alice(), APPROVAL_NAMESPACE).into_bytes()),
        5 => Some(sign(alice(), NAMESPACE).into_bytes()),
        6 => Some(sign(carol(), NAMESPACE).into_bytes()),
        7 => Some(format!("{text}\n").into_bytes()),
        8 => Some(text.replace('\n', "\r\n").into_bytes()),
        9 => Some(text.replacen("\nU1NIU0lHAAAAAQ", "\nU1NIU0lH\nAAAAAQ", 1).into_bytes()),
        10 => Some(text.replacen("U1NIU0lHAAAAAQ", "U1NIU0lHAAAAAg", 1).into_bytes()),
        11 => Some(text.replacen("==\n", "=\n", 1).into_bytes()),
        12 => Some(Vec::new()),
        _ => Some([text.as_bytes(), b"\xff"].concat()),
    };
    match changed {
        Some(data) => drop(run.files.insert(name, data)),
        None => drop(run.files.remove(&name)),
    }
}

fn files(run: &mut Run, _: &Run, rng: &mut Rng) {
    let beside: Vec<String> = run.files.keys().filter(|name| !name.starts_with("run.")).cloned().collect();
    let name = rng.pick(&beside).clone();
    let data = run.files.get_mut(&name).unwrap();
    match rng.below(5) {
        0 => drop(run.files.remove(&name)),
        1 => data.extend(b"more"),
        2 => data.truncate(rng.below(data.len() + 1)),
        3 => data.clear(),
        _ => drop(run.files.insert("out/9999.stdout".into(), b"planted".to_vec())),
    }
}

fn segments(run: &mut Run, other: &Run, rng: &mut Rng) {
    let (a, b) = (segment_file(1 + rng.below(3) as u32), segment_file(1 + rng.below(4) as u32));
    match rng.below(7) {
        0 => drop(run.files.remove(&a)),
        1 => {
            let (first, second) = (run.files.remove(&a), run.files.remove(&b));
            run.files.extend(first.map(|data| (b, data)));
            run.files.extend(second.map(|data| (a, data)));
        }
        2 => drop(run.files.get(&a).cloned().map(|data| run.files.insert(b, data))),
        3 => drop(other.files.get(&a).cloned().map(|data| run.files.insert(a, data))),
        4 => drop(run.files.insert(b, Vec::new())),
        5 => {
            drop(run.files.insert(rng.pick(&["run.02.jsonl", "run.1.jsonl", "run.0.jsonl"]).to_string(), b"x".to_vec()))
        }
        _ => {
            run.files.retain(|name, _| !name.starts_with("run."));
            run.files.extend(other.files.iter().map(|(name, data)| (name.clone(), data.clone())));
        }
    }
}

fn lost_blocks(run: &mut Run, _: &Run, rng: &mut Rng) {
    let number = some_segment(run, rng);
    let data = run.files.get_mut(&segment_file(number)).unwrap();
    let at = rng.below(data.len() + 1);
    let zeros = vec![0; *rng.pick(&[1, 15, 16, 17, 512])];
    match rng.below(4) {
        0 => drop(data.splice(at.., zeros)),
        1 => drop(data.splice(at..at, zeros)),
        2 => {
            let end = (at + zeros.len()).min(data.len());
            drop(data.splice(at..end, zeros));
        }
        _ => data.extend(b"{\"seq\":9,\"prev\":\"a torn line"),
    }
    if rng.one_in(2) {
        run.files.retain(|name, _| !name.ends_with(".sig"));
    }
}

fn heads(run: &mut Run, other: &Run, rng: &mut Rng) {
    let mut of_seals = |run: &Run| -> Vec<Head> {
        let number = some_segment(run, rng);
        let seals = lines(&run.files[&segment_file(number)]);
        let read = seals.iter().filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        read.filter_map(|seal| {
            let sha256 = Sha256Sum::from_hex(seal["sha256"].as_str()?)?;
            Some(Head { segment: number, bytes: seal["bytes"].as_u64()?, sha256 })
        })
        .filter(|head| head.bytes > 0)
        .collect()
    };
    let (ours, theirs) = (of_seals(run), of_seals(other));
    let known = if rng.one_in(2) { ours } else { theirs };
    run.heads.extend(known.into_iter().filter(|_| rng.one_in(2)));
    if let Some(head) = run.heads.last_mut().filter(|_| rng.one_in(3)) {
        head.bytes += 1;
    }
    if rng.one_in(3) {
        run.expect = Some(*rng.pick(&run_ids()));
    }
    if rng.one_in(3) {
        truncate(run, other, rng);
    }
}

fn trust(run: &mut Run, _: &Run, rng: &mut Rng) {
    let both = [NAMESPACE, APPROVAL_NAMESPACE].join(",");
    let options = [
        String::new(),
        "namespaces=\"*\"".to_string(),
        "namespaces=\"*,!log.*\"".to_string(),
        "namespaces=\"l?g.v1@*\"".to_string(),
        "namespaces=\"log.v1@runboo\"".to_string(),
        format!("namespaces=\"{both}\""),
        format!("namespaces=\"{NAMESPACE}\",valid-after=\"20261121\""),
        format!("valid-before=\"202611210018Z\",namespaces=\"{NAMESPACE}\""),
        format!("namespaces=\"{NAMESPACE}\",valid-before=\"20261120\""),
        format!("namespaces=\"{NAMESPACE}\",valid-after=\"20261121001801Z\""),
        format!("namespaces=\"{APPROVAL_NAMESPACE}\""),
        "cert-authority".to_string(),
        "colour=\"red\"".to_string(),
    ];
    let mut text = if rng.one_in(3) { usual_trust() } else { String::from("# the team\n\n") };
    for (who, key) in [("alice", alice()), ("bob", bob()), ("carol", carol()), ("bob", alice()), ("alice", bob())] {
        if rng.one_in(2) {
            let options: &String = rng.pick(&options);
            text += &signer_line(who, options, &key);
        }
    }
    run.trust = text;
    if rng.one_in(3) {
        let key = rng.pick(&[alice(), bob(), carol(), mallory()]).public_key().to_line();
        let word = key.split(' ').next_back().unwrap_or_default().to_string();
        let lines =
            [key.clone(), format!("# lost\n\n {key} laptop\r"), word, "ssh-dss AAAA".to_string(), String::new()];
        run.revoked = rng.pick(&lines).clone() + "\n";
    }
}
