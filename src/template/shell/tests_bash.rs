//! The same promises kept by a real bash: values arrive byte for byte, and never run.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;

/// A small reproducible random source.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn value(&mut self) -> String {
        let alphabet: Vec<char> = "ab \t\n$`\"'\\;|&<>(){}[]*?!#~=%^é✓0-@\r\u{1}EOF".chars().collect();
        (0..self.below(14)).map(|_| *self.pick(&alphabet)).collect()
    }
}

fn script(src: &str, value: &str) -> Result<Script, EvalError> {
    let mut context = Context::new();
    context.set("v", json!(value));
    shell(src, &context)
}

const HOSTILE: [&str; 16] = [
    "",
    " ",
    "\n",
    "'",
    "\"",
    "\\",
    "$(id)",
    "`id`",
    "${x}",
    "-n",
    "*",
    "~",
    "EOF",
    "a\nEOF\nb",
    "\\\n",
    "trailing\n\n",
];

/// Script shapes and what they print for a value; `p` prints its arguments, each closed by a NUL.
#[allow(clippy::type_complexity)]
const SHAPES: [(&str, fn(&str) -> String); 26] = [
    ("p {{ v }}", one),
    ("p \"{{ v }}\"", one),
    ("p '{{ v }}'", one),
    ("p $'{{ v }}'", one),
    ("p $\"{{ v }}\"", one),
    ("p a{{ v }}b", |v| format!("a{v}b\0")),
    ("p \"a\"'b'{{ v }}\"c\"", |v| format!("ab{v}c\0")),
    ("p 'a{{ v }}b' \"c{{ v }}d\"", |v| format!("a{v}b\0c{v}d\0")),
    ("p $'a\\t{{ v }}\\'b'", |v| format!("a\t{v}'b\0")),
    ("x={{ v }}; p \"$x\"", one),
    ("x=\"{{ v }}\" y='{{ v }}'; p \"$x$y\"", |v| format!("{v}{v}\0")),
    ("a=(1 {{ v }} 2); p \"${a[@]}\"", |v| format!("1\0{v}\x002\0")),
    ("a=([3]={{ v }}); p \"${a[3]}\"", one),
    ("f() { p {{ v }} \"$1\"; }; f {{ v }}", |v| format!("{v}\0{v}\0")),
    ("for x in {{ v }} b; do p \"$x\"; done", |v| format!("{v}\0b\0")),
    ("case {{ v }} in {{ v }}) p {{ v }};; *) p bad;; esac", one),
    ("[[ {{ v }} == {{ v }} ]] && p {{ v }}", one),
    ("[[ {{ v }} =~ ^{{ v }}$ ]] && p {{ v }} || p {{ v }}", one),
    ("p \"$(printf '%s.' {{ v }})\"", |v| format!("{v}.\0")),
    ("p \"$(case x in (x) printf '%s.' '{{ v }}' ;; esac)\"", |v| format!("{v}.\0")),
    ("p \"$(case x in x) printf '%s.' {{ v }} ;; esac)\"", |v| format!("{v}.\0")),
    ("p \"`printf '%s.' {{ v }}`\" `: \"{{ v }}\"`", |v| format!("{v}.\0")),
    ("p \"$(cat <<EOF\n{{ v }}.\nEOF\n)\"", |v| format!("{v}.\0")),
    ("IFS= read -r -d '' x <<EOF || :\n{{ v }}.\nEOF\np \"$x\"", |v| format!("{v}.\n\0")),
    ("IFS= read -r -d '' x <<< {{ v }} || :\np \"$x\"", |v| format!("{v}\n\0")),
    ("q=abc; p \"$q{{ v }}\" $q{{ v }}", |v| format!("abc{v}\0abc{v}\0")),
];

fn one(value: &str) -> String {
    format!("{value}\0")
}

