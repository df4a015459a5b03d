//! What people see of what others wrote: harmless on a terminal, on a build server and in a page. The log keeps the bytes.

use crate::support::{Ran, Test};

/// Sequences that terminals, build servers and Markdown pages act on.
fn sequences() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    // Control sequences with every final byte, in 7 and in 8 bits and in UTF-8.
    for last in 0x40..=0x7e_u8 {
        for (start, middle) in [("\x1b[", "2;1"), ("\x1b[?", "1049"), ("\u{9b}", "5"), ("\x1b[", "\x1b[")] {
            // Colours are allowed to be dropped without a trace.
            all.push([start.as_bytes(), middle.as_bytes(), &[last], b"m1"].concat());
        }
        all.push(vec![0x9b, b'3', last]);
        all.push(vec![0x1b, last]);
    }
    for number in [0, 1, 2, 4, 7, 8, 9, 10, 11, 12, 50, 52, 104, 133, 777, 1337] {
        all.push(format!("\x1b]{number};c;aGFyZGx5\x07").into_bytes());
        all.push(format!("\x1b]{number};x\x1b\\").into_bytes());
        all.push(format!("\u{9d}{number};x\u{9c}").into_bytes());
    }
    for intro in ["\x1bP", "\x1bX", "\x1b^", "\x1b_", "\u{90}", "\u{98}", "\u{9e}", "\u{9f}"] {
        all.push(format!("{intro}$qm\x1b\\").into_bytes());
    }
    all.extend((0..32_u8).chain([127]).filter(|c| *c != b'\n').map(|c| vec![b'a', c, b'b']));
    all.extend((0x80..0xa0_u32).filter_map(char::from_u32).map(|c| format!("a{c}b").into_bytes()));
    for c in ('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}')
        .chain("\u{200b}\u{200e}\u{200f}\u{61c}\u{2060}\u{feff}\u{ad}\u{2028}\u{e0041}".chars())
    {
        all.push(format!("a{c}b").into_bytes());
    }
    for text in [
        "::error file=a.yml,line=1::forged",
        "  ::add-mask::x",
        "::set-output name=a::b",
        "::stop-commands::x",
        "::group::x",
        "##[error]forged",
        "##[add-mask]x",
        "x ##[command]y",
        "##vso[task.setvariable variable=a]b",
        "x ##vso[task.complete]",
        "##teamcity[buildStatus text='x']",
        "section_start:1:x\r\x1b[0K",
        "```\n# forged\n```",
        "<details open><summary>x</summary>",
        "<img src=https://track.example/x>",
        "![x](https://track.example/x)",
        "[x](javascript:alert(1))",
        "@team @everyone",
        "https://track.example/x",
        "www.track.example",
        "#1 GH-1",
        "| a | b |",
        "<!-- hidden -->",
        "&lt;script&gt;",
        "~~~\nx\n~~~",
        "**FAILED**",
        "<script>alert(1)</script>",
        "\\`x`",
        "$(x)",
        "</td></tr></table>",
        "a  \nb",
    ] {
        all.push(text.as_bytes().to_vec());
    }
    all
}

fn harmless(text: &str, what: &str) {
    let bad = text.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    });
    assert_eq!(bad, None, "{what}: {text}");
    for line in text.lines() {
        let command = line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
        assert!(!command && !["##[", "##vso[", "##teamcity["].iter().any(|c| line.contains(c)), "{what}: {line}");
    }
}

/// A failing step whose last words are these.
fn says(bytes: &[u8]) -> Ran {
    let test = Test::book("steps:\n  - id: one\n    shell: cat said; cat said >&2; exit 3").file("said", bytes);
    test.env("GITHUB_ACTIONS", "true").code(1).run()
}

