//! 1170 to 1199: what somebody hostile would write.

use super::codes;

codes! {
1170 HIDDEN_CHARACTER "a character that cannot be seen" r#"
Control characters, characters that turn the direction of text, and characters without width make a file look other than
it is: a reviewer reads one thing and another is run. They may not stand in a file. Where such a character is meant, it can
be written as an escape between double quotes, where everybody sees it.

wrong:
    title: "Stop" followed by U+202E and text that is shown backwards
right:
    title: "Stop \u202E"
"#
1171 INCLUDES_TOO_MANY "runbooks run each other too deep or too often" r#"
Runbooks may run each other at most 16 levels deep, and a plan has at most 50,000 steps and blocks. A runbook that runs
another twice, which runs another twice, and so on, would grow beyond any bound.

wrong:
    a chain of 40 runbooks, each of which runs the next one twice
right:
    one runbook with a `for_each`
"#
1172 PATTERN_TOO_LARGE "a regular expression that takes too much" r#"
A pattern is compiled before it is used, and a short one can become very large. All patterns of a runbook together have a
budget: at most 200 of them, and at most 32 MiB in all. Classes such as `\w` are large, `[a-z0-9_]` is not.

wrong:
    pattern: '(\w{100}){100}'
right:
    pattern: '\w{1,100}'
"#
1173 REACH "not a host or a network" r#"
With `http: { allow: [...] }` a target says where requests may go: names of hosts, `*.` before a name for all below it,
addresses, and networks as `ADDRESS/BITS`. Names are looked up and their addresses checked again before anything is
connected to, on every redirect too.

wrong:
    http: { allow: ["https://api.example.com/v1"] }
right:
    http: { allow: [api.example.com, "*.corp.example", 10.1.0.0/16] }
"#
}
