//! What people see, to the character.

use super::*;

const PLAIN: RenderStyle = RenderStyle { color: false, short: false, width: 100 };

fn screen(text: &str) -> String {
    render(&parse(&source(text)).diagnostics, PLAIN)
}

#[track_caller]
fn shows(text: &str, want: &str) {
    let got = screen(text);
    assert_eq!(got, want.strip_prefix('\n').unwrap_or(want), "\n{got}");
}

#[test]
fn an_unquoted_template_shows_the_line_as_it_should_be() {
    shows(
        "steps:\n  - file:\n      path: {{ target.path }}/conf\n",
        r#"
error[RB0103]: a value with `{{` needs quotes here
 --> deploy.yml:3:13
  |
3 |       path: {{ target.path }}/conf
  |             ^^^^^^^^^^^^^^^^^^^^^^ YAML reads `{` as the start of a mapping
  |
  = see: runbook explain RB0103
help: quote the value
  |
3 -       path: {{ target.path }}/conf
3 +       path: "{{ target.path }}/conf"
  |

1 error in deploy.yml
"#,
    );
}

#[test]
fn text_after_a_quote_shows_the_whole_value_quoted() {
    shows(
        "expect:\n  - \"x\" in stdout\n",
        r#"
error[RB0104]: text after a quoted value
 --> deploy.yml:2:9
  |
2 |   - "x" in stdout
  |         ^^^^^^^^^ the value ended at the quote before this
  |
  = see: runbook explain RB0104
help: quote the whole value
  |
2 -   - "x" in stdout
2 +   - '"x" in stdout'
  |

1 error in deploy.yml
"#,
    );
}

#[test]
fn a_duplicate_key_shows_both_places() {
    shows(
        "timeout: 5s\nshell: uptime\ntimeout: 10s\n",
        r#"
error[RB0101]: the key `timeout` is already there
 --> deploy.yml:3:1
  |
1 | timeout: 5s
  | ------- first here
2 | shell: uptime
3 | timeout: 10s
  | ^^^^^^^ again here
  |
  = see: runbook explain RB0101

1 error in deploy.yml
"#,
    );
}

#[test]
fn places_far_apart_are_shown_as_two_windows() {
    shows(
        &format!("name: a\n{}name: b\n", "# filler\n".repeat(500)),
        r#"
error[RB0101]: the key `name` is already there
   --> deploy.yml:502:1
    |
502 | name: b
    | ^^^^ again here
    |
   ::: deploy.yml:1:1
    |
  1 | name: a
    | ---- first here
    |
    = see: runbook explain RB0101

1 error in deploy.yml
"#,
    );
}

#[test]
fn a_lost_comment_is_a_warning_with_both_ways_out() {
    let file = source("title: Restart worker #3\n");
    let warning = lost_comment(&file, read(file.text()).get("title").expect("title")).expect("a warning");
    let got = render(&[warning], PLAIN);
    assert_eq!(
        got,
        r#"warning[RB0105]: the text after ` #` is a comment, not part of the value
 --> deploy.yml:1:23
  |
1 | title: Restart worker #3
  |        -------------- ^^ not part of the value
  |        |
  |        the value
  |
  = see: runbook explain RB0105
help: if it belongs to the value, quote the value
  |
1 - title: Restart worker #3
1 + title: "Restart worker #3"
  |

1 warning in deploy.yml
"#,
        "\n{got}"
    );
}

#[test]
fn a_tab_is_marked_where_it_stands() {
    shows(
        "steps:\n\t- shell: uptime\n",
        r#"
error[RB0106]: a tab is used as indentation
 --> deploy.yml:2:1
  |
2 |     - shell: uptime
  | ^^^^ YAML indents with spaces only
  |
  = see: runbook explain RB0106
help: use spaces
  |
2 |   - shell: uptime
  | ++

1 error in deploy.yml
"#,
    );
}

#[test]
fn a_missing_space_is_shown_with_the_space() {
    shows(
        "steps:\n  - id: x\n    shell:ls\n",
        r#"
error[RB0107]: a space is missing after the colon
 --> deploy.yml:3:10
  |
3 |     shell:ls
  |          ^ without a space this is not the end of a key
  |
  = see: runbook explain RB0107
help: add a space
  |
3 |     shell: ls
  |           +

1 error in deploy.yml
"#,
    );
}

