//! The whole program: runs that print forty secrets in every encoding, and everything that is kept or shown of them.

use crate::canaries::{Canary, canaries};
use crate::encodings::ENCODINGS;
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory for one run of the program, and everything it said so far by what said it.
struct Bed {
    dir: tempfile::TempDir,
    canaries: Vec<Canary>,
    sinks: BTreeMap<String, Vec<u8>>,
}

impl Bed {
    fn new() -> Bed {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "state", "config", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let bed = Bed { dir, canaries: canaries(), sinks: BTreeMap::new() };
        // The program must not find them written down, so the steps read them from files of their own.
        for (name, encode) in ENCODINGS {
            let texts: Vec<String> = bed.canaries.iter().map(|canary| encode(&canary.value)).collect();
            fs::write(bed.work().join(format!("shown-{}", name.replace([' ', ','], "_"))), texts.join("\n\n")).unwrap();
        }
        bed
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// One call; its streams are sinks named after the mode and the arguments.
    fn call(&mut self, mode: &str, args: &str, code: Option<i32>) -> String {
        let mut command = Command::new("setsid");
        command.arg(env!("CARGO_BIN_EXE_runbook")).args(args.split_whitespace());
        command.env_clear().current_dir(self.work()).stdin(Stdio::null());
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.dir.path().join("home"))
            .env("USER", "tester");
        command.env("XDG_STATE_HOME", self.dir.path().join("state"));
        command.env("XDG_CONFIG_HOME", self.dir.path().join("config"));
        for canary in &self.canaries {
            command.env(canary.name.to_uppercase(), &canary.value);
        }
        let out = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(code.is_none() || out.status.code() == code, "{mode}: {args}: {}: {said}", out.status);
        self.sinks.insert(format!("{mode}: {args}: stdout"), out.stdout.clone());
        self.sinks.insert(format!("{mode}: {args}: stderr"), out.stderr);
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// A runbook whose steps print everything and then do `end`.
    fn book(&self, name: &str, end: &str) {
        let inputs: String = self
            .canaries
            .iter()
            .map(|c| format!("  {}: {{ type: secret, from: env:{} }}\n", c.name, c.name.to_uppercase()))
            .collect();
        let env: String =
            self.canaries.iter().map(|c| format!("      V_{}: '{{{{ inputs.{} }}}}'\n", c.name, c.name)).collect();
        let text = format!(
            "runbook: v1\nname: leaks\ninputs:\n{inputs}steps:\n  - id: shows\n    title: Print them all\n    shell: |\n      \
             cat shown-* | tee /dev/stderr; env; printf '%s\\n' \"${{!V_@}}\"\n      for name in \"${{!V_@}}\"; do printf '%s' \
             \"${{!name}}\"; sleep 0.001; echo; done; set | head -c 200000\n    env:\n{env}    undo: {{ shell: \"cat shown-*; \
             env\", env: {{ ONE: '{{{{ inputs.{first} }}}}' }} }}\n  - id: bystander\n    shell: cat /proc/$$/environ > environ; \
             ps -eo args > arguments; cat shown-raw\n    effect: read\n{end}",
            first = self.canaries[0].name,
        );
        fs::write(self.work().join(name), text).unwrap();
    }

    /// What is told of the newest run afterwards, by everybody who tells something.
    fn look_back(&mut self, mode: &str) {
        for args in [
            "runs",
            "runs --output json",
            "show @",
            "show @ --output json",
            "logs @",
            "report @",
            "report @ --output json",
            "verify @",
            "verify @ --output json",
            "attest @",
        ] {
            let run = self.newest();
            self.call(mode, &args.replace('@', &run), None);
        }
        for (path, bytes) in files_below(&self.dir.path().join("state")) {
            self.sinks.insert(format!("{mode}: {}", path.display()), bytes);
        }
        for name in ["environ", "arguments"] {
            self.sinks.insert(format!("{mode}: {name}"), fs::read(self.work().join(name)).unwrap_or_default());
        }
    }

    fn newest(&self) -> String {
        let mut runs: Vec<String> = fs::read_dir(self.dir.path().join("state/runbook/runs"))
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        runs.sort();
        runs.pop().expect("there is a run")
    }
}

fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| {
            if path.is_dir() { files_below(&path) } else { vec![(path.clone(), fs::read(&path).unwrap_or_default())] }
        })
        .collect()
}

