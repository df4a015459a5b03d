//! One test per class of mistakes that tools of this kind have made. SECURITY.md lists them; a test keeps both equal.

use crate::support::{RUNBOOK, Test, lines};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

/// Ansible: a value lost its mark as unsafe on the way and was a template again.
#[test]
fn like_cve_2023_5764_a_value_is_never_templated_twice() {
    let body = "
inputs: { value: {} }
steps:
  - id: one
    shell: printf '%s' {{ inputs.value }}
    save: { text: stdout }
  - id: two
    set: { again: steps.one.text }
  - id: three
    file: { path: out, template: '{{ vars.again }}' }
  - id: four
    title: '{{ vars.again }}'
    shell: printf '%s' \"{{ vars.again }}\" {{ steps.one.text }}
";
    let value = "{{ 7 * 7 }}{% set x = 1 %}{{ inputs.value }}";
    let ran = Test::book(body).arg("-i").arg(format!("value={value}")).run();
    assert_eq!(ran.read("out"), value);
    assert_eq!(ran.logs("main.four"), value.repeat(2));
    assert!(ran.of_run("show").run().stdout.contains("7 * 7"));
}

/// GitHub Actions, tj-actions/branch-names: a name of a branch became script.
#[test]
fn like_cve_2023_49291_a_value_in_a_script_is_not_script() {
    let body = "inputs: { branch: {} }\nsteps:\n  - id: one\n    shell: echo \"on {{ inputs.branch }}\"; echo on {{ inputs.branch }}";
    let ran = Test::book(body).arg("-i").arg("branch=x\";touch${IFS}owned;\"$(touch owned)").run();
    assert!(!ran.sandbox.exists("owned"));
}

/// n8n: five sandboxes of an expression language, five ways out.
#[test]
fn like_cve_2025_68613_an_expression_reaches_nothing_but_its_names() {
    let ways = [
        "''.__class__.__mro__",
        "inputs.__class__",
        "self",
        "cycler.__init__.__globals__",
        "lipsum.__globals__",
        "range(999999999) | list",
        "namespace()",
        "dict()",
        "debug()",
        "run.constructor",
        "'x'.format(inputs)",
        "''.join.__self__",
        "inputs | attr('x')",
        "[].pop()",
        "inputs.v.upper()",
        "caller()",
        "loop",
        "include('/etc/passwd')",
    ];
    for way in ways {
        let body = format!(
            "inputs: {{ v: {{ default: x }} }}\nsteps: [{{ id: a, shell: touch owned, when: \"({way}) != 1\" }}]"
        );
        let ran = Test::book(&body).start().end_any();
        assert!(!ran.sandbox.exists("owned"), "{way} was evaluated: {}", ran.stdout);
    }
    for tag in [
        "{% include '/etc/passwd' %}",
        "{% import 'x' as x %}",
        "{% macro m() %}{% endmacro %}",
        "{% extends 'x' %}",
        "{% do 1 %}",
    ] {
        let body = format!("steps: [{{ id: a, file: {{ path: owned, template: \"{tag}\" }} }}]");
        assert!(!Test::book(&body).code(3).run().sandbox.exists("owned"), "{tag}");
    }
}

/// Jenkins: `@FILE` as an argument was replaced by what stands in the file.
#[test]
fn like_cve_2024_23897_an_at_sign_reads_no_file() {
    let body = "inputs: { v: {} }\nsteps:\n  - id: one\n    exec: [printf, '%s', '{{ inputs.v }}']";
    let ran = Test::book(body).arg("-i").arg("v=@/etc/passwd").run();
    assert_eq!(ran.logs("main.one"), "@/etc/passwd");
}

/// sudoedit: a `--` in an environment variable made further arguments; shlex: quoting that was none.
#[test]
fn like_cve_2023_22809_one_value_is_one_argument() {
    let body = "inputs: { v: {} }\nsteps:\n  - id: one\n    exec: [./count, '{{ inputs.v }}', end]\n  - id: two\n    shell: ./count {{ inputs.v }} end";
    for value in ["a -- b", "-- /etc/passwd", "'a' \"b\"", "a\nb", "*", "", "{a,b}", "~", "\\"] {
        let test = Test::book(body).file("count", "#!/bin/sh\necho $#\n").arg("-i").arg(format!("v={value}"));
        fs::set_permissions(test.sandbox.work().join("count"), fs::Permissions::from_mode(0o755)).unwrap();
        let ran = test.run();
        assert_eq!((ran.logs("main.one"), ran.logs("main.two")), ("2\n".into(), "2\n".into()), "{value:?}");
    }
}

