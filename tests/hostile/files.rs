//! Files nobody sane would write: refused at once, in little memory, with a place.

use crate::support::{RUNBOOK, Test};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What an optimized program may take; an unoptimized one, on a busy machine, is much slower.
const PATIENCE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 4000 } else { 100 });
/// Address space of a call, in KiB.
const SPACE: u32 = 256 << 10;

const HEAD: &str = "runbook: v1\nname: book\n";
const STEP: &str = "steps: [{ id: a, shell: 'true' }]\n";
const MIB: usize = 1 << 20;

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// The exit code, and words of the answer.
    wanted: (i32, &'static str),
}

fn case(name: &'static str, text: impl Into<Vec<u8>>, wanted: &'static str) -> Case {
    Case { name, bytes: text.into(), wanted: (3, wanted) }
}

fn book(body: impl AsRef<str>) -> String {
    format!("{HEAD}{}", body.as_ref())
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// YAML itself.
fn bombs() -> Vec<Case> {
    let letter = |i: usize| char::from(b'a' + i as u8);
    let laughs =
        lines(9, |i| format!("{}: &{} [{}]\n", letter(i + 1), letter(i + 1), format!("*{},", letter(i)).repeat(9)));
    let merges = lines(4000, |i| format!("x{}: &x{}\n  <<: [*x{i}, *x{i}]\n  k{i}: 1\n", i + 1, i + 1));
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        case("billion laughs", book(format!("a: &a [x, x, x, x, x, x, x, x, x]\n{laughs}")), "RB0116"),
        case(
            "quadratic blow-up",
            book(format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a,".repeat(100_000))),
            "RB0116",
        ),
        case("merge bomb", book(format!("x0: &x0 {{ a: 1 }}\n{merges}")), "RB0116"),
        case("merge of itself", book("a: &a\n  <<: *a\n"), "RB0119"),
        case(
            "anchors in anchors",
            book(lines(60_000, |i| format!("- &a{i} x\n")).as_str().to_owned() + "x: *a1"),
            "RB01",
        ),
        case("100,000 open lists", book("a: ".to_owned() + &"[".repeat(100_000)), "RB0116"),
        case("100,000 nested lists", book("a: ".to_owned() + &"[".repeat(100_000) + &"]".repeat(100_000)), "RB0116"),
        case("100,000 nested mappings", book("a: ".to_owned() + &"{a: ".repeat(100_000)), "RB0116"),
        case("deep block", book(lines(1000, |i| format!("{}a:\n", " ".repeat(i)))), "RB0116"),
        case("dashes in dashes", book("a:\n".to_owned() + &"- ".repeat(300_000)), "RB0116"),
        case("a scalar of 1 MiB", book(format!("title: {}\n", "x".repeat(MIB - 60))), "RB0207"),
        case("an unclosed quote", book(format!("title: \"{}", "x\n".repeat((MIB - 60) / 2))), "RB0108"),
        case("10,000 documents", format!("---\n{HEAD}").repeat(10_000), "a second document"),
        case("a key 80,000 times", book("title: x\n".repeat(80_000)), "RB0101"),
        case("60,000 keys", book(format!("inputs:\n{}", lines(60_000, |i| format!("  a{i}: {{}}\n")))), "RB0116"),
        case("UTF-16", utf16(&("\u{feff}".to_owned() + HEAD)), "RB0120"),
        case("UTF-16 without a mark", utf16(HEAD), "RB1170"),
        case("Latin-1", [HEAD.as_bytes(), b"title: caf\xe9\n"].concat(), "3:11"),
        case("an overlong slash", [HEAD.as_bytes(), b"title: \xc0\xaf\n"].concat(), "byte 0xC0"),
        case("half of a surrogate pair", [HEAD.as_bytes(), b"title: \xed\xa0\x80\n"].concat(), "byte 0xED"),
        case("NUL", book("title: \"a\0b\"\n"), "RB1170"),
        case("a mebibyte of NUL", vec![0; MIB], "RB1170"),
        case("NEL", book("title: a\u{85}b\n"), "U+0085"),
        case("a line separator", book("title: a\u{2028}b\n"), "U+2028"),
        case("a byte order mark in the middle", book(format!("\u{feff}{STEP}")), "U+FEFF"),
        case("an escape sequence", book("title: \x1b[2J\n"), "U+001B"),
        case("text that is turned round", book("title: \u{202e}evil\n"), "U+202E"),
        case("a tag that makes objects", book("title: !!python/object/apply:os.system [touch owned]\n"), "RB0112"),
        case("50,000 tags", book(format!("inputs:\n{}", lines(50_000, |i| format!("  a{i}: !x{i} y\n")))), "RB0112"),
        case("90,000 directives", "%YAML 1.2\n".repeat(90_000), "RB0113"),
        case("200,000 empty items", book("steps:\n".to_owned() + &"- \n".repeat(200_000)), "RB0116"),
        case("a million colons", ":".repeat(1_000_000), "RB0109"),
        case("300,000 question marks", "? ".repeat(300_000), "RB01"),
        case("200,000 stars", book("a: ".to_owned() + &"*x ".repeat(200_000)), "RB0119"),
        case("60,000 backticks", book(lines(60_000, |i| format!("k{i}: `x\n"))), "RB0122"),
        case("a mebibyte of carriage returns", book("\r".repeat(MIB - 60)), "RB0207"),
    ]
}

/// What is well-formed YAML and still far too much.
fn excesses() -> Vec<Case> {
    let input = "inputs: { a: {} }\nsteps:\n- id: a\n";
    let when = |text: String| book(format!("steps:\n- id: a\n  shell: 'true'\n  when: \"{text}\"\n"));
    let pattern = |text: &str| book(format!("inputs:\n  a: {{ pattern: '{text}' }}\n{STEP}"));
    let table = |rows: String| {
        book(format!(
            "metrics: {{ e: {{ shell: 'echo 1', effect: read }} }}\nguards:\n  every: 1s\n  hit: worst\n  rules:\n{rows}  - {{ \
             otherwise: investigate }}\n  - {{ no_data: inconclusive }}\n{STEP}"
        ))
    };
    vec![
        case(
            "25,000 templates without quotes in a list",
            book(format!("steps: [{}]\n", "{{ x }},".repeat(25_000))),
            "RB0103",
        ),
        case(
            "25,000 templates without quotes as items",
            book(format!("steps:\n{}", "- {{ x }}\n".repeat(25_000))),
            "RB0103",
        ),
        case(
            "25,000 templates without quotes as values",
            book(format!("steps:\n{}", lines(25_000, |i| format!("  a{i}: {{{{ x }}}}\n")))),
            "RB0103",
        ),
        case(
            "60,000 holes in a script",
            book(format!("steps:\n- id: a\n  shell: echo {}\n", "{{ inputs.a }} ".repeat(60_000))),
            "RB0302",
        ),
        case(
            "20,000 open substitutions",
            book(format!("{input}  shell: |\n    {}\n", "echo $( {{ inputs.a }} ".repeat(20_000))),
            "RB0401",
        ),
        case(
            "20,000 here-documents",
            book(format!("{input}  shell: |\n{}", "    cat <<E{{ inputs.a }}\n".repeat(20_000))),
            "RB0401",
        ),
        case(
            "60,000 open blocks",
            book(format!("steps:\n- id: a\n  shell: \"{}\"\n", "{% if a %}".repeat(60_000))),
            "RB03",
        ),
        case("brackets in an expression", when("(".repeat(100_000) + &")".repeat(100_000)), "RB03"),
        case("a sum of 400,000", when("1+".repeat(400_000) + "1"), "RB03"),
        case("400,000 parts of a name", when("inputs".to_owned() + &".a".repeat(400_000)), "RB03"),
        case("200,000 filters", when("inputs".to_owned() + &"|int".repeat(200_000)), "RB03"),
        case("200,000 negations", when("not ".repeat(200_000) + "x"), "RB03"),
        case(
            "15,000 large patterns",
            book(format!(
                "inputs:\n{}{STEP}",
                lines(15_000, |i| format!("  a{i}: {{ pattern: '\\w{{500}}\\d{{300}}' }}\n"))
            )),
            "RB1172",
        ),
        case(
            "15,000 small patterns",
            book(format!("inputs:\n{}{STEP}", lines(15_000, |i| format!("  a{i}: {{ pattern: '\\w+x{i}' }}\n")))),
            "RB1172",
        ),
        case("a pattern that explodes", pattern("((((\\w{50}){50}){50}){50}){50}"), "RB0214"),
        case("a pattern of 500 KB", pattern(&"(a|b)*".repeat(80_000)), "RB0214"),
        case("a pattern of brackets", pattern(&("(".repeat(100_000) + &")".repeat(100_000))), "RB0214"),
        case(
            "8,000 rows",
            table(lines(8000, |i| format!("  - {{ symptom: s{i}, if: {{ e: \"> {i}\" }}, action: rollback }}\n"))),
            "RB0803",
        ),
        case(
            "30,000 steps",
            book(format!("steps:\n{}", lines(30_000, |i| format!("- {{ id: a{i}, shell: 'true' }}\n")))),
            "RB0116",
        ),
        case(
            "15,000 steps of the same id",
            book(format!("steps:\n{}", "- { id: a, shell: 'true' }\n".repeat(15_000))),
            "RB0",
        ),
        case(
            "15,000 steps that name each other",
            book(format!(
                "steps:\n{}",
                lines(15_000, |i| format!("- {{ id: a{i}, shell: 'echo {{{{ steps.a{}.x }}}}' }}\n", i + 1))
            )),
            "RB03",
        ),
        case(
            "90,000 items",
            book(format!(
                "steps:\n- id: a\n  for_each: {{ itm: x, in: [{}], steps: [{{ id: b, shell: 'true' }}] }}\n",
                "x,".repeat(90_000)
            )),
            "RB0201",
        ),
        case(
            "a number of 500,000 digits",
            book(format!("inputs: {{ a: {{ type: int, default: {} }} }}\n{STEP}", "9".repeat(500_000))),
            "RB0214",
        ),
        case(
            "a wait of 500,000 digits",
            book(format!("steps:\n- {{ id: a, wait: {}s }}\n", "9".repeat(500_000))),
            "RB0209",
        ),
        case(
            "an exponent",
            book(format!("inputs: {{ a: {{ type: number, default: 1e999999999 }} }}\n{STEP}")),
            "RB0214",
        ),
        case(
            "more attempts than there are numbers",
            book("steps:\n- { id: a, shell: 'true', retry: { attempts: 99999999999999999999 } }\n"),
            "RB02",
        ),
    ]
}

/// Runbooks that run runbooks; the file is `a.yml`.
fn includes(test: &Test) -> Vec<Case> {
    let runs = |path: &str| format!("- {{ id: x{}, run: {{ runbook: '{path}' }} }}\n", path.len());
    let work = test.sandbox.work();
    let write = |name: &str, body: String| {
        let path = work.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, book(body)).unwrap();
    };
    for i in 0..1000 {
        write(&format!("deep/c{i}.yml"), format!("steps:\n{}", runs(&format!("c{}.yml", i + 1))));
    }
    write("deep/c1000.yml", STEP.into());
    for i in 0..40 {
        let next = format!("d{}.yml", i + 1);
        write(&format!("diamond/d{i}.yml"), format!("steps:\n{}{}", runs(&next), runs(&format!("./{next}"))));
    }
    write("diamond/d40.yml", STEP.into());
    for i in 0..14 {
        let twice = lines(40, |n| format!("- {{ id: x{n}, run: {{ runbook: 'f{}.yml' }} }}\n", i + 1));
        write(&format!("fan/f{i}.yml"), format!("steps:\n{twice}"));
    }
    write("fan/f14.yml", STEP.into());
    write("lib/b.yml", format!("steps:\n{}", runs("../a.yml")));
    write("large.yml", "#".repeat(2 * MIB));
    fs::write(work.join("latin.yml"), [HEAD.as_bytes(), b"title: \xe9\n"].concat()).unwrap();
    fs::write(work.parent().unwrap().join("outside.yml"), book(STEP)).unwrap();
    symlink("../outside.yml", work.join("out.yml")).unwrap();
    symlink("loop.yml", work.join("loop.yml")).unwrap();
    assert!(Command::new("mkfifo").arg(work.join("pipe")).status().unwrap().success());
    let run = |name, path: &str, wanted| case(name, book(format!("steps:\n{}", runs(path))), wanted);
    vec![
        run("a chain of 1,000 runbooks", "deep/c0.yml", "deeper than 16 levels"),
        run("40 diamonds", "diamond/d0.yml", "deeper than 16 levels"),
        run("40 to the power of 14 runbooks", "fan/f0.yml", "more than 50000 steps"),
        run("a cycle", "lib/b.yml", "a.yml -> lib/b.yml -> a.yml"),
        run("itself", "a.yml", "would run itself"),
        run("a link that leads out", "out.yml", "only files that are reviewed with it"),
        run("a path that leads out", "../outside.yml", "only files that are reviewed with it"),
        run("a file of the system", "/etc/passwd", "only files that are reviewed with it"),
        run("a link to itself", "loop.yml", "cannot read loop.yml"),
        run("a FIFO", "pipe", "it is not a regular file"),
        run("a device without an end", "/dev/zero", "it is not a regular file"),
        run("a directory", "lib", "it is a directory"),
        run("a large file", "large.yml", "larger than 1 MiB"),
        run("an address", "https://example.com/x.yml", "nothing is fetched"),
        run("an address of a file", "file:///etc/passwd", "nothing is fetched"),
        run("bytes that are no text", "latin.yml", "latin.yml:3:8: byte 0xE9"),
    ]
}

