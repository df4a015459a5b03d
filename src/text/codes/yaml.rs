//! 01xx: YAML itself.

use super::codes;

codes! {
101 DUPLICATE_KEY "duplicate key" r#"
A mapping may hold a key once. YAML readers that take the last one silently drop the first, so it is an error here.

wrong:
    timeout: 5s
    timeout: 10s
right:
    timeout: 10s
"#
102 SYNTAX "not valid YAML" r#"
The text cannot be read as YAML 1.2. The message says what was expected at the marked place; the cause is often on the
line before it.

wrong:
    steps: [a, b c: d]
right:
    steps: [a, "b c: d"]
"#
103 UNQUOTED_TEMPLATE "template needs quotes" r#"
A value that starts with `{` is a mapping for YAML, so `{{ x }}` at the start of a value must be quoted.

wrong:
    path: {{ target.path }}/conf
right:
    path: "{{ target.path }}/conf"
"#
104 TEXT_AFTER_QUOTE "text after a quoted value" r#"
When a value starts with a quote, the value ends at the closing quote; nothing but a comment may follow it. Quote the
whole value with the other kind of quote.

wrong:
    expect: "ready" in stdout
right:
    expect: '"ready" in stdout'
"#
105 LOST_COMMENT "text after ` #` is a comment" r#"
In a value without quotes a `#` after a space starts a comment, so the rest of the line is not part of the value.
Quote the value to keep the text, or put the comment on its own line.

wrong:
    title: Restart worker #3
right:
    title: "Restart worker #3"
"#
106 TAB_INDENTATION "tab used as indentation" r#"
YAML indents with spaces only. Most editors can convert tabs to spaces.

wrong (→ is a tab):
    steps:
    →- shell: uptime
right:
    steps:
      - shell: uptime
"#
107 MISSING_SPACE "no space after the colon" r#"
A colon ends a key only when a space or the end of the line follows.

wrong:
    shell:uptime
right:
    shell: uptime
"#
108 UNCLOSED_QUOTE "quote is never closed" r#"
A value that starts with a quote runs to the next quote of the same kind, over lines if it must.

wrong:
    title: "Check the disk
    shell: df
right:
    title: "Check the disk"
    shell: df
"#
109 INDENTATION "indentation does not fit" r#"
Keys of one mapping and dashes of one list stand in the same column.

wrong:
    steps:
        - id: a
      - id: b
right:
    steps:
      - id: a
      - id: b
"#
110 UNCLOSED_BRACKET "brackets do not match" r#"
Every `[` needs its `]` and every `{` its `}`.

wrong:
    exit: [0, 3
    timeout: 5s
right:
    exit: [0, 3]
    timeout: 5s
"#
111 COLON_IN_VALUE "colon inside a value" r#"
In a value without quotes `: ` would start another mapping on the same line. Quote the value.

wrong:
    title: Go/No-Go 1: all checks pass
right:
    title: "Go/No-Go 1: all checks pass"
"#
112 TAG "YAML tags are not used" r#"
Tags such as `!secret` or `!!binary` have no meaning in a runbook. If the exclamation mark is text, quote the value.

wrong:
    message: !important restart
right:
    message: "!important restart"
"#
113 DIRECTIVE "YAML directives are not used" r#"
A line that starts with `%` before the document is a directive. A runbook needs none; YAML 1.2 is understood.

wrong:
    %YAML 1.1
    ---
    runbook: v1
right:
    runbook: v1
"#
114 SEVERAL_DOCUMENTS "more than one document in a file" r#"
A file holds one document. A second `---` would start another one, which would be easy to miss in a review.

wrong:
    name: a
    ---
    name: b
right:
    two files
"#
115 EMPTY_FILE "the file is empty" r#"
There is nothing but blank lines and comments in the file.

right, the smallest runbook:
    runbook: v1
    name: hello
    steps:
      - shell: echo hello
"#
116 LIMIT "the file is too large" r#"
Files are limited to 1 MiB, 64 levels of nesting, 100,000 values and 4 MiB of text in them. A value used through an alias
counts each time, so that a small file cannot expand without bound.

wrong:
    a: &a [x, x, x, x]
    b: &b [*a, *a, *a, *a]      (and so on)
right:
    fewer values, or several files
"#
117 BAD_KEY "a key must be plain text" r#"
Keys are text; a list, a mapping or nothing cannot be a key.

wrong:
    ? [a, b]
    : value
right:
    "a, b": value
"#
118 MERGE "merge key needs a mapping" r#"
`<<` takes the entries of a mapping, or of a list of mappings, into this one.

wrong:
    <<: common
right:
    <<: *common
"#
119 UNKNOWN_ALIAS "unknown alias" r#"
A value that starts with `*` refers to a value marked with `&` earlier in the file. If the star is text, quote it.

wrong:
    pattern: *.log
right:
    pattern: "*.log"
"#
120 NOT_UTF8 "the file is not UTF-8" r#"
Files are read as UTF-8 text. The message names the first byte that is not.

wrong:
    a file saved as Latin-1, UTF-16 or a binary file
right:
    the same file saved as UTF-8
"#
121 BAD_ESCAPE "unknown escape in a quoted value" r#"
Between double quotes a backslash starts an escape such as `\n`. Regular expressions read best between single quotes,
where a backslash is a backslash.

wrong:
    pattern: "v\d+"
right:
    pattern: 'v\d+'
"#
122 RESERVED_CHARACTER "value starts with a reserved character" r#"
A value without quotes cannot start with an at sign, a backtick or a percent sign. Quote it.

wrong:
    notify: @oncall
right:
    notify: "@oncall"
"#
}