const SECRET: &str = "inputs: { pw: { type: secret, from: 'env:PW' } }\n";
const VALUE: &str = "tr0ub4dor-and-3";

/// Ansible: a password of `svn` stood in the list of processes.
#[test]
fn like_cve_2020_1739_a_secret_is_no_argument() {
    for step in
        ["exec: [echo, '{{ inputs.pw }}']", "shell: echo {{ inputs.pw }}", "http: { get: 'http://x/{{ inputs.pw }}' }"]
    {
        let ran = Test::book(&format!("{SECRET}steps: [{{ id: one, {step} }}]")).env("PW", VALUE).code(3).run();
        assert!(ran.stderr.contains("secret") && !ran.stderr.contains(VALUE), "{}", ran.stderr);
    }
}

/// Ansible: `no_log` was forgotten on errors, in loops, in check mode. Here the bytes are masked where they are written.
#[test]
fn like_cve_2024_0690_a_secret_is_in_no_file_and_on_no_screen_when_a_step_fails() {
    let body = format!(
        "{SECRET}on_failure: rollback\nsteps:\n  - id: one\n    env: {{ PW: '{{{{ inputs.pw }}}}' }}\n    shell: echo \"x${{PW}}y\"; \
         printf '%s' \"$PW\" | base64; echo \"$PW\" >&2; exit 7\n    undo: {{ shell: 'true' }}\n"
    );
    let ran = Test::book(&body).env("PW", VALUE).code(11).run();
    let mut shown = ran.stdout.clone() + &ran.stderr;
    for verb in ["show", "report", "logs"] {
        shown += &ran.of_run(verb).start().end_any().stdout;
    }
    shown += &ran.then("plan a.yml --full").env("PW", VALUE).run().stdout;
    let encoded = "dHIwdWI0ZG9yLWFuZC0z";
    assert!(!shown.contains(VALUE) && !shown.contains(encoded), "{shown}");
    let files = ran.all_files();
    assert!(files.len() >= 6);
    for (path, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(VALUE) && !text.contains(encoded), "{}", path.display());
    }
}

/// Ansible: files in `/tmp` with names that others could guess and modes that let them read.
#[test]
fn like_cve_2020_1733_nothing_is_written_where_others_can_look() {
    let body = "steps:\n  - id: one\n    file: { path: conf, template: new }\n    undo: previous\n  - id: two\n    shell: echo $TMPDIR; ls -A \"$TMPDIR\"";
    let test = Test::book(body).file("conf", "old");
    let tmp = test.sandbox.work().join("tmp");
    fs::create_dir(&tmp).unwrap();
    let ran = test.env("TMPDIR", tmp.to_str().unwrap()).run();
    assert_eq!(ran.logs("main.two"), format!("{}\n", tmp.display()), "something was left in TMPDIR");
    for (path, _) in ran.all_files() {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o077, 0, "{}", path.display());
    }
}

/// sudo, remove_dir_all, tar: a link in the place of a file led the writer somewhere else.
#[test]
fn like_cve_2021_23240_a_planted_link_leads_nowhere() {
    for (name, of_run) in [("runs", false), ("heads", false), ("newest", false), ("out", true), ("kept", true)] {
        let body = "steps:\n  - id: one\n    shell: echo hello\n  - id: two\n    file: { path: conf, template: new }\n    undo: previous";
        let test = Test::book(body).file("conf", "old");
        let _sandbox = test.sandbox.clone();
        let victim = test.sandbox.work().join("victim");
        fs::create_dir(&victim).unwrap();
        let victim_file = test.sandbox.work().join("victim_file");
        fs::write(&victim_file, "precious").unwrap();
        let state = test.sandbox.state();
        fs::create_dir_all(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        if of_run {
            // A run that is resumed finds a link where its directory was.
            let body = "steps:\n  - id: go\n    checkpoint: { title: Go }\n  - id: one\n    shell: echo hello\n  - id: two\n    file: { path: conf, template: new }\n    undo: previous";
            let parked = test.file("a.yml", crate::support::book(body)).args("--no-input").code(5).run();
            let dir = parked.sandbox.runs().pop().unwrap().join(name);
            fs::remove_dir(&dir).unwrap();
            symlink(&victim, &dir).unwrap();
            let mut terminal = parked.of_run("resume").code(8).at_terminal();
            terminal.sees("is not a directory");
            terminal.end();
            assert_eq!(parked.read("conf"), "old", "something was changed that could not be taken back");
        } else {
            let to = if name == "newest" { &victim_file } else { &victim };
            symlink(to, state.join(name)).unwrap();
            let _ = test.start().end_any();
        }
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "{name} led out");
        assert_eq!(fs::read_to_string(&victim_file).unwrap(), "precious", "{name} led out");
    }
}

