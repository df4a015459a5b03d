use super::{read, read_target, read_waivers};
use crate::runbook::model::Text;
use crate::runbook::model::{Effect, HttpBody, Kind, Runbook, Step, Tree};
use crate::text::{Code, Diagnostic, Severity, Source};
use serde_json::json;

fn source(text: &str) -> Source {
    Source::new("a.yml", text)
}

fn sound(text: &str) -> Runbook {
    let (book, problems) = read(&source(text));
    assert!(problems.is_empty(), "{problems:?}");
    book.unwrap()
}

fn problems(text: &str) -> Vec<Diagnostic> {
    read(&source(text)).1
}

/// A runbook whose only step has this body.
fn one(body: &str) -> String {
    format!("runbook: v1\nname: demo\nsteps:\n  - {{ id: a, {body} }}\n")
}

fn step(body: &str) -> Step {
    sound(&one(body)).phases.remove(0).steps.remove(0)
}

#[test]
fn text_is_kept_as_written() {
    for written in ["1.10", "0123456", "no", "123e456", "true", "0x1F", "'quoted'"] {
        let want = written.trim_matches('\'');
        assert_eq!(step(&format!("wait: 1s, title: {written}")).title.unwrap().value, want);
        let book = sound(&format!(
            "runbook: v1\nname: demo\ninputs: {{ v: {{ default: {written} }}, l: {{ type: list, default: [{written}] }} }}\n\
             steps: [{{ id: a, wait: 1s }}]\n"
        ));
        assert_eq!(book.inputs[0].default, Some(json!(want)));
        assert_eq!(book.inputs[1].default, Some(json!([want])));
    }
}

#[test]
fn defaults_of_numbers_and_booleans_have_their_type() {
    let book = sound(
        "runbook: v1\nname: demo\ninputs:\n  i: { type: int, default: 3 }\n  n: { type: number, default: 0.5 }\n  \
         b: { type: bool, default: false }\n  d: { type: duration, default: 5m }\nsteps: [{ id: a, wait: 1s }]\n",
    );
    let defaults: Vec<_> = book.inputs.into_iter().map(|i| i.default.unwrap()).collect();
    assert_eq!(defaults, [json!(3), json!(0.5), json!(false), json!("5m")]);
}

#[test]
fn what_a_step_does_to_the_world_is_assumed_from_its_kind() {
    let cases = [
        ("shell: ls", Effect::Change),
        ("exec: [ls]", Effect::Change),
        ("file: { path: a, line: b }", Effect::Change),
        ("http: { get: u }", Effect::Read),
        ("http: { head: u }", Effect::Read),
        ("http: { post: u }", Effect::Change),
        ("http: { delete: u }", Effect::Change),
        ("wait: 1s", Effect::Read),
        ("set: { x: '1' }", Effect::Read),
        ("manual: Look", Effect::Read),
        ("checkpoint: { title: Go? }", Effect::Read),
    ];
    for (body, effect) in cases {
        assert_eq!(step(body).effect, effect, "{body}");
        assert!(!step(body).effect_written);
    }
    let written = step("shell: ls, effect: read");
    assert!(written.effect == Effect::Read && written.effect_written);
}

#[test]
fn a_question_whether_a_step_has_happened_only_looks() {
    assert_eq!(step("shell: ls, done_when: { shell: test -e a }").done_when.unwrap().effect, Effect::Read);
}

#[test]
fn steps_without_phases_are_one_phase_called_main() {
    let book = sound(&one("wait: 1s"));
    assert_eq!(book.phases.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["main"]);
}

#[test]
fn a_script_after_activate_is_a_shell_step() {
    let Kind::File(file) = step("file: { path: a, line: b }, activate: nginx -s reload").kind else { panic!() };
    let activate = file.activate.unwrap();
    assert_eq!((activate.id.as_str(), activate.effect), ("activate", Effect::Change));
    assert!(matches!(&activate.kind, Kind::Shell(script) if script.value == "nginx -s reload"));
}