/// Runs a call with little address space; its processor time (the machine may be busy with something else), and its end.
fn call(test: &Test, args: &str) -> (Duration, i32, String) {
    let mut command = Command::new("bash");
    let script = format!("ulimit -v {SPACE}; TIMEFORMAT='CPU %U %S'; time {RUNBOOK} {args}");
    command.args(["-c", &script]);
    test.surround(&mut command);
    let out = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    let (stderr, times) = stderr.rsplit_once("CPU ").unwrap();
    let seconds: f64 = times.split_whitespace().map(|time| time.parse::<f64>().unwrap()).sum();
    let said = format!("{}{stderr}", String::from_utf8_lossy(&out.stdout));
    (Duration::from_secs_f64(seconds), out.status.code().unwrap_or(-1), said)
}

fn refuses(test: &Test, cases: &[Case], args: &str) -> (Duration, &'static str) {
    let mut worst = (Duration::ZERO, "");
    let mut wrong = Vec::new();
    for case in cases {
        fs::write(test.sandbox.work().join("a.yml"), &case.bytes).unwrap();
        let (took, code, said) = call(test, args);
        let start: String = said.chars().take(300).collect();
        if (code, said.contains(case.wanted.1)) != (case.wanted.0, true) {
            wrong.push(format!("{}: {code}, not {:?} in {start}", case.name, case.wanted));
        }
        if took > PATIENCE {
            wrong.push(format!("{} took {took:?}", case.name));
        }
        worst = worst.max((took, case.name));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!test.sandbox.exists("owned") && test.sandbox.runs().is_empty());
    worst
}