/// dagu: a run id of `..` removed what was above.
#[test]
fn like_cve_2026_31886_an_identifier_is_no_path() {
    let ran = Test::book("steps: [{ id: a, shell: echo x }]").run();
    let before = ran.all_files().len();
    for id in
        ["..", "../..", "../../work", "/etc", "....", "%2e%2e", "..%2f..", "0000\u{0}", "*", "~", "-rf", "01M7/../.."]
    {
        if id.contains('\0') {
            continue;
        }
        for verb in ["show", "logs", "report", "verify", "resume", "attest"] {
            let tried = ran.then(verb).arg("--").arg(id).start().end_any();
            assert!(!tried.stderr.contains("panicked"), "{verb} {id}: {}", tried.stderr);
            assert!(!tried.stdout.starts_with("COMPLETE"), "{verb} {id}");
        }
    }
    assert_eq!(ran.all_files().len(), before);
    // A path that the operator types is the operator's; a name is looked up among the targets only.
    for target in ["..", "%2e%2e", "*"] {
        let tried = ran.then("plan a.yml -t").arg(target).code(2).run();
        assert!(tried.stderr.contains("there is no target"), "{}", tried.stderr);
    }
}

/// Argo: a field of the user was merged over the template that was approved.
#[test]
fn like_cve_2026_31892_what_is_resumed_is_what_was_planned() {
    let body = "steps:\n  - id: go\n    checkpoint: { title: Go }\n  - id: act\n    shell: echo planned > trace";
    let parked = Test::book(body).args("--no-input").code(5).run();
    parked.sandbox.write("a.yml", crate::support::book(&body.replace("planned", "merged")));
    let refused = parked.of_run("resume").args("--no-input").code(6).run();
    assert!(refused.stderr.contains("RB0701") && lines(&parked, "trace").is_empty(), "{}", refused.stderr);
}

/// kube-apiserver, yaml-rust, serde_yaml: a few lines of YAML took all memory or the stack.
#[test]
fn like_cve_2019_11253_a_yaml_bomb_is_refused() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let ran = Test::new().file("a.yml", bomb).args("check a.yml").code(3).run();
    assert!(ran.stdout.contains("RB0116"), "{}", ran.stdout);
    let deep = format!("a: {}", "[".repeat(50_000));
    assert!(Test::new().file("a.yml", deep).args("check a.yml").code(3).run().stdout.contains("RB0116"));
}

/// Argo: one bad annotation and the controller crashed again and again.
#[test]
fn like_cve_2026_40886_a_bad_run_hurts_no_other() {
    let ran = Test::book("steps: [{ id: a, shell: echo x }]").run();
    let good = ran.sandbox.run_id();
    let runs = ran.sandbox.state().join("runs");
    let bad = |last: &str| runs.join(format!("{}{last}", &good[..25]));
    let other = |letter: char| if good.ends_with(letter) { "Z".to_owned() } else { letter.to_string() };
    fs::create_dir(bad(&other('1'))).unwrap();
    fs::write(bad(&other('2')), "a file").unwrap();
    symlink("/", bad(&other('3'))).unwrap();
    fs::create_dir(bad(&other('4'))).unwrap();
    fs::write(bad(&other('4')).join("run.jsonl"), [0xff; 4096]).unwrap();
    fs::create_dir(bad(&other('5'))).unwrap();
    assert!(Command::new("mkfifo").arg(bad(&other('5')).join("run.jsonl")).status().unwrap().success());
    fs::create_dir(bad(&other('6'))).unwrap();
    symlink("/dev/zero", bad(&other('6')).join("run.jsonl")).unwrap();
    fs::write(runs.join("\u{1b}[2J"), "").unwrap();
    let listed = ran.then("runs").run().stdout;
    assert!(listed.contains(&good[..10]) && !listed.contains('\u{1b}'), "{listed}");
    assert!(ran.then("verify").arg(&good).run().stdout.starts_with("COMPLETE"));
    ran.then("run a.yml").run();
}