#[test]
fn data_keeps_its_types_and_its_strings_are_templates() {
    let Kind::Http(http) = step("http: { post: u, json: { n: 1.5, t: '{{ x }}', l: [null, true] } }").kind else {
        panic!()
    };
    let Some(HttpBody::Json(Tree::Map(entries))) = http.body else { panic!() };
    assert!(matches!(&entries[0].1, Tree::Plain(v) if *v == json!(1.5)));
    assert!(matches!(&entries[1].1, Tree::Text(t) if t.value == "{{ x }}"));
    assert!(matches!(&entries[2].1, Tree::List(items) if items.len() == 2));
}

#[test]
fn a_mode_is_read_as_octal() {
    let Kind::File(file) = step("file: { path: a, line: b, mode: '0640' }").kind else { panic!() };
    assert_eq!(file.mode, Some(0o640));
}

#[test]
fn a_place_inside_a_block_scalar_is_exact() {
    let text = "runbook: v1\nname: demo\nsteps:\n  - id: a\n    shell: |\n      true\n      echo HERE\n";
    let Kind::Shell(script) = sound(text).phases.remove(0).steps.remove(0).kind else { panic!() };
    let at = script.value.find("HERE").unwrap();
    let place = script.place_of(at..at + 4);
    assert_eq!((place.text(), place.line_col()), ("HERE", (7, 12)));
}

#[test]
fn every_problem_of_a_file_is_reported_at_once() {
    let text =
        "runbook: v1\nnmae: demo\nsteps:\n  - shell: [a]\n    timeout: 5\n  - id: B\n    wait: soon\n    env: {}\n";
    let codes: Vec<Code> = problems(text).into_iter().map(|p| p.code).collect();
    let expected =
        [Code::UNKNOWN_KEY, Code::MISSING_KEY, Code::WRONG_TYPE, Code::BAD_NAME, Code::MISPLACED_KEY, Code::BAD_UNIT];
    for code in expected {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
}

#[test]
fn a_misspelt_key_is_reported_once_and_read_as_what_was_meant() {
    let (book, problems) = read(&source(&one("shel: ls, tiemout: 5s")));
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::UNKNOWN_KEY, Code::UNKNOWN_KEY]);
    let step = &book.unwrap().phases[0].steps[0];
    assert!(matches!(&step.kind, Kind::Shell(script) if script.value == "ls"));
    assert_eq!(step.timeout.as_ref().unwrap().value, "5s");
}

#[test]
fn a_key_that_belongs_elsewhere_says_where() {
    let found = problems(&one("http: { get: u, timeout: 5s }"));
    assert_eq!(found[0].help, ["`timeout` belongs to the step: put it beside `http:`, not inside"]);
}

#[test]
fn a_second_id_shows_the_first_one() {
    let found = problems("runbook: v1\nname: demo\nsteps: [{ id: a, wait: 1s }]\nalways: [{ id: a, wait: 1s }]\n");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].place.line_col().0, found[0].also[0].0.line_col().0), (4, 3));
}

#[test]
fn a_target_profile_is_data_and_warns_of_numbers_that_lose_their_spelling() {
    let (profile, found) = read_target(&source("target: v1\nname: demo\nversion: 1.10\nhosts: [a, b]\n"));
    let profile = profile.unwrap();
    assert_eq!((profile.name.as_deref(), &profile.values["hosts"]), (Some("demo"), &json!(["a", "b"])));
    assert_eq!(
        found.iter().map(|p| (p.code, p.severity)).collect::<Vec<_>>(),
        [(Code::NUMBER_SPELLING, Severity::Warning)]
    );
    assert!(read_target(&source("target: v2\nname: demo\n")).1.iter().any(|p| p.code == Code::VERSION));
    assert!(read_target(&source("target: v1\nname: Demo\n")).1.iter().any(|p| p.code == Code::BAD_NAME));
    assert!(read_target(&source("- a\n")).0.is_none_or(|p| p.name.is_none()));
}