#[test]
fn yaml_bombs_and_broken_encodings_are_refused_at_once_in_little_memory() {
    let test = Test::new();
    let cases = bombs();
    let worst = refuses(&test, &cases, "check a.yml").max(refuses(&test, &cases, "plan a.yml"));
    println!("yaml: {} files, the worst took {:?} ({}), each in {} MiB", cases.len(), worst.0, worst.1, SPACE >> 10);
}

#[test]
fn runbooks_of_absurd_size_are_refused_at_once_in_little_memory() {
    let test = Test::new();
    let cases = excesses();
    let worst = refuses(&test, &cases, "check a.yml");
    println!("excess: {} files, the worst took {:?} ({}), each in {} MiB", cases.len(), worst.0, worst.1, SPACE >> 10);
}

#[test]
fn includes_that_lead_out_or_never_end_are_refused() {
    let test = Test::new();
    let cases = includes(&test);
    let worst = refuses(&test, &cases, "plan a.yml");
    println!(
        "includes: {} files, the worst took {:?} ({}), each in {} MiB",
        cases.len(),
        worst.0,
        worst.1,
        SPACE >> 10
    );
}

/// Files beside the runbook: targets, inputs, secrets, keys, trust stores, heads, the stored plan.
#[test]
fn devices_pipes_and_directories_in_place_of_other_files_are_refused_too() {
    let secret = |path: &str| {
        let step = "steps: [{ id: a, shell: 'true', effect: read, env: { S: '{{ inputs.s }}' } }]\n";
        book(format!("inputs: {{ s: {{ type: secret, from: 'file:{path}' }} }}\n{step}"))
    };
    let test = Test::new().file("a.yml", book(format!("target: required\ninputs: {{ v: {{ default: x }} }}\n{STEP}")));
    let test = test.file("zero.yml", secret("/dev/zero")).file("full.yml", secret("work"));
    let test = test.file("b.yml", book(format!("inputs: {{ v: {{ from: 'file:/dev/zero' }} }}\n{STEP}")));
    let test = test.file("copy.yml", book("steps: [{ id: a, file: { path: x, copy: /dev/zero } }]\n"));
    let fifo = test.sandbox.work().join("pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let fine = Test::again(&test.sandbox).file("fine.yml", book(STEP)).args("run fine.yml").run();
    let mut calls: Vec<String> =
        vec!["run zero.yml".into(), "run full.yml".into(), "run b.yml".into(), "plan copy.yml".into()];
    for file in ["/dev/zero", "./pipe", "/tmp"] {
        calls.push(format!("plan a.yml -t {file}"));
        calls.push(format!("run a.yml --inputs {file}"));
        calls.push(format!("verify --trust {file}"));
        calls.push(format!("keys trust --name eve {file}"));
        calls.push(format!("keys use {file}"));
    }
    calls.push("verify --heads /dev/zero".into());
    let mut worst = (Duration::ZERO, String::new());
    for args in calls {
        let (took, code, said) = call(&fine.then(""), &args);
        // A list of heads that names no head of the run is none; that it ends is what counts.
        assert!((1..=12).contains(&code) || args.contains("--heads"), "`{args}` ended with {code}: {said}");
        assert!(took < PATIENCE, "`{args}` took {took:?}");
        worst = worst.max((took, args));
    }
    println!("other files: the worst took {:?} ({})", worst.0, worst.1);
}