/// Rundeck: YAML that makes objects of classes.
#[test]
fn like_cve_2021_39132_a_tag_makes_no_object() {
    for tag in [
        "!!python/object/apply:os.system",
        "!ruby/object:Gem::Installer",
        "!!javax.script.ScriptEngineManager",
        "!<tag:x>",
    ] {
        let body = format!("runbook: v1\nname: a\ntitle: {tag} [touch owned]\nsteps: [{{ id: a, shell: 'true' }}]\n");
        let ran = Test::new().file("a.yml", body).args("check a.yml").code(3).run();
        assert!(ran.stdout.contains("RB0112") && !ran.sandbox.exists("owned"), "{}", ran.stdout);
    }
}

/// Terminals, gitoxide, tracing-subscriber: output that drives the terminal of whoever reads it.
#[test]
fn like_rustsec_2024_0364_no_output_drives_the_terminal() {
    let body = "steps:\n  - id: one\n    shell: printf '\\033]0;owned\\007\\033[2J\\033P+q\\033\\\\\\x9b2J\\342\\200\\256x\\n'; exit 3";
    let ran = Test::book(body).code(1).run();
    for text in [ran.stdout.clone() + &ran.stderr, ran.of_run("show").run().stdout, ran.of_run("report").run().stdout] {
        let bad = text.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        assert_eq!(bad, None, "{text}");
    }
}

/// age, sudo: a name from a file, or a directory of somebody else, chose the program.
#[test]
fn like_rustsec_2024_0433_no_name_in_data_and_no_directory_of_others_chooses_a_program() {
    let test = Test::book("steps: [{ id: one, exec: [ls] }]");
    let evil = test.sandbox.work().join("ls");
    fs::write(&evil, "#!/bin/sh\ntouch owned\n").unwrap();
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(RUNBOOK);
    command.args(["run", "a.yml"]);
    test.surround(&mut command);
    let out = command.env("PATH", ".:/usr/bin:/bin").stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success() && !test.sandbox.exists("owned"));
}

/// Rundeck: every image came with the same key.
#[test]
fn like_cve_2022_29186_every_machine_makes_its_own_key() {
    let key = || {
        let ran = Test::book("steps: [{ id: a, shell: 'true' }]").run();
        let keys = fs::read_dir(ran.sandbox.config()).unwrap().flatten();
        let public = keys.map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "pub")).unwrap();
        fs::read_to_string(public).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    assert_ne!(key(), key());
}

/// tj-actions: what a reference meant was changed later. Here the plan holds the digests of everything it was made from.
#[test]
fn like_cve_2025_30066_an_include_that_changed_is_not_run_by_a_resumed_run() {
    let inner = "runbook: v1\nname: inner\nsteps: [{ id: x, shell: echo reviewed > trace }]\n";
    let body = "steps:\n  - id: go\n    checkpoint: { title: Go }\n  - id: inc\n    run: { runbook: inner.yml }";
    let parked = Test::book(body).file("inner.yml", inner).args("--no-input").code(5).run();
    parked.sandbox.write("inner.yml", inner.replace("reviewed", "other"));
    let refused = parked.of_run("resume").args("--no-input").code(6).run();
    assert!(refused.stderr.contains("inner.yml") && lines(&parked, "trace").is_empty(), "{}", refused.stderr);
}

/// Argo CD: a name of a file led to a file of another repository; Ansible: a role unpacked outside its directory.
#[test]
fn like_cve_2022_24348_an_include_stays_in_its_repository() {
    let test = Test::book("steps: [{ id: a, run: { runbook: '../home/other.yml' } }]");
    let other = test.sandbox.work().parent().unwrap().join("home/other.yml");
    fs::write(&other, "runbook: v1\nname: other\nsteps: [{ id: x, shell: touch owned }]\n").unwrap();
    let ran = test.code(3).run();
    assert!(ran.stderr.contains("reviewed with it") && !ran.sandbox.exists("owned"), "{}", ran.stderr);
}

/// Server-side requests to where a cloud hands out credentials.
#[test]
fn like_the_capital_one_breach_metadata_is_out_of_reach() {
    let ran = Test::book("steps: [{ id: a, http: { get: 'http://0xa9fea9fe/latest/' } }]").code(1).run();
    assert!(ran.reason("main.a").contains("clouds hand out credentials"));
}

#[test]
fn security_md_lists_exactly_these_tests() {
    let own = include_str!("cve.rs");
    let names = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut names: Vec<String> =
            words.filter(|w| w.starts_with("like_") && w.len() > 12).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    };
    let tests = names(&own.lines().filter(|l| l.starts_with("fn like_")).collect::<Vec<_>>().join("\n"));
    let listed = names(include_str!("../../SECURITY.md"));
    assert_eq!(tests, listed);
    assert!(tests.len() >= 20, "{}", tests.len());
    println!("regressions: {} classes, each with its test", tests.len());
}