/// What may stand nowhere: twelve bytes of every secret in every encoding, at several places of it, but not at its ends,
/// where the letters of base64 depend on what stands beside it. The frame of a key is no secret, nor are the names in a
/// document.
fn needles(canaries: &[Canary]) -> Vec<(String, String)> {
    const LENGTH: usize = 12;
    let mut all = Vec::new();
    for Canary { name, value } in canaries {
        let body = value.replace("-----BEGIN PRIVATE KEY-----\n", "").replace("\n-----END PRIVATE KEY-----", "");
        let structured = ["json", "yaml", "lines", "address"].iter().any(|kind| name.starts_with(kind));
        let body = if structured { longest_word(value) } else { body };
        for (encoding, encode) in ENCODINGS {
            let shown: String = encode(&body);
            let line = shown.lines().max_by_key(|line| line.len()).unwrap_or_default();
            let letters: Vec<char> = line.trim().chars().collect();
            if letters.len() < LENGTH + 8 {
                all.push((format!("{name} as {encoding}"), body.clone()));
                continue;
            }
            for part in 0..4 {
                let from = 8 + (letters.len() - LENGTH - 8) * part / 4;
                all.push((format!("{name} as {encoding}"), letters[from..from + LENGTH].iter().collect()));
            }
        }
    }
    all
}

fn longest_word(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|word| word.len()).unwrap_or_default().to_owned()
}

#[test]
fn no_sink_of_any_mode_has_any_canary() {
    let mut bed = Bed::new();
    bed.book("fine.yml", "");
    bed.book("fails.yml", "  - { id: fails, shell: 'cat shown-*; cat shown-* >&2; exit 3' }\n");
    bed.book("back.yml", "  - { id: fails, shell: 'cat shown-* >&2; exit 3', on_failure: rollback }\n");
    bed.book(
        "halts.yml",
        "  - { id: captures, shell: cat shown-base64, save: { text: stdout }, severity: warn }\n  - id: asks\n    checkpoint: { title: Go on? }\n  - \
         { id: more, shell: cat shown-* }\n",
    );

    for args in [
        "check fine.yml",
        "plan fine.yml",
        "plan fine.yml --full",
        "plan fine.yml --output json",
        "run fine.yml --dry-run",
    ] {
        bed.call("dry run", args, None);
    }
    bed.call("run", "run fine.yml", Some(0));
    bed.look_back("run");
    bed.call("run as events", "run fine.yml --output json", Some(0));
    bed.look_back("run as events");
    bed.call("error", "run fails.yml", Some(1));
    bed.look_back("error");
    bed.call("rollback", "run back.yml", None);
    bed.look_back("rollback");
    bed.call("resume", "run halts.yml", Some(5));
    let run = bed.newest();
    bed.call("resume", &format!("resume {run} --dry-run"), None);
    bed.call("resume", &format!("resume {run}"), None);
    bed.look_back("resume");

    let needles = needles(&bed.canaries);
    let search = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(needles.iter().map(|(_, needle)| needle))
        .unwrap();
    let shown = fs::read(bed.work().join("shown-raw")).unwrap();
    assert!(search.find_iter(&shown).count() > 40, "the needles find what was shown");
    let bytes: usize = bed.sinks.values().map(Vec::len).sum();
    let kept =
        bed.sinks.iter().filter(|(name, _)| name.ends_with(".stdout")).map(|(_, bytes)| bytes.len()).sum::<usize>();
    assert!(kept > 100_000, "only {kept} bytes of output were kept");
    let masks = bed.sinks.values().map(|bytes| bytes.windows(3).filter(|w| w == b"***").count()).sum::<usize>();
    let mut hits = Vec::new();
    for (sink, bytes) in &bed.sinks {
        for found in search.find_iter(bytes) {
            let around = &bytes[found.start().saturating_sub(30)..(found.end() + 10).min(bytes.len())];
            hits.push(format!(
                "{} in {sink}: {}",
                needles[found.pattern().as_usize()].0,
                String::from_utf8_lossy(around)
            ));
        }
    }
    println!(
        "{} secrets in {} encodings, {} needles, 5 modes, {} sinks with {:.1} MB, {masks} masks: {} hits",
        bed.canaries.len(),
        ENCODINGS.len(),
        needles.len(),
        bed.sinks.len(),
        bytes as f64 / 1e6,
        hits.len()
    );
    assert!(hits.is_empty(), "{}", hits[..hits.len().min(20)].join("\n"));
}