#[test]
fn the_contract_speaks_only_where_the_reader_is_silent() {
    let root = crate::text::parse(&source(&one("shell: [a]"))).root.unwrap();
    let mut found = Vec::new();
    super::contract::check(&source(&one("shell: [a]")), &root, &mut found);
    assert!(found.iter().any(|p| p.code == Code::CONTRACT), "alone it rejects the file");
    assert!(problems(&one("shell: [a]")).iter().all(|p| p.code != Code::CONTRACT), "beside the reader it is silent");
}

#[jsonschema::validator(path = "schema/waiver.schema.json")]
struct WaiverContract;

#[jsonschema::validator(path = "schema/target.schema.json")]
struct TargetContract;

#[test]
fn waivers_are_a_list_and_each_says_what_who_why_and_until_when() {
    let good = "- { step: a.b, person: ana@example.com, reason: CHG-7, until: 2026-12-31 }\n";
    let (waivers, found) = read_waivers(&source(good));
    assert!(found.is_empty(), "{found:?}");
    let said = |text: &Text| text.value.clone();
    let words = [&waivers[0].step, &waivers[0].person, &waivers[0].reason, &waivers[0].until].map(said);
    assert_eq!(words, ["a.b", "ana@example.com", "CHG-7", "2026-12-31"]);
    assert!(read_waivers(&source("[]\n")).1.is_empty(), "that nothing is waived can be said");
    let cases = [
        (good.replace("until", "til"), Code::UNKNOWN_KEY),
        (good.replace("2026-12-31", "2026-02-30"), Code::BAD_VALUE),
        (good.replace("2026-12-31", "tomorrow"), Code::BAD_VALUE),
        (good.replace("2026-12-31", "20261231"), Code::WRONG_TYPE),
        (good.replace("ana@example.com", "'ana, li'"), Code::BAD_PRINCIPAL),
        (good.replace("ana@example.com", "\u{430}na@example.com"), Code::BAD_PRINCIPAL),
        (good.replace("ana@example.com", "'*'"), Code::BAD_PRINCIPAL),
        (good.replace("CHG-7", "' '"), Code::EMPTY),
        (good.replace("CHG-7", "7"), Code::WRONG_TYPE),
        (good.replace(", until: 2026-12-31", ""), Code::MISSING_KEY),
        (good.replace("- {", "{").replace("}\n", "}"), Code::WRONG_TYPE),
    ];
    for (text, code) in cases {
        let (_, found) = read_waivers(&source(&text));
        assert!(found.iter().any(|problem| problem.code == code), "{text}: {found:?}");
    }
    assert!(WaiverContract::is_valid(&crate::text::parse(&source(good)).root.unwrap().json()));
}

#[test]
fn the_contract_of_waivers_and_targets_rejects_nothing_that_is_read() {
    let values = ["", "x", "x y", "5", "true", "[]", "[x]", "{}", "{ x: y }", "'{{ x }}'", "2026-12-31", "\u{430}"];
    let mut read = 0;
    for value in values {
        for key in ["step", "person", "reason", "until"] {
            let entry = |name: &str, good: &str| format!("{name}: {}", if name == key { value } else { good });
            let fields = [("step", "a"), ("person", "li"), ("reason", "r"), ("until", "2026-12-31")];
            let fields: Vec<String> = fields.iter().map(|(name, good)| entry(name, good)).collect();
            let text = format!("-\n  {}\n", fields.join("\n  "));
            let accepted = read_waivers(&source(&text)).1.is_empty();
            let json = crate::text::parse(&source(&text)).root.unwrap().json();
            assert!(!accepted || WaiverContract::is_valid(&json), "{text}");
            read += u32::from(accepted);
        }
        for text in [
            format!("target: v1\nroles: {value}\n"),
            format!("target: v1\nroles:\n  lead: {value}\n"),
            format!("target: v1\nwaivers: {value}\n"),
            format!("target: v1\nenvironment: {value}\n"),
        ] {
            let accepted = read_target(&source(&text)).1.iter().all(|problem| problem.severity != Severity::Error);
            let json = crate::text::parse(&source(&text)).root.unwrap().json();
            assert!(!accepted || TargetContract::is_valid(&json), "{text}");
            read += u32::from(accepted);
        }
    }
    assert!(read > 10, "{read}");
}

