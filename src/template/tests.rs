//! Expressions and text templates; scripts have their own tests.

use serde_json::{Value, json};

use super::*;

fn world() -> Context {
    let mut context = Context::new();
    context.set("inputs", json!({"version": "v1.2.3", "db": {"$secret": "db"}, "n": 4, "ratio": 1.5, "on": true}));
    context.set("vars", json!({"idle": "green", "none": null}));
    context.set(
        "target",
        json!({
            "name": "prod",
            "hosts": ["a", "b"],
            "colours": {"green": {"url": "http://g"}, "blue": {"url": "http://b"}},
            "app": {"start": ["systemctl", "start"]},
        }),
    );
    context.set("steps", json!({"live": {"colour": "blue"}}));
    context.set("stdout", json!("  17\n"));
    context.set("exit", json!(0));
    context
}

#[test]
fn expressions_have_these_values() {
    for (src, want) in [
        ("1 + 2 * 3", json!(7)),
        ("4 / 2", json!(2)),
        ("7 / 2", json!(3.5)),
        ("7 // 2", json!(3)),
        ("inputs.n", json!(4)),
        ("9007199254740993 + 0", json!(9007199254740993u64)),
        ("18446744073709551615", json!(18446744073709551615u64)),
        ("10 * GiB", json!(10737418240u64)),
        ("5 * m", json!(300)),
        ("250 * ms", json!(0.25)),
        ("'1h30m' | duration", json!(5400)),
        ("'250ms' | duration", json!(0.25)),
        ("'10 GiB' | size", json!(10737418240u64)),
        ("stdout | int", json!(17)),
        ("stdout | int > 10", json!(true)),
        ("' 2.5 ' | float", json!(2.5)),
        ("'green' if steps.live.colour == 'blue' else 'blue'", json!("green")),
        ("target.colours[vars.idle].url", json!("http://g")),
        ("target.app.start + [vars.idle]", json!(["systemctl", "start", "green"])),
        ("target.hosts | join(' ')", json!("a b")),
        ("[1, true, 2.0] | join(',')", json!("1,true,2")),
        ("target.app | tojson", json!("{\"start\":[\"systemctl\",\"start\"]}")),
        ("{'b': 1, 'a': [none]} | tojson", json!("{\"a\":[null],\"b\":1}")),
        ("target.colours | tojson", json!("{\"green\":{\"url\":\"http://g\"},\"blue\":{\"url\":\"http://b\"}}")),
        ("'a b&c' | urlencode", json!("a%20b%26c")),
        ("'x' ~ 1 ~ true ~ (4 / 2)", json!("x1true2")),
        ("'x' ~ 1 < 'y'", json!(true)),
        ("not 1 == 2 and 'a' in target.hosts", json!(true)),
        ("'z' not in target.hosts", json!(true)),
        ("(1 < 2) == (3 < 4)", json!(true)),
        ("[1 < 2, 3 > 4]", json!([true, false])),
        ("-1 < 2 - -3", json!(true)),
        ("target.hosts[1 if 1 < 2 else 0]", json!("b")),
        ("target.hosts[0:1]", json!(["a"])),
        ("steps.live.colour is defined", json!(true)),
        ("steps.gone.colour is defined", json!(false)),
        ("steps.gone.colour is not defined", json!(true)),
        ("nothing.at.all is undefined", json!(true)),
        ("not steps.gone.x is defined", json!(true)),
        ("steps.gone is defined and steps.gone.x == 1", json!(false)),
        ("inputs.db is defined", json!(true)),
        ("(steps.gone.colour is defined)", json!(false)),
        ("[(steps.live.colour is defined), {'a': steps.gone.x is not defined}['a']]", json!([true, true])),
        ("((steps.gone.x | default('d')) ~ 'e') == 'de'", json!(true)),
        ("inputs.nope | default('d')", json!("d")),
        ("steps.gone.x.y | default('d') | upper", json!("D")),
        ("'b' in ['a', 1, 'b'] and 'x' not in []", json!(true)),
        ("none in [1, none] and none not in [1]", json!(true)),
        ("'green' in target.colours and 'red' not in target.colours", json!(true)),
        ("'17' in stdout", json!(true)),
        ("vars.none is none", json!(true)),
        ("vars.none == none", json!(true)),
        ("inputs.n != none", json!(true)),
        ("[3, 1, 2] | sort", json!([1, 2, 3])),
        ("[3, 1, 2] | max", json!(3)),
        ("[{'a': 1}, {'a': 2}] | selectattr('a', 'gt', 1) | map(attribute='a') | list", json!([2])),
        ("range(3) | list", json!([0, 1, 2])),
        ("1 == 1.0", json!(true)),
        ("target.hosts == ['a', 'b']", json!(true)),
        ("'ok' is startingwith 'o'", json!(true)),
    ] {
        assert_eq!(expr(src, &world()).map_err(|e| e.to_string()), Ok(want), "{src}");
    }
}