#[test]
fn values_arrive_byte_for_byte_in_every_place() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut values: Vec<String> = HOSTILE.map(str::to_owned).to_vec();
    values.extend((0..110).map(|_| random.value()));
    for (shape, want) in SHAPES {
        let mut program = "p() { printf '%s\\0' \"$@\"; }\n".to_owned();
        let mut wanted = String::new();
        let mut bash = Command::new("/bin/bash");
        for (n, value) in values.iter().enumerate() {
            let script = script(shape, value).unwrap();
            for (name, value) in &script.values {
                bash.env(format!("R{n}_{name}"), value);
            }
            program += &format!("{}\nprintf '\\1\\1'\n", script.text.replace("${RB_", &format!("${{R{n}_RB_")));
            wanted += &format!("{}\x01\x01", want(value));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), program).unwrap();
        let output = bash.arg(file.path()).stdin(Stdio::null()).output().unwrap();
        let got = String::from_utf8_lossy(&output.stdout).into_owned();
        for (n, (got, want)) in got.split("\x01\x01").zip(wanted.split("\x01\x01")).enumerate() {
            assert_eq!(got, want, "{shape} with {:?}", values.get(n));
        }
        assert_eq!(got, wanted, "{shape}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_shown_script_means_the_same() {
    let mut random = Random(77);
    for (shape, want) in SHAPES.iter().filter(|(shape, _)| !shape.contains("EOF")) {
        let mut program = "p() { printf '%s\\0' \"$@\"; }\n".to_owned();
        let mut wanted = String::new();
        for _ in 0..40 {
            let value = random.value();
            program += &format!("{}\n", script(shape, &value).unwrap().shown);
            wanted += &want(&value);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), program).unwrap();
        let output = Command::new("/bin/bash").arg(file.path()).stdin(Stdio::null()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{shape}");
    }
}

/// Constructs that evaluate a value a second time in some bash; each is refused or harmless.
const EVALUATING: [&str; 62] = [
    "declare -a x=@",
    "declare -A x=\"@\"",
    "declare x; x=(); declare x=@",
    "f() { local -a x=@; }; f",
    "readonly -a x=@",
    "export -a x=@",
    "f() { declare -a x; local x=@; }; f",
    "x=(1); x=@",
    "RANDOM=@",
    "SRANDOM=@",
    "OPTIND=@",
    "HISTCMD=@",
    "SECONDS=@",
    "env BASH_ENV=@ bash -c :",
    "BASH_ENV=@ bash -c :",
    "PS4=@; set -x; :",
    "printf @ y",
    "printf \"@\" y",
    "printf -v @ y",
    "printf -v@ y",
    "printf '%d' @",
    "wait @",
    "wait -n -p @",
    "coproc N (( @ )); wait",
    "coproc N [[ @ -eq 1 ]]; wait",
    "{a[@]}> f",
    "exec {a[@]}> f",
    "test -v @",
    "[ -v @ ]",
    "[ ! -v @ ]",
    "[ @ -eq 1 ]",
    "[[ @ -eq 1 ]]",
    "[[ -v @ ]]",
    "[[ 1 -eq 1 && ! ( @ -ge 2 ) ]]",
    "read @ <<<x",
    "read -r -p x @ <<<x",
    "read -a @ <<<x",
    "mapfile @ <<<x",
    "unset @",
    "unset -v 'a@'",
    "export @",
    "export \"@=1\"",
    "declare -i x=@",
    "declare -i x; x=1 y=@",
    "declare -n x=@; x=1",
    "let @",
    "let \"x = @\"",
    "builtin let @",
    "\\let @",
    "x[@]=1",
    "x=([@]=1)",
    "x[1]=@",
    "echo ${x:@}",
    "echo ${x[@]}${!@}",
    "for ((i=@;0;)); do :; done",
    "for @ in a; do :; done",
    "compgen -W @",
    "function f (( @ )); f",
    "time -p (( @ ))",
    "if ! ((@)); then :; fi",
    "case @ in (@) ((@));; esac",
    "echo $(( $(echo @) ))",
];

#[test]
fn what_bash_evaluates_again_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("F");
    let mut refused = 0;
    for case in EVALUATING {
        for payload in
            ["($(touch F))", "a[$(touch F)]", "-va[$(touch F)]", "-pa[$(touch F)]", "$(touch F)", "%n`touch F`"]
        {
            match script(&case.replace('@', "{{ v }}"), payload) {
                Ok(script) => run(&script, dir.path()),
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Place, "{case}: {error}");
                    refused += 1;
                }
            }
            assert!(!mark.exists(), "{case} with {payload}");
        }
    }
    assert!(refused > 200, "{refused}");
}