#[test]
fn a_target_says_who_holds_a_role_by_names_that_cannot_be_mistaken() {
    let target = |roles: &str| read_target(&source(&format!("target: v1\nroles: {roles}\n"))).1;
    assert!(target("{ release-manager: [ana@example.com, li], tech_lead: [mo] }").is_empty());
    for (roles, code) in [
        ("[ana]", Code::WRONG_TYPE),
        ("{ lead: ana }", Code::WRONG_TYPE),
        ("{ lead: [] }", Code::EMPTY),
        ("{ Lead: [ana] }", Code::BAD_NAME),
        ("{ lead: ['ana li'] }", Code::BAD_PRINCIPAL),
        ("{ lead: ['*'] }", Code::BAD_PRINCIPAL),
        ("{ lead: ['ana@ex*mple.com'] }", Code::BAD_PRINCIPAL),
        ("{ lead: ['an\u{430}'] }", Code::BAD_PRINCIPAL),
        ("{ lead: ['ana\\u200b'] }", Code::BAD_PRINCIPAL),
        ("{ lead: [5] }", Code::WRONG_TYPE),
    ] {
        assert!(target(roles).iter().any(|problem| problem.code == code), "{roles}: {:?}", target(roles));
    }
}

#[test]
fn a_phrase_is_one_line_that_everybody_can_see() {
    let phrase = |value: &str| problems(&one(&format!("checkpoint: {{ title: Go?, phrase: {value} }}")));
    for good in ["deploy fully to production", "\"Ja, jetzt ausrollen!\"", "\u{4e0a}\u{7ebf}"] {
        assert!(phrase(good).is_empty(), "{good}");
    }
    for bad in
        ["\" x\"", "\"x \"", "\"a\\tb\"", "\"a\\nb\"", "\"a\\u202eb\"", "\"a\\u200bb\"", "\"{{ inputs.x }}\"", "\"\""]
    {
        assert_eq!(phrase(bad)[0].code, Code::BAD_PHRASE, "{bad}");
    }
}

#[test]
fn a_time_of_no_length_is_refused_with_what_to_write_instead() {
    let book = |metric: &str, row: &str, table: &str| {
        format!(
            "runbook: v1\nname: demo\nmetrics:\n  a: {{ {metric} }}\nguards:\n  every: 10s\n  hit: worst\n{table}  \
             rules:\n    - {{ symptom: High, if: {{ a: '> 5' }}, {row} }}\n    - {{ otherwise: hold }}\n    \
             - {{ no_data: hold }}\nsteps: [{{ id: a, wait: 1s }}]\n"
        )
    };
    let (metric, row) = ("scrape: { url: u, series: s, delta: 1m }", "action: abort");
    assert_eq!(problems(&book(metric, row, "")), []);
    let cases = [
        (book("scrape: { url: u, series: s, delta: 0s }", row, ""), "`delta: 0s`", "`delta: all`"),
        (book("scrape: { url: u, series: s, rate: 0ms }", row, ""), "`rate: 0ms`", "such as `1m`"),
        (book("scrape: { url: u, series: s }, stale_after: 0s", row, ""), "`stale_after: 0s`", "`stale_after: 1m`"),
        (book("scrape: { url: u, series: s }, baseline: 0s", row, ""), "`baseline: 0s`", "`baseline: 5m`"),
        (book(metric, "for: 0s, action: abort", ""), "`for: 0s`", "leave `for` out"),
        (book(metric, "action: investigate, within: 0m, then: abort", ""), "`within: 0m`", "`within: 15m`"),
        (book(metric, row, "  investigate: { within: 0s, then: abort }\n"), "`within: 0s`", "nobody can answer"),
    ];
    for (text, what, help) in cases {
        let found = problems(&text);
        let [only] = &found[..] else { panic!("{what}: {found:?}") };
        assert_eq!(
            (only.severity, only.message.as_str()),
            (Severity::Error, format!("{what} is no time at all").as_str())
        );
        assert!(only.help[0].contains(help), "{:?}", only.help);
    }
}
