//! What reaches a process and what comes back: values, input, limits, environment, secrets.

use crate::support::{Ran, Test, lines};
use std::time::{Duration, Instant};

const HOSTILE: &str = "$(touch owned) `touch owned` ; touch owned & \" ' \\ * ~ ${HOME} %s {{ x }} \u{1b}[2J ünï\tend";

#[test]
fn hostile_characters_arrive_byte_for_byte_in_every_place() {
    let body = r#"
inputs: { value: {} }
steps:
  - id: places
    shell: |
      printf '%s\n' {{ inputs.value }} "{{ inputs.value }}" '{{ inputs.value }}' x{{ inputs.value }}
      cat <<END
      {{ inputs.value }}
      END
      printf '%s\n' "$(printf '%s' {{ inputs.value }})"
  - id: words
    exec: [printf, '%s\n', "{{ inputs.value }}"]
  - id: environment
    shell: printf '%s\n' "$VALUE"
    env: { VALUE: "{{ inputs.value }}" }
  - id: input
    shell: cat
    stdin: "{{ inputs.value }}"
  - id: content
    file: { path: out.txt, template: "{{ inputs.value }}" }
"#;
    let ran = Test::book(body).arg("-i").arg(format!("value={HOSTILE}")).run();
    let places = ran.logs("main.places");
    let found: Vec<&str> = places.lines().map(|l| l.trim_start_matches([' ', 'x'])).collect();
    assert_eq!(found, [HOSTILE; 6]);
    assert_eq!(ran.logs("main.words"), format!("{HOSTILE}\n"));
    assert_eq!(ran.logs("main.environment"), format!("{HOSTILE}\n"));
    assert_eq!(ran.logs("main.input"), HOSTILE);
    assert_eq!(ran.read("out.txt"), HOSTILE);
    assert!(!ran.sandbox.exists("owned"));
}

#[test]
fn a_line_feed_in_a_value_is_no_second_command() {
    let body = "inputs: { value: {} }\nsteps:\n  - id: print\n    shell: printf '<%s>' {{ inputs.value }}";
    let ran = Test::book(body).arg("-i").arg("value=a\ntouch owned\n").run();
    assert_eq!(ran.logs("main.print"), "<a\ntouch owned\n>");
    assert!(!ran.sandbox.exists("owned"));
}

#[test]
fn output_of_a_step_is_data_and_never_a_template() {
    let body = "
steps:
  - id: says
    shell: cat said
    save: { text: stdout }
  - id: repeats
    shell: printf '%s' {{ steps.says.text }}
";
    let said = "{{ inputs.x }} {% if %} $(id)";
    assert_eq!(Test::book(body).file("said", said).run().logs("main.repeats"), said);
}

