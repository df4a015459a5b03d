//! A real bash is the judge: a script in which it starts a forbidden command must never have been let pass.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use super::{judged, worst};
use crate::template::quote;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Scripts that are made and run.
const SCRIPTS: usize = 250;

/// A small reproducible random source.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// A word spelled in a way that only a shell can read.
    fn spelled(&mut self, word: &str) -> String {
        let spell = |random: &mut Random, c: char| match random.below(9) {
            0 => format!("'{c}'"),
            1 => format!("\"{c}\""),
            2 if c.is_ascii_alphanumeric() => format!("\\{c}"),
            3 => format!("$'\\x{:02x}'", c as u32),
            4 => format!("$'\\{:o}'", c as u32),
            5 => format!("\"\"{c}"),
            6 => format!("\\\n{c}"),
            7 => format!("$'{c}'''"),
            _ => c.to_string(),
        };
        word.chars().map(|c| spell(self, c)).collect()
    }

    fn command(&mut self) -> String {
        let plain = self.pick(&[
            "docker rm x",
            "docker ps",
            "docker-compose up",
            "kubectl delete x",
            "scp a b",
            "docker compose ps",
            "true",
        ]);
        plain
            .split(' ')
            .map(|word| if self.below(2) == 0 { self.spelled(word) } else { word.to_owned() })
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Something around a script that runs it, or only seems to.
    fn around(&mut self, script: &str) -> String {
        let text = quote(script);
        match self.below(34) {
            0 => format!("bash -c {text}"),
            1 => format!("eval {text}"),
            2 => format!("( {script}\n)"),
            3 => format!("{{ {script}\n}}"),
            4 => format!("if true; then\n{script}\nfi"),
            5 => format!("f() {{\n{script}\n}}; f"),
            6 => format!("echo \"$( {script}\n)\""),
            7 => format!("bash <<'END_{0}'\n{script}\nEND_{0}\n", self.0 % 1000),
            8 => format!("echo {text} | bash"),
            9 => format!("printf '%s\\n' {text} | sh -s"),
            10 => format!("bash <<< {text}"),
            11 => format!("trap {text} EXIT; true"),
            12 => format!("env A=b nice -n 1 timeout 5 bash -c {text}"),
            13 => format!("find / -maxdepth 0 -exec bash -c {text} \\;"),
            14 => format!("echo x | xargs -I{{}} bash -c {text}"),
            15 => format!("source <(echo {text})"),
            16 => format!("case x in x)\n{script}\n;; esac"),
            17 => format!("for i in 1; do\n{script}\ndone"),
            18 => format!("cat <( {script}\n) > /dev/null"),
            19 => format!("true > >( {script}\n)"),
            20 => format!("[[ -n $( {script}\n) ]]"),
            21 => format!("x=$( {script}\n); echo $x"),
            22 => format!("while true; do\n{script}\nbreak; done"),
            23 => format!("command bash -euc {text}"),
            24 => format!("{{ sh; }} <<< {text}"),
            25 => format!("echo {text}"),
            26 => format!("cat <<'END_{0}' | cat | bash\n{script}\nEND_{0}\n", self.0 % 1000),
            27 => format!("bash < <(echo {text})"),
            28 => format!("coproc bash -c {text}; wait"),
            29 => format!(": $(( 1 + $( {script}\necho 1) ))"),
            30 => format!("echo ${{nothing:-$( {script}\n)}}"),
            31 => format!("a=( $( {script}\n) )"),
            32 => format!("exec bash -c {text}"),
            _ => format!("X={text}; eval \"$X\""),
        }
    }

    fn script(&mut self) -> String {
        let mut script = self.command();
        for _ in 0..self.below(4) {
            script = self.around(&script);
        }
        if self.below(3) == 0 {
            let other = self.command();
            let between = self.pick(&["\n", " ;", " &&", " ||", " |"]);
            // A here-document has to end on a line of its own.
            script = if script.contains("<<'END") {
                format!("{other}\n{script}")
            } else {
                format!("{script}{between} {other}")
            };
        }
        script
    }
}

/// Programs of the rules that only write down how they were called.
fn stand_ins(dir: &Path) {
    for name in ["docker", "docker-compose", "kubectl", "scp"] {
        let path = dir.join(name);
        fs::write(&path, "#!/bin/sh\necho \"${0##*/} $*\" >> \"$CALLS\"\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// What bash really started of them. What a script leaves running in the background writes to the log of that script.
fn calls(dir: &Path, number: usize, script: &str) -> Vec<String> {
    let log = dir.join(format!("calls-{number}"));
    let status = Command::new("bash")
        .args(["--noprofile", "--norc", "-c", script])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
        .env("CALLS", &log)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok(), "bash is needed for this test");
    fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn is_forbidden(call: &str) -> bool {
    !matches!(call, "docker ps" | "docker compose ps")
}

#[test]
fn nothing_that_bash_starts_was_let_pass() {
    let dir = tempfile::tempdir().unwrap();
    stand_ins(dir.path());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut started, mut escaped) = (0, Vec::new());
    for number in 0..SCRIPTS {
        let script = random.script();
        let Some(call) = calls(dir.path(), number, &script).into_iter().find(|call| is_forbidden(call)) else {
            continue;
        };
        started += 1;
        if worst(&judged(&script)).is_none() {
            escaped.push(format!("`{call}` by\n{script}\n"));
        }
    }
    println!("{SCRIPTS} scripts, {started} started something forbidden, {} escaped", escaped.len());
    assert!(started > SCRIPTS / 4, "only {started} scripts did anything");
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}