#[test]
fn expressions_refuse_to_guess() {
    use ErrorKind::*;
    for (src, kind, message, place) in [
        ("1 < 'x'", Type, "a number cannot be compared with a string", "1 < 'x'"),
        ("exit == '0'", Type, "a number cannot be compared with a string", "exit == '0'"),
        ("true and inputs.n >= 'x' or 1", Type, "a number cannot be compared with a string", "inputs.n >= 'x'"),
        ("inputs.on == 1", Type, "a boolean cannot be compared with a number", "inputs.on == 1"),
        ("'nan' | float > 1", Type, "\"nan\" is not a number", ""),
        ("1 < 2 < 3", Syntax, "comparisons may not be chained", "1 < 2 < 3"),
        ("1 ==", Syntax, "a comparison needs a value on both sides", "=="),
        ("steps.live.color == 'x'", Undefined, "`steps.live.color` is undefined", "steps.live.color"),
        ("nope", Undefined, "`nope` is undefined", "nope"),
        ("1 if nope.a.b else 2", Undefined, "`nope` is undefined", "nope.a.b"),
        ("steps.gone.x", Undefined, "`steps.gone` is undefined", "steps.gone.x"),
        ("1 +", Syntax, "", ""),
        ("'a' | upcase", Syntax, "there is no filter `upcase`", "upcase"),
        ("'a' | safe", Syntax, "there is no filter", "safe"),
        ("'a' is not fine", Syntax, "there is no test `fine`", "fine"),
        ("now()", Syntax, "there is no function `now`", "now"),
        ("stdout.strip()", Syntax, "values have no methods", "strip"),
        ("1 in ['1']", Type, "a number cannot be compared with a string", "1 in ['1']"),
        ("1 not in 'a1'", Type, "a number cannot be looked for in a string", "1 not in 'a1'"),
        ("'a' in nope", Undefined, "`nope` is undefined", "nope"),
        ("nope | length", Undefined, "`nope` is undefined", "nope"),
        ("target.colours[inputs.version]", Undefined, "this value is undefined", ""),
        ("__put(1, 2)", Syntax, "names may not start with `__`", "__put"),
        ("'a' ~ none", Type, "null has no text", "'a' ~ none"),
        ("'a' ~ target.hosts", Type, "a list has no text", "'a' ~ target.hosts"),
        ("['a', 1] | sort", Type, "cannot be compared", ""),
        ("[] | max", Type, "an empty list", ""),
        ("'5 parsec' | duration", Type, "\"5 parsec\" is not a duration", ""),
        ("1 / 0", Type, "", ""),
        ("'x' | raw", Syntax, "only in a shell script", "raw"),
        ("18446744073709551615 * 4", Limit, "64 bits", ""),
        ("inputs.db == 'x'", Secret, "the secret `db`", "inputs.db"),
        ("inputs.db", Secret, "the secret `db`", "inputs.db"),
        ("inputs.db | upper", Secret, "the secret `db`", "inputs.db"),
        ("inputs.db ~ 'x'", Secret, "the secret `db`", "inputs.db"),
        ("inputs.db + 'x'", Secret, "the secret `db`", "inputs.db"),
        ("not inputs.db", Secret, "the secret `db`", "inputs.db"),
        ("inputs['d' ~ 'b'] | length", Secret, "secret", ""),
        ("1 if inputs['d' ~ 'b'] else 2", Secret, "secret", ""),
        ("inputs | tojson", Secret, "the secret `db`", ""),
        ("inputs", Secret, "the secret `db`", ""),
        ("[inputs.db] | join(',')", Secret, "the secret `db`", ""),
    ] {
        let error = expr(src, &world()).expect_err(src);
        assert_eq!(error.kind, kind, "{src}: {error}");
        assert!(error.message.contains(message), "{src}: {error}");
        assert!(
            place.is_empty() || &src[error.range.clone()] == place,
            "{src}: {:?} {error}",
            &src[error.range.clone()]
        );
    }
}