#[test]
fn an_unclosed_quote_is_shown_where_it_was_opened() {
    shows(
        "title: \"Check the disk\nshell: df\n",
        r#"
error[RB0108]: this quote is never closed
 --> deploy.yml:1:8
  |
1 | title: "Check the disk
  |        ^^^^^^^^^^^^^^^ no closing " on this line
  |
  = see: runbook explain RB0108
help: close it, if the value ends on this line
  |
1 | title: "Check the disk"
  |                       +

1 error in deploy.yml
"#,
    );
}

#[test]
fn a_bad_escape_suggests_single_quotes() {
    shows(
        "pattern: \"v\\d+\"\n",
        r#"
error[RB0121]: `\d` is not an escape of YAML
 --> deploy.yml:1:12
  |
1 | pattern: "v\d+"
  |            ^^ a backslash between double quotes starts an escape
  |
  = see: runbook explain RB0121
help: use single quotes, where a backslash is itself
  |
1 - pattern: "v\d+"
1 + pattern: 'v\d+'
  |

1 error in deploy.yml
"#,
    );
}

#[test]
fn wide_characters_and_windows_line_ends_keep_the_marks_in_place() {
    shows(
        "a: 1\r\n日本: \"é\" x\r\nb: 2\r\n",
        r#"
error[RB0104]: text after a quoted value
 --> deploy.yml:2:9
  |
2 | 日本: "é" x
  |           ^ the value ended at the quote before this
  |
  = see: runbook explain RB0104
help: quote the whole value
  |
2 - 日本: "é" x
2 + 日本: '"é" x'
  |

1 error in deploy.yml
"#,
    );
}

#[test]
fn an_empty_file_says_how_to_begin() {
    shows(
        "",
        r#"
error[RB0115]: the file holds nothing but blank lines and comments
 --> deploy.yml:1:1
  |
1 |
  | ^
  |
  = help: a runbook begins with `runbook: v1`
  = see: runbook explain RB0115

1 error in deploy.yml
"#,
    );
}

#[test]
fn short_lines_are_for_editors_and_come_in_the_order_of_the_file() {
    let text = "b: 1\nb: 2\na: {{ x }}\n";
    let got = render(&parse(&source(text)).diagnostics, RenderStyle { short: true, ..PLAIN });
    assert_eq!(
        got,
        r#"deploy.yml:2:1: error[RB0101]: the key `b` is already there
deploy.yml:3:4: error[RB0103]: a value with `{{` needs quotes here
"#
    );
}

#[test]
fn the_last_line_counts_errors_warnings_and_files() {
    let file = source("a: x\n");
    let other = Source::new("other.yml", "b: y\n");
    let at = |file: &Source| file.place(Span::new(3, 4));
    let diagnostics = [
        Diagnostic::warning(Code::SYNTAX, "w", at(&file)),
        Diagnostic::error(Code::SYNTAX, "e", at(&file)),
        Diagnostic::error(Code::SYNTAX, "e", at(&file)),
        Diagnostic::advice(Code::SYNTAX, "a", at(&file)),
    ];
    let last = |diagnostics: &[Diagnostic]| render(diagnostics, PLAIN).lines().last().map(str::to_owned);
    assert_eq!(last(&diagnostics).as_deref(), Some("2 errors, 1 warning, 1 piece of advice in deploy.yml"));
    let two = [diagnostics[1].clone(), Diagnostic::error(Code::SYNTAX, "e", at(&other))];
    assert_eq!(last(&two).as_deref(), Some("2 errors in 2 files"));
    assert_eq!(render(&[], PLAIN), "");
}

#[test]
fn nothing_in_a_file_or_message_can_steer_the_terminal() {
    let file = Source::new("a\u{1b}[2J.yml", "a: \u{1b}]0;x\u{7}\u{202e} y\n");
    let evil = "\u{1b}[31mred\u{7}";
    let diagnostic = Diagnostic::error(Code::SYNTAX, evil, file.place(Span::new(0, 1)))
        .label(evil)
        .also(file.place(Span::new(3, 4)), evil)
        .help(evil)
        .fix(Span::new(0, 1), evil, evil);
    for short in [false, true] {
        let got = render(std::slice::from_ref(&diagnostic), RenderStyle { short, ..PLAIN });
        assert!(!got.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{got:?}");
    }
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let diagnostics = parse(&source("a: 1\na: 2\n")).diagnostics;
    assert!(render(&diagnostics, RenderStyle { color: true, ..PLAIN }).contains("\u{1b}["));
    assert!(!render(&diagnostics, PLAIN).contains('\u{1b}'));
}
