//! Sets of objects held against what they must be.

use crate::support::{Ran, Test};

/// Runs an audit of what a step printed.
fn audit(printed: &str, audit: &str, code: i32) -> Ran {
    let book = format!(
        "steps:\n  - {{ id: list, shell: cat objects, effect: read, save: {{ objects: stdout }} }}\n  - id: set\n    audit: \
         {{ in: \"{{{{ steps.list.objects }}}}\", as: obj, {audit} }}\n  - {{ id: after, shell: \"echo {{{{ \
         steps.set.count }}}} {{{{ steps.set.names | join('+') }}}}\", effect: read }}\n"
    );
    Test::book(&book).file("objects", printed).code(code).run()
}

const THREE: &str = r#"[
  {"name": "server", "env": "prd", "net": "internal"},
  {"name": "postgres", "env": "dev", "net": "internal"},
  {"name": "grafana", "env": "prd", "net": "bridge"}
]"#;

#[test]
fn a_set_that_is_as_it_must_be_passes_and_keeps_its_count_and_names() {
    let ran = audit(THREE, "count: 3, equal: [grafana, postgres, server], all: \"obj.net != ''\"", 0);
    assert_eq!(ran.logs("main.after"), "3 server+postgres+grafana\n");
    ran.verified();
}

#[test]
fn every_object_that_fails_a_condition_is_named_with_the_condition_and_what_was_found() {
    let ran = audit(THREE, "all: [\"obj.env == 'prd'\", \"obj.net == 'internal'\"]", 1);
    let why = "`obj.env == 'prd'` does not hold for postgres, found `dev`; `obj.net == 'internal'` does not hold for \
               grafana, found `bridge`";
    assert_eq!(ran.reason("main.set"), why);
}

#[test]
fn what_is_missing_extra_or_there_twice_is_reported_in_any_order() {
    let printed = "\"b\"\n\"c\"\n\"c\"\n\"x\"\n";
    let ran = audit(printed, "count: 3, equal: [a, b, c]", 1);
    let why = "4 objects, and there must be 3; missing: a; extra: x; there more than once: c";
    assert_eq!(ran.reason("main.set"), why);
}

#[test]
fn an_empty_set_is_inconclusive_whatever_is_asked_of_it() {
    for printed in ["", "[]", "\n"] {
        let ran = audit(printed, "all: \"obj.env == 'prd'\"", 1);
        assert_eq!(ran.reason("main.set"), "there are no objects, so nothing can be said of them");
        assert!(ran.log().contains("inconclusive"));
    }
}

#[test]
fn a_condition_that_cannot_be_told_is_not_held() {
    let ran = audit(r#"[{"name": "a", "env": "prd"}, {"name": "b"}]"#, "all: \"obj.env == 'prd'\"", 1);
    let why = ran.reason("main.set");
    assert!(why.starts_with("`obj.env == 'prd'` does not hold for b (") && why.contains("env"), "{why}");
}

#[test]
fn text_that_is_no_list_is_refused_with_the_way_out() {
    let ran = audit("server postgres\n", "count: 2", 1);
    let why = "`in:` is text that is no JSON: `server postgres`; for lines of names write `| lines`";
    assert_eq!(ran.reason("main.set"), why);
}

#[test]
fn many_failing_objects_are_counted_beyond_the_first_twelve() {
    let printed: String = (0..30).map(|n| format!("{n}\n")).collect();
    let why = audit(&printed, "all: obj < 5", 1).reason("main.set");
    assert!(why.ends_with("16, found `16` and 13 more"), "{why}");
}

#[test]
fn an_operator_who_is_asked_can_have_it_judged_again_or_accept_it() {
    let book = "
on_failure: ask
steps:
  - { id: set, audit: { in: [a, b], equal: [a, c] } }
  - { id: after, shell: echo done > done.txt, timeout: 5s, undo: { none: a file } }
";
    let mut terminal = Test::book(book).at_terminal();
    terminal.sees("r/s/b/q: ");
    terminal.types("r").sees("r/s/b/q: ").types("s planned").until("done.txt");
    terminal.end();
}

#[test]
fn a_dry_run_names_the_objects_and_what_must_be_true_of_them() {
    let book = crate::support::book("steps: [{ id: set, audit: { in: [a, b], equal: [a, b], all: item } }]");
    let ran = Test::new().file("a.yml", book).args("plan a.yml").run();
    assert!(ran.stdout.contains("audit a, b: exactly a, b, for each item"), "{}", ran.stdout);
}