const FRAGMENTS: [&str; 70] = [
    "echo ",
    "\"",
    "'",
    "`",
    "$(",
    ")",
    "$((",
    "))",
    "((",
    "(",
    "${x:-",
    "${x#",
    "${#x}",
    "}",
    "{ ",
    "; ",
    "\n",
    " ",
    "\\",
    "$",
    "$'",
    "$\"",
    "#",
    " # ",
    "<<E\n",
    "<<'E'\n",
    "<<-E\n",
    "\nE\n",
    "<<<",
    "<(",
    "case x in ",
    "x) ",
    "(x) ",
    ";; ",
    " esac",
    "[[ ",
    " ]]",
    " == ",
    " =~ ",
    " -eq ",
    " && ",
    "if ",
    "; then ",
    "; fi",
    "for y in ",
    "; do ",
    "; done",
    "f() ",
    "a=(",
    "a[",
    "]=1 ",
    "x=",
    "1+",
    "!(",
    "@(x|",
    "|",
    "&",
    "unset ",
    "let ",
    "printf -v ",
    "test -v ",
    "$[",
    "declare -a ",
    "local x=",
    "RANDOM=",
    "printf ",
    "[ ",
    " ]",
    "coproc X ",
    "export ",
];

#[test]
fn a_value_never_runs_whatever_surrounds_it() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("F");
    let touch = format!("touch {}", mark.display());
    let payloads = [
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("'; {touch}; '"),
        format!("\"; {touch}; \""),
        format!("a[$({touch})]"),
        format!("a[$({touch})]=1"),
        format!("\n{touch}\n"),
        format!(")); {touch}; (("),
        format!("}}; {touch}; #"),
        format!("\nE\n{touch}\n"),
    ];
    let mut random = Random(20_261_121);
    let (mut ran, mut refused) = (0, 0);
    while ran < 500 {
        let mut part = |n: usize| (0..random.below(n)).map(|_| *random.pick(&FRAGMENTS)).collect::<String>();
        let src = format!("{}{{{{ v }}}}{}", part(7), part(7));
        let payload = random.pick(&payloads);
        match script(&src, payload) {
            Ok(script) => {
                ran += 1;
                run(&script, dir.path());
                assert!(!mark.exists(), "{src:?} with {payload:?} became {:?}", script.text);
            }
            Err(error) => {
                refused += 1;
                assert!(matches!(error.kind, ErrorKind::Place | ErrorKind::Syntax), "{src:?}: {error}");
            }
        }
    }
    assert!(refused > 50);
}

fn run(script: &Script, dir: &Path) {
    let mut bash = Command::new("/bin/bash");
    bash.args(["-c", &script.text]).envs(script.values.iter().cloned()).current_dir(dir);
    // Most scripts are nonsense; only what they leave behind counts.
    let _ = bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

#[test]
fn simple_commands_know_all_words_of_this_bash() {
    let output = Command::new("/bin/bash").args(["-c", "compgen -b; compgen -k"]).output().unwrap();
    for word in String::from_utf8(output.stdout).unwrap().lines() {
        assert_eq!(simple_command(word), None, "{word}");
    }
}

#[test]
fn simple_commands_mean_what_bash_means() {
    let mut random = Random(5);
    let parts = ["a", "'b c'", "\"d  e\"", " ", "''", "x=1", "-f", "\t", "'$x'", "\"it's\"", ",", "%", "@", "g/h"];
    for _ in 0..60 {
        let script = format!("/usr/bin/printf '%s|' {}", (0..6).map(|_| *random.pick(&parts)).collect::<String>());
        let words = simple_command(&script).unwrap();
        let direct = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        let shell = Command::new("/bin/bash").args(["-c", &script]).output().unwrap();
        assert_eq!(direct.stdout, shell.stdout, "{script}");
    }
}