#[test]
fn an_undefined_name_comes_with_its_neighbours() {
    let error = expr("steps.live.color", &world()).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("`steps.live` has: colour"));
    let error = text("a {{ input.x }}", &world()).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("there are: inputs, vars, target, steps, stdout, exit"));
    assert_eq!(error.range, 5..12);
}

#[test]
fn a_template_in_place_of_an_expression_is_an_error_with_a_place() {
    for src in ["{{ steps.live.colour is defined }}", "{% set x = a is defined %}", "{{ nope | default(1) }}"] {
        assert_eq!(check_expr(src).map_err(|e| e.kind), Err(ErrorKind::Syntax), "{src}");
    }
}

/// Each of these made the engine call itself until the stack was gone.
#[test]
fn a_chain_of_any_length_is_an_error_or_a_value_and_never_the_end_of_the_stack() {
    let chains =
        [("1", "+1"), ("1", " ~ 1"), ("a", ".a"), ("a", "|trim"), ("a", "[0]"), ("true", " and true"), ("", "-")];
    let others = [("", "not "), ("", "1 if 1 else "), ("a", "(1)"), ("1", " is odd")];
    for (first, next) in chains.into_iter().chain(others) {
        for count in [300, 900, 1990, 100_000] {
            let src = format!("{first}{}{}", next.repeat(count), if first.is_empty() { "1" } else { "" });
            let (checked, templated) = (check_expr(&src), check_text(&format!("{{{{ {src} }}}}")));
            assert_eq!(checked.is_ok(), templated.is_ok(), "{next} {count} times");
            assert!(count < 2000 || checked.is_err_and(|e| e.kind == ErrorKind::Limit), "{next} {count} times");
        }
    }
    for tag in ["{% if true %}", "{% for x in [1] %}", "{% elif true %}"] {
        let (start, end) = ("{% if true %}", "{% endif %}");
        for count in [400, 100_000] {
            let checked = check_text(&format!("{start}{}{end}", tag.repeat(count)));
            assert!(count < 500 || checked.is_err_and(|e| e.kind == ErrorKind::Limit), "{tag} {count} times");
        }
    }
}

#[test]
fn conditions_are_booleans() {
    assert_eq!(condition("stdout | int == 17 and exit == 0", &world()), Ok(true));
    assert_eq!(condition("inputs.on", &world()), Ok(true));
    for src in ["exit", "stdout", "none", "target.hosts", "steps", "inputs.n and true or 'x'"] {
        let result = condition(src, &world());
        assert!(matches!(&result, Err(e) if e.kind == ErrorKind::Type) || src.contains("and"), "{src}: {result:?}");
    }
}