#[test]
fn a_value_too_long_for_an_argument_names_the_way_out() {
    let body = "
steps:
  - id: much
    shell: head -c 140000 /dev/zero | tr '\\0' x > big
    effect: read
  - id: long
    shell: test -n \"$BIG\"
    env: { BIG: \"{{ 'x' * 140000 }}\" }
";
    let ran = Test::book(body).code(1).run();
    let reason = ran.reason("main.long");
    assert!(reason.contains("137 KiB") && reason.contains("`stdin:` or in a file"), "{reason}");
    let body = "steps:\n  - id: long\n    shell: wc -c\n    stdin: \"{{ 'x' * 140000 }}\"";
    assert_eq!(Test::book(body).run().logs("main.long").trim(), "140000");
}

#[test]
fn without_stdin_the_input_is_empty() {
    let body = "steps:\n  - id: read\n    shell: cat | wc -c";
    assert_eq!(Test::book(body).stdin("typed into the tool").run().logs("main.read").trim(), "0");
}

#[test]
fn a_daemon_that_keeps_the_pipe_does_not_keep_the_run() {
    let since = Instant::now();
    let ran = Test::book("steps:\n  - id: daemon\n    shell: sleep 20 & echo $! > pid").run();
    assert!(since.elapsed() < Duration::from_millis(1500), "{:?}", since.elapsed());
    assert!(ran.log().contains("\"output_held\":true"));
    kill(ran.read("pid").trim());
}

#[test]
fn the_time_limit_ends_grandchildren_too() {
    let body = "
steps:
  - id: hangs
    timeout: 200ms
    shell: |
      (trap '' TERM; echo $BASHPID > grandchild; while :; do sleep 0.05; done) &
      sleep 30
";
    let ran = Test::book(body).env("UNUSED", "1").code(1).run();
    assert!(ran.reason("main.hangs").starts_with("timed out after"), "{}", ran.reason("main.hangs"));
    assert!(is_gone(ran.read("grandchild").trim()));
}

#[test]
fn a_polite_process_is_given_time_to_clean_up() {
    let body = "
steps:
  - id: hangs
    timeout: 150ms
    shell: |
      trap 'echo cleaned > trace; exit 0' TERM
      sleep 30 & wait
";
    let ran = Test::book(body).code(1).run();
    assert_eq!(lines(&ran, "trace"), ["cleaned"]);
}

#[test]
fn the_environment_of_a_step_is_clean() {
    let body = "steps:\n  - id: env\n    shell: env | cut -d= -f1 | sort | grep -v '^_$'\n    env: { MINE: x }";
    let ran = Test::book(body).env("SSH_AUTH_SOCK", "/x").env("AWS_SECRET", "y").env("TZ", "UTC").run();
    let names: Vec<String> = ran.logs("main.env").lines().map(String::from).collect();
    let known = [
        "HOME",
        "LC_CTYPE",
        "LOGNAME",
        "MINE",
        "PATH",
        "PWD",
        "RUNBOOK_ATTEMPT",
        "RUNBOOK_IDEMPOTENCY_KEY",
        "RUNBOOK_RUN_ID",
        "RUNBOOK_STEP",
        "SHLVL",
        "TRACEPARENT",
        "TZ",
        "USER",
    ];
    assert_eq!(names, known);
}

#[test]
fn a_step_cannot_read_what_is_typed_at_the_tool() {
    let body = "steps:\n  - id: tty\n    exit: 1\n    shell: (true < /dev/tty) 2>/dev/null";
    Test::book(body).run();
}

#[test]
fn errors_of_a_script_stop_it_and_are_told() {
    let body = "steps:\n  - id: bad\n    shell: |\n      echo before\n      false | true\n      echo after";
    let ran = Test::book(body).code(1).run();
    assert_eq!(ran.reason("main.bad"), "exit 1");
    assert_eq!(ran.logs("main.bad"), "before\n");
    let ran = Test::book("steps:\n  - id: bad\n    shell: echo $UNSET_NAME").code(1).run();
    assert!(ran.show()["rows"][1]["tail"].as_str().unwrap().contains("UNSET_NAME: unbound variable"));
}

#[test]
fn a_program_that_is_not_there_is_unavailable_not_failed() {
    let ran = Test::book("steps:\n  - id: none\n    exec: [no-such-program-here]").code(1).run();
    assert_eq!(ran.steps(), ["main.none unavailable"]);
    let reason = ran.reason("main.none");
    assert!(reason.starts_with("program `no-such-program-here` is not installed: not found in /usr"), "{reason}");
}

#[test]
fn other_exit_codes_are_a_success_where_the_step_says_so() {
    let body = "steps:\n  - id: three\n    shell: exit 3\n    exit: [0, 3]\n    expect: exit == 3";
    Test::book(body).run();
}

#[test]
fn steps_start_where_the_run_was_started_or_where_they_say() {
    let body = "steps:\n  - id: here\n    shell: pwd\n  - id: there\n    shell: pwd\n    dir: /usr";
    let ran = Test::book(body).run();
    assert_eq!(ran.logs("main.here").trim(), ran.sandbox.work().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(ran.logs("main.there"), "/usr\n");
}

#[test]
fn output_is_kept_whole_and_byte_for_byte() {
    let body = "steps:\n  - id: big\n    shell: head -c 3000000 /dev/zero | tr '\\0' 'y'; printf '\\xff\\xfe'";
    let ran = Test::book(body).run();
    let run = ran.sandbox.runs().pop().unwrap();
    let out = std::fs::read(run.join("out/0001.stdout")).unwrap();
    assert_eq!((out.len(), &out[out.len() - 2..]), (3_000_002, &[0xff, 0xfe][..]));
    ran.verified();
}

#[test]
fn output_too_long_to_judge_is_inconclusive() {
    let body = "steps:\n  - id: big\n    shell: head -c 70000 /dev/zero | tr '\\0' y\n    expect: stdout != ''";
    let ran = Test::book(body).code(1).run();
    assert_eq!(ran.steps(), ["main.big inconclusive"]);
}

const CANARY: &str = "canary-7f3a/9c&51=d\"8e'2b";

fn leaves_no_trace(ran: &Ran) {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(CANARY);
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    let json = serde_json::to_string(CANARY).unwrap();
    let forms = [CANARY, base64.trim_end_matches('='), &hex, &hex.to_uppercase(), json.trim_matches('"')];
    let mut places = ran.all_files();
    places.push(("stdout".into(), ran.stdout.clone().into_bytes()));
    places.push(("stderr".into(), ran.stderr.clone().into_bytes()));
    for verb in ["show", "report", "logs", "verify"] {
        let said = ran.of_run(verb).run();
        places.push((verb.into(), (said.stdout + &said.stderr).into_bytes()));
    }
    let said = ran.of_run("show").args("--output json").run();
    places.push(("show json".into(), said.stdout.into_bytes()));
    assert!(places.len() > 9);
    for (place, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for form in &forms {
            assert!(!text.contains(form), "`{form}` stands in {}:\n{text}", place.display());
        }
    }
}

#[test]
fn a_secret_reaches_its_step_and_nothing_else() {
    let body = r#"
inputs:
  token: { type: secret, from: env:THE_TOKEN }
  other: { type: secret, from: file:token.txt }
steps:
  - id: uses
    shell: |
      printf '%s' "$TOKEN" | sha256sum > sum
      printf '%s' "$OTHER" | sha256sum >> sum
      echo "raw $TOKEN"; echo "$TOKEN" >&2
      printf '%s' "$TOKEN" | base64
      printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \n'
      printf '%s' "$TOKEN" | od -An -tx1 | tr -d ' \n' | tr a-f A-F
      for part in 1 2 3; do printf '%s' "${TOKEN:0:9}"; sleep 0.02; printf '%s\n' "${TOKEN:9}"; done
    env: { TOKEN: "{{ inputs.token }}", OTHER: "{{ inputs.other }}" }
  - id: bystander
    shell: env
  - id: fails
    shell: echo "failing with $TOKEN"; exit 1
    env: { TOKEN: "{{ inputs.token }}" }
"#;
    let test = Test::book(body).env("THE_TOKEN", CANARY).file("token.txt", format!("{CANARY}\n")).code(1);
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(test.sandbox.work().join("token.txt"), private).unwrap();
    let ran = test.run();
    assert_eq!(lines(&ran, "sum")[0], lines(&ran, "sum")[1]);
    leaves_no_trace(&ran);
    assert!(
        ran.logs("main.uses").starts_with("raw [secret:token]\n") || ran.logs("main.uses").starts_with("raw ***"),
        "{}",
        ran.logs("main.uses")
    );
    let plan = ran.then("plan a.yml --full").env("THE_TOKEN", CANARY).run();
    assert!(!plan.stdout.contains(CANARY) && plan.stdout.contains("token"), "{}", plan.stdout);
}

#[test]
fn t69_a_secret_split_over_two_writes_encoded_or_at_the_end_of_the_output() {
    let body = r#"
inputs:
  token: { type: secret, from: env:THE_TOKEN }
steps:
  - id: split
    shell: |
      code=$(printf '%s' "$TOKEN" | base64)
      printf '%s' "${code:0:11}"; sleep 0.05; printf '%s' "${code:11}"
    env: { TOKEN: "{{ inputs.token }}" }
  - id: at_the_end
    shell: |
      printf 'a line\n%s' "$TOKEN"; printf '%s' "$TOKEN" >&2
    env: { TOKEN: "{{ inputs.token }}" }
  - id: twice
    shell: |
      printf '%s%s' "$TOKEN" "${TOKEN:0:8}"; sleep 0.05; printf '%s' "${TOKEN:8}"
    env: { TOKEN: "{{ inputs.token }}" }
"#;
    let ran = Test::book(body).env("THE_TOKEN", CANARY).run();
    leaves_no_trace(&ran);
    assert!(ran.logs("main.at_the_end").contains("a line"), "{}", ran.logs("main.at_the_end"));
}

#[test]
fn what_a_step_saves_may_not_contain_a_secret() {
    let body = "
inputs: { token: { type: secret, from: env:THE_TOKEN } }
steps:
  - id: leaks
    shell: echo \"$TOKEN\"
    env: { TOKEN: '{{ inputs.token }}' }
    save: { text: stdout }
  - id: uses
    shell: echo {{ steps.leaks.text }}
";
    let ran = Test::book(body).env("THE_TOKEN", CANARY).start().end_any();
    leaves_no_trace(&ran);
}

#[test]
fn a_secret_without_a_value_is_told_before_anything_is_touched() {
    let body = "
inputs: { token: { type: secret, from: env:THE_TOKEN } }
steps:
  - id: first
    shell: 'true'
  - id: uses
    shell: 'true'
    env: { TOKEN: '{{ inputs.token }}' }
";
    let ran = Test::book(body).code(2).run();
    let words = "secret `token` has no value: environment variable THE_TOKEN is not set";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert!(ran.sandbox.runs().is_empty());
}

/// Not there, or dead and only waiting for whoever adopted it.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'))
}

fn kill(pid: &str) {
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