#[test]
fn no_output_drives_a_terminal_a_workflow_or_a_page() {
    let all = sequences();
    assert!(all.len() >= 500, "{}", all.len());
    let mut screens = 0;
    // The failure screen shows the last 20 lines or so; each batch fits.
    for batch in all.chunks(12) {
        let bytes = batch.join(&b'\n');
        let ran = says(&bytes);
        let logs = ran.of_run("logs").env("GITHUB_ACTIONS", "true").run().stdout;
        assert!(logs.len() > bytes.len(), "all of it is shown");
        let report = ran.of_run("report").run().stdout;
        for (text, what) in [
            (ran.stdout.clone() + &ran.stderr, "run"),
            (ran.of_run("show").run().stdout, "show"),
            (report.clone(), "report"),
            (logs, "logs"),
        ] {
            harmless(&text, what);
            screens += 1;
        }
        // The fence around the output is longer than any inside, so that nothing in it ends it.
        let fences: Vec<&str> = report.lines().filter(|line| line.starts_with("```")).collect();
        let (first, last) = (fences[0], fences[fences.len() - 1]);
        assert_eq!(first, format!("{last}text"), "{fences:?}");
        assert!(fences[1..fences.len() - 1].iter().all(|inside| inside.len() < last.len()), "{fences:?}");
        // The log has the bytes as they were.
        let kept = std::fs::read(ran.sandbox.runs().pop().unwrap().join("out/0001.stdout")).unwrap();
        assert_eq!(kept, bytes);
    }
    println!("forging: {} sequences on {screens} screens, 0 get through, the log has them byte for byte", all.len());
}

#[test]
fn logs_are_harmless_on_a_terminal_and_exact_in_a_pipe() {
    let bytes = b"\x1b[2J\x1b]0;owned\x07 ::error::x\n##[error]y\n";
    let ran = says(bytes);
    let piped = ran.of_run("logs").arg("main.one").run().stdout;
    assert_eq!(piped.as_bytes(), [&bytes[..], bytes].concat());
    let screen = ran.of_run("logs").arg("main.one").at_terminal().end().stdout.replace("\r\n", "\n");
    // The terminal of the test reads byte by byte.
    let screen = String::from_utf8(screen.chars().map(|c| c as u8).collect()).unwrap();
    harmless(&screen, "logs");
    assert!(screen.contains("␛[2J"), "{screen}");
}

#[test]
fn names_titles_values_and_errors_are_harmless_too() {
    let evil = "\\e]0;x\\a\\e[2J\\u202E ::error::x ##vso[x] <img src=x> @team";
    let body = format!(
        "title: \"{evil}\"\ninputs: {{ v: {{ default: \"{evil}\", help: \"{evil}\" }} }}\nsteps:\n  - id: each\n    for_each:\n      in: \
         [\"{evil}\"]\n      steps:\n        - {{ id: a, title: \"{{{{ item }}}}\", shell: 'true' }}\n  - id: ask\n    title: \
         \"{evil}\"\n    note: \"{evil}\"\n    shell: exit 3\n  - id: go\n    checkpoint: {{ title: \"{evil}\" }}\n"
    );
    let ran = Test::book(&body).env("USER", "eve\u{1b}[2J").code(1).run();
    let mut screens = vec![("run", ran.stdout.clone() + &ran.stderr)];
    for verb in ["show", "report", "verify"] {
        screens.push((verb, ran.of_run(verb).run().stdout));
    }
    screens.push(("plan", ran.then("plan a.yml --full").run().stdout));
    screens.push(("runs", ran.then("runs").run().stdout));
    screens.push(("keys", ran.then("keys").run().stdout));
    // Names of files, in errors and in excerpts.
    let name = "\u{1b}[2J::error::\u{202e}.yml";
    ran.sandbox.write(name, "runbook: v1\nname: a\nstps: '##vso[task.setvariable variable=x]y'\nsteps: []\n");
    let told = ran.then("check").arg(name).code(3).run();
    screens.push(("check", told.stdout + &told.stderr));
    let told = ran.then("check --short").arg(name).code(3).run();
    screens.push(("check --short", told.stdout + &told.stderr));
    let told = ran.then("run").arg(format!("no{name}")).code(2).run();
    screens.push(("run of nothing", told.stdout + &told.stderr));
    let told = ran.then("show").arg(name).start().end_any();
    screens.push(("show of nothing", told.stdout + &told.stderr));
    for (what, text) in &screens {
        harmless(text, what);
    }
    let report = &screens[2].1;
    let prose: String = report.split('`').step_by(2).collect();
    assert!(!prose.contains("<img") && !prose.contains("@team"), "{report}");
}
