//! The tree, its limits, and every screen a person can meet.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::time::Instant;

use proptest::prelude::*;

use super::*;

mod positions;
mod screens;

fn source(text: &str) -> Source {
    Source::new("deploy.yml", text)
}

#[track_caller]
fn read(text: &str) -> Node {
    let parsed = parse(&source(text));
    assert_eq!(parsed.diagnostics, [], "{text:?}");
    parsed.root.expect("a document without diagnostics has a root")
}

fn codes(text: &str) -> Vec<String> {
    let parsed = parse(&source(text));
    let mut codes: Vec<_> = parsed.diagnostics.iter().map(|d| (d.place.span.start, d.code.to_string())).collect();
    codes.sort();
    codes.into_iter().map(|(_, code)| code).collect()
}

#[test]
fn scalars_keep_the_text_the_file_has() {
    for raw in ["1.10", "0123456", "123e456", "no", "on", "off", "0x1F", "True", "~", "1_000", "12:30", "v1.2", "+5"] {
        let root = read(&format!("a: {raw}\nb: [{raw}]\n"));
        assert_eq!(root.get("a").and_then(Node::scalar), Some(raw));
        assert_eq!(root.at("/b/0").and_then(Node::scalar), Some(raw));
        assert_eq!(root.get("a").and_then(Node::style), Some(Style::Plain));
    }
}

#[test]
fn quoted_scalars_are_always_strings() {
    let root = read("a: '1'\nb: \"true\"\nc: ''\nd: |\n  1\ne: !!str 12\n");
    for key in ["a", "b", "c", "d", "e"] {
        assert!(matches!(root.get(key).map(|node| &node.kind), Some(Kind::Str)), "{key}");
    }
}

#[test]
fn an_omitted_value_is_null_and_stands_after_its_key() {
    let root = read("a:\nbb:   # nothing\nc: 1\n");
    let node = root.get("bb").expect("bb is there");
    assert!(matches!(node.kind, Kind::Null));
    assert_eq!((node.scalar(), node.span), (Some(""), Span::new(6, 6)));
}

#[test]
fn collections_end_with_their_last_child() {
    let text = "a:\n  - x\n  - {k: v }\n\nb: |\n  text\n\n\nc: 1\n";
    let (file, root) = (source(text), read(text));
    assert_eq!(file.slice(root.get("a").expect("a").span), "- x\n  - {k: v }");
    assert_eq!(file.slice(root.get("b").expect("b").span), "text");
    assert_eq!(file.slice(root.span), text.trim_end());
}

#[test]
fn json_pointers_reach_every_node_and_key() {
    let text = "steps:\n  - {id: a}\n  - {\"x/y\": {~z: 1}}\n";
    let (file, root) = (source(text), read(text));
    assert_eq!(root.at("/steps/0/id").and_then(Node::str), Some("a"));
    assert_eq!(root.at("/steps/1/x~1y/~0z").and_then(Node::scalar), Some("1"));
    assert_eq!(root.key_at("/steps/1/x~1y").map(|span| file.slice(span)), Some("\"x/y\""));
    assert!(root.at("/steps/2").is_none() && root.at("/steps/0/id/x").is_none());
    assert_eq!(root.at("").map(|node| node.span), Some(root.span));
}