#[test]
fn text_templates_render() {
    for (src, want) in [
        ("plain", "plain"),
        ("", ""),
        ("a {{ inputs.version }}\n", "a v1.2.3\n"),
        ("{{ inputs.on }} {{ 4 / 2 }} {{ 1.5 }} {{ inputs.n }}", "true 2 1.5 4"),
        ("{% if inputs.n > 3 %}big{% else %}small{% endif %}", "big"),
        ("{% for h in target.hosts %}{{ h }}{% if not loop.last %},{% endif %}{% endfor %}", "a,b"),
        ("{% for h in target.hosts if h == 'b' %}{{ h ~ '!' }}{% endfor %}", "b!"),
        ("{% set x = inputs.n == 4 %}{{ x }}", "true"),
        ("x {{- ' y ' -}} z", "x y z"),
        ("{% raw %}{{.Names}} {% if %}{% endraw %}!", "{{.Names}} {% if %}!"),
        ("${#x} {# kept #} {## gone ##}.", "${#x} {# kept #} ."),
        ("{{ '}}' }}{{ {'a': {'b': '%}'}}['a']['b'] }}", "}}%}"),
        ("{{ target.hosts | join(' ') }}", "a b"),
    ] {
        assert_eq!(text(src, &world()).map_err(|e| e.to_string()).as_deref(), Ok(want), "{src}");
    }
}

#[test]
fn text_templates_refuse_what_has_no_text() {
    use ErrorKind::*;
    for (src, kind, place) in [
        ("a {{ target.hosts }}", Type, "target.hosts"),
        ("a {{ target }}", Type, "target"),
        ("a {{ vars.none }}", Type, "vars.none"),
        ("a {{ inputs.db }}", Secret, "inputs.db"),
        ("{% if inputs.db %}a{% endif %}", Secret, "inputs.db"),
        ("{% for k in ['db'] %}{{ inputs[k] }}{% endfor %}", Secret, ""),
        ("ü {% if 1 < 2 %}{{ 1 < 'ö' }}{% endif %}", Type, "1 < 'ö'"),
        ("a {{ nope }}", Undefined, "nope"),
        ("a {{ inputs.version", Syntax, "{{"),
        ("a {% include 'x' %}", Syntax, "include"),
        ("{% macro f() %}{% endmacro %}", Syntax, "macro"),
        ("{% set x %}a{% endset %}", Syntax, "{% set x %}"),
        ("{## open", Syntax, "{##"),
        ("{% raw %}open", Syntax, "{% raw %}"),
        ("{{ }}", Syntax, "{{ }}"),
        ("{{ 'a }}", Syntax, "'"),
        ("{% if true %}", Syntax, ""),
        ("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", Limit, ""),
    ] {
        let error = text(src, &world()).expect_err(src);
        assert_eq!(error.kind, kind, "{src}: {error}");
        assert!(
            place.is_empty() || &src[error.range.clone()] == place,
            "{src}: {:?} {error}",
            &src[error.range.clone()]
        );
    }
}

#[test]
fn a_single_expression_keeps_its_type() {
    let world = world();
    assert_eq!(value("{{ target.hosts }}", &world), Ok(json!(["a", "b"])));
    assert_eq!(value("{{ inputs.n }}", &world), Ok(json!(4)));
    assert_eq!(value("{{ inputs.n }} ", &world), Ok(json!("4 ")));
    assert_eq!(value("{{ inputs.db }}", &world), Ok(secret("db")));
    assert_eq!(value("{{ [inputs.db] }}", &world), Ok(json!([{"$secret": "db"}])));
    assert_eq!(value("{{ inputs.db if inputs.on else 'x' }}", &world), Ok(secret("db")));
    assert_eq!(value("{{ vars.none }}", &world), Ok(Value::Null));
    assert_eq!(value("no", &world), Ok(json!("no")));
    let error = value("{{ inputs.db | upper }}", &world).unwrap_err();
    assert_eq!((error.kind, error.range), (ErrorKind::Secret, 3..12));
    assert!(error.help.unwrap().contains("`env:`"));
}

