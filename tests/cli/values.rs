//! Text stays text: what YAML elsewhere turns into booleans and numbers arrives as it was written.

use crate::support::Test;
use snapbox::str;

const TRICKY: [&str; 14] = [
    "no",
    "off",
    "on",
    "yes",
    "1.10",
    "0123456",
    "123e456",
    "0x1F",
    "1_000",
    "~",
    "null",
    "true",
    "2024-01-01",
    "12:30:00",
];

const PRINT: &str = "
inputs: { value: { type: string } }
steps:
  - id: print
    shell: printf '%s|' {{ inputs.value }} \"$COPY\"
    env: { COPY: '{{ inputs.value }}' }
";

/// A runbook with one input for each tricky value, `declared` like this, that prints them all.
fn prints_all(declare: impl Fn(&str) -> String) -> Test {
    let names = (0..TRICKY.len()).map(|n| format!("v{n}"));
    let inputs: String = names.clone().zip(TRICKY).map(|(n, v)| format!("  {n}: {}\n", declare(v))).collect();
    let words: String = names.map(|n| format!(" {{{{ inputs.{n} }}}}")).collect();
    Test::book(&format!("inputs:\n{inputs}steps:\n  - id: print\n    shell: printf '%s|'{words}"))
}

fn all_unchanged(test: Test) {
    assert_eq!(test.run().logs("main.print"), TRICKY.map(|v| format!("{v}|")).concat());
}

#[test]
fn values_of_the_command_line_arrive_unchanged() {
    let test = prints_all(|_| "{ type: string }".into());
    all_unchanged(TRICKY.iter().enumerate().fold(test, |t, (n, v)| t.arg("-i").arg(format!("v{n}={v}"))));
}

#[test]
fn values_of_an_input_file_arrive_unchanged() {
    let values: String = TRICKY.iter().enumerate().map(|(n, v)| format!("v{n}: {v}\n")).collect();
    all_unchanged(prints_all(|_| "{}".into()).file("in.yml", values).args("--inputs in.yml"));
}

#[test]
fn defaults_arrive_unchanged() {
    // A default of nothing would be no default.
    let default = |v: &str| if ["~", "null"].contains(&v) { format!("'{v}'") } else { v.to_string() };
    all_unchanged(prints_all(|v| format!("{{ default: {} }}", default(v))));
    let refused = Test::book("inputs: { v: { default: ~ } }\nsteps: [{ id: a, shell: 'true' }]").code(3).run();
    assert!(refused.stderr.contains("`default` needs text, found nothing"), "{}", refused.stderr);
}

#[test]
fn members_of_a_list_arrive_unchanged() {
    let list =
        format!("[{}]", TRICKY.iter().filter(|v| !["~", "null"].contains(v)).copied().collect::<Vec<_>>().join(", "));
    let expected = list.trim_matches(['[', ']']).replace(", ", "|");
    let body = |more: &str| {
        format!(
            "inputs: {{ names: {{ type: list{more} }} }}\nsteps:\n  - id: print\n    shell: printf '%s' {{{{ inputs.names | join('|') }}}}"
        )
    };
    let given = Test::book(&body("")).file("in.yml", format!("names: {list}\n")).args("--inputs in.yml").run();
    assert_eq!(given.logs("main.print"), expected);
    assert_eq!(Test::book(&body(&format!(", default: {list}"))).run().logs("main.print"), expected);
}

#[test]
fn items_written_in_the_file_arrive_unchanged() {
    let body = "steps:\n  - id: all\n    for_each:\n      in: [no, 1.10, 1.5, 0123, 7]\n      steps:\n        - id: one\n          shell: echo {{ item }} >> trace";
    assert_eq!(crate::support::lines(&Test::book(body).run(), "trace"), ["no", "1.10", "1.5", "0123", "7"]);
}

/// Without a type an input is a string.
#[test]
fn an_input_without_a_type_is_text() {
    let body = PRINT.replace("type: string", "default: 0755");
    assert_eq!(Test::book(&body).run().logs("main.print"), "0755|0755|");
}

#[test]
fn target_values_and_the_inputs_of_an_included_runbook_arrive_unchanged() {
    let inner = "runbook: v1\nname: inner\ninputs: { value: {} }\noutputs: { got: steps.print.got }\nsteps:\n  - id: print\n    \
                 shell: printf '%s|%s' {{ inputs.value }} {{ target.version }}\n    save: { got: stdout }\n";
    let body = "
steps:
  - id: inner
    run: { runbook: inner.yml, inputs: { value: 0123 } }
  - id: print
    shell: printf '%s' {{ steps.inner.got }}
";
    let test = Test::book(body).file("inner.yml", inner);
    let ran = test.file("targets/t.yml", "target: v1\nversion: '1.10'\n").args("-t t").run();
    assert_eq!(ran.logs("main.print"), "0123|1.10");
}

#[test]
fn typed_values_have_the_unit_of_their_type() {
    let body = "
inputs:
  count: { type: int, default: 3 }
  ratio: { type: number, default: 0.5 }
  pause: { type: duration, default: 1m30s }
  room: { type: size, default: 2 GiB }
  on: { type: bool, default: true }
  names: { type: list, default: [a, 'b c'] }
steps:
  - id: print
    shell: >
      printf '%s\\n' {{ inputs.count + 1 }} {{ inputs.ratio }} {{ inputs.pause }} {{ inputs.room }} {{ inputs.on }}
      {{ inputs.names | join(',') }}
";
    let ran = Test::book(body).run();
    assert_eq!(ran.logs("main.print"), "4\n0.5\n90\n2147483648\ntrue\na,b c\n");
    let ran = ran.then("run a.yml -i pause=2h -i names=x,y -i on=false").run();
    assert_eq!(ran.logs("main.print"), "4\n0.5\n7200\n2147483648\nfalse\nx,y\n");
}

#[test]
fn the_last_word_wins_command_line_over_file_over_default() {
    let body = PRINT.replace("type: string", "type: string, default: d");
    let test = || Test::book(&body).file("in.yml", "value: f");
    assert_eq!(test().run().logs("main.print"), "d|d|");
    assert_eq!(test().args("--inputs in.yml").run().logs("main.print"), "f|f|");
    assert_eq!(test().args("--inputs in.yml -i value=c").run().logs("main.print"), "c|c|");
}

#[test]
fn values_come_from_the_environment_and_from_files_where_the_runbook_says() {
    let body = PRINT.replace("type: string", "from: env:THE_VALUE");
    assert_eq!(Test::book(&body).env("THE_VALUE", "no").run().logs("main.print"), "no|no|");
    let body = PRINT.replace("type: string", "from: file:value.txt");
    assert_eq!(Test::book(&body).file("value.txt", "1.10\n").run().logs("main.print"), "1.10|1.10|");
}

#[test]
fn a_value_with_an_equals_sign_keeps_it() {
    let ran = Test::book(PRINT).arg("-i").arg("value=a=b=c").run();
    assert_eq!(ran.logs("main.print"), "a=b=c|a=b=c|");
}

#[test]
fn numbers_outside_their_range_are_refused() {
    Test::book("inputs: { n: { type: int, default: 1, min: 1, max: 5 } }\nsteps: [{ id: a, shell: 'true' }]")
        .args("-i n=9")
        .code(3)
        .stderr(str![[r#"
error[RB0502]: input `n`: 9 is more than the greatest value 5
 --> a.yml:3:11
  |
3 | inputs: { n: { type: int, default: 1, min: 1, max: 5 } }
  |           ^
  |
  = help: see the declaration shown here
  = see: runbook explain RB0502

1 error in a.yml

"#]])
        .run();
}