#[test]
fn json_has_the_core_types_in_file_order() {
    let root = read("z: 1\na: [true, null, 1.5, no]\nm: {}\n");
    assert_eq!(root.json().to_string(), r#"{"z":1,"a":[true,null,1.5,"no"],"m":{}}"#);
}

#[test]
fn merge_keys_add_what_is_not_there_yet() {
    let root = read("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  b: 9\n  <<: [*x, *y]\n\"<<\": text\n");
    assert_eq!(root.get("z").expect("z").json().to_string(), r#"{"b":9,"a":1,"c":4}"#);
    assert_eq!(root.get("<<").and_then(Node::str), Some("text"));
}

#[test]
fn an_alias_keeps_the_place_where_its_value_was_written() {
    let text = "a: &x {k: v}\nb: *x\n";
    assert_eq!(source(text).slice(read(text).at("/b/k").expect("b/k").span), "v");
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_key() {
    let root = read("\u{feff}runbook: v1\n");
    assert_eq!(root.get("runbook").and_then(Node::str), Some("v1"));
    assert_eq!(root.entry("runbook").map(|entry| entry.key_span.start), Some(3));
}

#[test]
fn a_file_with_windows_line_ends_reads_the_same() {
    let text = "a: b\nc: |\n  x\n\n  y\nd:\n  - 'p\n    q'\n  - 1\n";
    assert_eq!(read(&text.replace('\n', "\r\n")).json(), read(text).json());
}

#[test]
fn each_mistake_has_its_code() {
    for (text, want) in [
        ("a: 1\nb: 2\na: 3\n", "RB0101"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", "RB0101"),
        ("a: {{ x }}\n", "RB0103"),
        ("a: {{ x }}/b # c\n", "RB0103"),
        ("a: [ {{ x }}, 1 ]\n", "RB0103"),
        ("- \"x\" in stdout\n", "RB0104"),
        ("a:\n\tb: c\n", "RB0106"),
        ("a: 1\nb:2\n", "RB0107"),
        ("a: 'x\nb: 2\n", "RB0108"),
        ("a: \"x", "RB0108"),
        ("a:\n    b: c\n  d: e\n", "RB0109"),
        ("a: b\n  c: d\n", "RB0109"),
        ("a: [1\nb: 2\n", "RB0110"),
        ("a: [1\n", "RB0110"),
        ("a: ]\n", "RB0110"),
        ("a: b: c\n", "RB0111"),
        ("a: !x y\n", "RB0112"),
        ("a: !!binary aGk=\n", "RB0112"),
        ("%TAG ! x:\n---\na: 1\n", "RB0113"),
        ("a: 1\n---\nb: 2\n", "RB0114"),
        ("", "RB0115"),
        ("# only\n\n", "RB0115"),
        ("---\n", "RB0115"),
        ("[a]: b\n", "RB0117"),
        (": b\n", "RB0117"),
        ("<<: 1\n", "RB0118"),
        ("a: *x\n", "RB0119"),
        ("a: &x [*x]\n", "RB0119"),
        ("a: \"\\d\"\n", "RB0121"),
        ("a: @x\n", "RB0122"),
    ] {
        assert_eq!(codes(text), [want], "{text:?}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let text = "a: {{ x }}\nb: \"x\" in y\nc: d: e\nf: @g\nh: \"\\d\"\ni: *j\nk: 1\nk: 2\nl: 'open\nm: [1\nn: 2\n";
    let want = ["RB0103", "RB0104", "RB0111", "RB0122", "RB0121", "RB0119", "RB0101", "RB0108", "RB0110"];
    assert_eq!(codes(text), want);
}

#[test]
fn a_mistake_with_a_clear_meaning_leaves_a_tree() {
    let root = parse(&source("a: {{ x }}/y\nb: \"x\" in y\nc: d: e\n")).root.expect("it is clear what was meant");
    assert_eq!(root.json().to_string(), r#"{"a":"{{ x }}/y","b":"\"x\" in y","c":"d: e"}"#);
    assert!(parse(&source("a: 'x\nb: 2\n")).root.is_none());
}

#[test]
fn the_fix_of_each_trap_makes_the_file_valid() {
    for text in [
        "a: {{ x }}/b # c\n",
        "a: { get: {{ x }}/a, b: c }\n",
        "a:\n  - \"x\" in stdout\n",
        "a: 'it's'\n",
        "a: 'x' == \"y\"\n",
        "a: 1\nb:2\n",
        "a: \"x\nb: 2\n",
        "a: b: c\n",
        "a: \"v\\d+\"\n",
        "a: @x\n",
        "a: `x`\n",
        "a: *.log\n",
        "a:\n\t- b\n",
    ] {
        let parsed = parse(&source(text));
        let fix = parsed.diagnostics[0].fix.clone().unwrap_or_else(|| panic!("{text:?} has no fix"));
        let mut fixed = text.to_owned();
        fixed.replace_range(fix.span.range(), &fix.replacement);
        read(&fixed);
    }
}

#[test]
fn a_lost_comment_is_found_only_behind_plain_scalars() {
    for (text, lost) in [
        ("a: Restart worker #3\n", Some("#3")),
        ("a: x\t# c\n", Some("# c")),
        ("a: x#y\n", None),
        ("a: 'x' # c\n", None),
        ("a: x\n# c\n", None),
        ("a: # c\n", None),
        ("a: x", None),
    ] {
        let file = source(text);
        let found = lost_comment(&file, read(text).get("a").expect("a"));
        assert_eq!(found.as_ref().map(|d| d.place.text()), lost, "{text:?}");
    }
    let file = source("a: Restart worker #3\n");
    let fix = lost_comment(&file, read(file.text()).get("a").expect("a")).and_then(|d| d.fix).expect("a fix");
    assert_eq!((file.slice(fix.span), fix.replacement.as_str()), ("Restart worker #3", "\"Restart worker #3\""));
}

#[test]
fn bytes_that_are_not_utf_8_are_named_with_their_line() {
    let error = Source::from_bytes("x.yml", b"a: 1\nb: caf\xe9\n".to_vec()).expect_err("not UTF-8");
    assert_eq!(
        (error.message.as_str(), error.place.to_string().as_str()),
        ("byte 0xE9 is not UTF-8 text", "x.yml:2:7")
    );
    assert!(Source::from_bytes("x.yml", "b: café".into()).is_ok());
}

/// An 8-bit terminal takes U+009B for an escape sequence.
#[test]
fn no_control_character_of_a_file_gets_to_the_terminal() {
    let problem = *Source::from_bytes("b.yml", b"a: \xc2\x9b2J\xc2\x9d \x1b[2J \xff".to_vec()).unwrap_err();
    for (color, short) in [(false, false), (false, true)] {
        let screen = render(std::slice::from_ref(&problem), RenderStyle { color, short, width: 80 });
        assert!(!screen.chars().any(|c| c.is_control() && c != '\n'), "{screen:?}");
    }
}

#[test]
fn of_very_many_diagnostics_the_first_are_drawn_and_all_are_counted() {
    let source = source(&"x ".repeat(5000));
    let problem =
        |n: usize| Diagnostic::error(Code::LIMIT, format!("number {n}"), source.place(Span::new(2 * n, 2 * n + 1)));
    let problems: Vec<Diagnostic> = (0..5000).map(problem).collect();
    let screen = render(&problems, RenderStyle { color: false, short: false, width: 80 });
    assert!(screen.contains("number 99\n") && !screen.contains("number 100\n"), "{screen}");
    assert!(screen.contains("... and 4900 more, which are not shown\n"), "{screen}");
    assert!(screen.contains("5000 errors in "), "{screen}");
}

#[test]
fn columns_count_characters_and_lines_end_in_three_ways() {
    let file = source("é: 日本x\r\nb\rc\n");
    let columns = |needle| file.line_col(file.text().find(needle).expect(needle) as u32);
    assert_eq!([columns("日"), columns("x"), columns("b"), columns("c")], [(1, 4), (1, 6), (2, 1), (3, 1)]);
    assert_eq!(file.line_col(u32::MAX), (4, 1));
}

#[test]
fn quoting_survives_reading() {
    for text in [
        "x",
        "it's",
        "say \"hi\"",
        "it's \"both\"",
        "a\\b",
        "tab\there",
        "é",
        "{{ x }}",
        "a: b # c",
        "\u{7f}\u{85}\0\r\n\\",
    ] {
        assert_eq!(read(&format!("a: {}\n", quoted(text))).get("a").and_then(Node::str), Some(text));
    }
}

#[test]
fn an_expanding_file_is_stopped_early() {
    let mut text = "l0: &l0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let uses = vec![format!("*l{}", level - 1); 9].join(", ");
        text += &format!("l{level}: &l{level} [{uses}]\n");
    }
    let start = Instant::now();
    assert_eq!(codes(&text), ["RB0116"]);
    // 100 ms is the promise for an optimized build.
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
}

#[test]
fn depth_is_limited_also_through_aliases() {
    assert_eq!(codes(&("[".repeat(65) + &"]".repeat(65))), ["RB0116"]);
    read(&("[".repeat(64) + &"]".repeat(64)));
    let chain: String = (1..80).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    assert_eq!(codes(&("a0: &a0 x\n".to_owned() + &chain)), ["RB0116"]);
    assert_eq!(codes(&"[".repeat(100_000)), ["RB0116"]);
}

#[test]
fn anchors_inside_anchors_cannot_keep_endless_copies() {
    let opening: String = (0..60).map(|n| format!("&a{n} [")).collect();
    assert_eq!(codes(&(opening + &"x,".repeat(40_000) + &"]".repeat(60))), ["RB0116"]);
}

#[test]
fn a_file_over_one_mebibyte_is_refused() {
    assert_eq!(codes(&format!("a: {}", "x".repeat(MAX_BYTES))), ["RB0116"]);
}

#[test]
fn a_thousand_steps_and_ten_thousand_keys_take_linear_time() {
    let steps: String = (0..1000)
        .map(|n| format!("  - id: step_{n}\n    title: Step number {n} of the file\n    shell: |\n      echo {n}\n      uptime\n    expect:\n      - stdout != ''\n    timeout: 5s\n    save: {{ out: stdout }}\n"))
        .collect();
    let file = source(&format!("steps:\n{steps}"));
    let start = Instant::now();
    assert_eq!(parse(&file).root.and_then(|root| root.at("/steps").and_then(Node::seq).map(<[Node]>::len)), Some(1000));
    eprintln!("{} bytes in {:?}", file.text().len(), start.elapsed());
    let keys: String = (0..10_000).map(|n| format!("key_{n}: {n}\n")).collect();
    let start = Instant::now();
    assert_eq!(codes(&(keys + "key_7: again\n")), ["RB0101"]);
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}

#[test]
fn diagnostics_as_json_have_places_for_machines() {
    let json = to_json(&parse(&source("ä: {{ x }}\nb: 1\nb: 2\n")).diagnostics);
    assert_eq!(json[0]["code"], "RB0103");
    assert_eq!(json[0]["place"]["column"], 4);
    assert_eq!(json[0]["place"]["start"], 4);
    assert_eq!(json[0]["fix"]["replacement"], "\"{{ x }}\"");
    assert_eq!(json[1]["also"][0]["place"]["line"], 2);
    assert_eq!(json[1]["severity"], "error");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "([a-c:{}\\[\\]'\"|>#&*!%@\\\\ \t\n-]|é|\r\n|\\{\\{ x \\}\\}|- |: ){0,40}") {
        let file = source(&text);
        let parsed = parse(&file);
        prop_assert!(parsed.root.is_some() || !parsed.diagnostics.is_empty());
        for style in [true, false] {
            render(&parsed.diagnostics, RenderStyle { color: false, short: style, width: 80 });
        }
        for diagnostic in &parsed.diagnostics {
            prop_assert!(text.get(diagnostic.place.span.range()).is_some(), "{diagnostic:?}");
        }
    }
}