#[test]
fn the_names_a_template_reads_are_known_with_their_places() {
    let src = "{{ steps.live.colour }} {% for host in target.hosts if host.up %}{{ host.name }} {{ loop.index }}{% endfor %}{{ host }}\
               {{ target.colours[vars.idle].url }} {{ vars['a'].b is defined }} {{ 5 * m }} {{ x.y | default(1) }}";
    let refs = check_text(src).unwrap();
    let seen: Vec<(String, bool, bool)> = refs.all.iter().map(|r| (r.name(), r.open, r.tested)).collect();
    let want = [
        ("steps.live.colour", false, false),
        ("target.hosts", false, false),
        ("host", false, false),
        ("target.colours", true, false),
        ("vars.idle", false, false),
        ("vars.a.b", false, true),
        ("x.y", false, true),
    ];
    assert_eq!(seen, want.map(|(n, o, t)| (n.to_owned(), o, t)));
    assert_eq!(&src[refs.all[0].range.clone()], "steps.live.colour");
    assert_eq!(check_expr("range(inputs.n) | map('x', key=vars.z)").unwrap().names().len(), 2);
}

#[test]
fn unknown_names_are_found_before_anything_runs() {
    for src in ["x | upcase", "x is fine", "x is not fine", "now()", "x.strip()", "x | raw", "1 < 2 < 3", "a in b in c"]
    {
        assert_eq!(check_expr(src).map_err(|e| e.kind), Err(ErrorKind::Syntax), "{src}");
        assert!(check_text(&format!("{{% if {src} %}}{{% endif %}}")).is_err(), "{src}");
    }
    for name in library::FILTERS {
        assert!(!matches!(expr(&format!("'a' | {name}"), &world()), Err(e) if e.message.contains("unknown")), "{name}");
    }
    for name in library::TESTS {
        assert!(
            !matches!(expr(&format!("'a' is {name}"), &world()), Err(e) if e.message.contains("unknown")),
            "{name}"
        );
    }
    assert!(check_expr(&"(".repeat(100_000)).is_err());
}

#[test]
fn output_is_never_a_template() {
    let mut context = Context::new();
    context.set("x", json!("{{ 1 + 1 }}{% if %}"));
    assert_eq!(text("{{ x }}", &context).unwrap(), "{{ 1 + 1 }}{% if %}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_source_makes_the_readers_panic(parts in proptest::collection::vec(proptest::sample::select(vec![
        "{{", "}}", "{%", "%}", "{##", "##}", "if ", "for x in ", "set y", "=", "endif", "raw", "endraw", "x", ".y", "[0]", "['é']", "|",
        "default", "is ", "not ", "defined", "in ", "(", ")", "[", "]", "{", "}", "<", "==", "~", "+", "-", "1", "1.5", "'a", "'", "\"", "é",
        " ", "\n", "and ", "else ", ",", ":", "$(", "`", "<<E\n", "((", "\\", "#", "esac", "case ", "$'", "inputs.n", "inputs.db",
    ]), 0..24)) {
        let src: String = parts.concat();
        let world = world();
        let errors = [
            check_text(&src).err(), check_expr(&src).err(), text(&src, &world).err(), value(&src, &world).err(),
            expr(&src, &world).err(), condition(&src, &world).err(), shell(&src, &world).err(),
            value(&format!("{{{{ {src} }}}}"), &world).err(),
        ];
        for error in errors.into_iter().flatten().chain(check_shell(&src).err().into_iter().flatten()) {
            let wrapped = format!("{{{{ {src} }}}}");
            let fits = src.get(error.range.clone()).is_some() || wrapped.get(error.range.clone()).is_some();
            proptest::prop_assert!(fits, "{:?} {:?}", src, error);
        }
        simple_command(&src);
    }
}
