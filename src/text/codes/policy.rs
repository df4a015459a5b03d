//! 06xx: policies and lint.

use super::codes;

codes! {
601 NO_UNDO "a change that does not say how it is taken back" r#"
Every step that changes something says how it is taken back, that it cannot be, or why it need not.

wrong:
    - id: flag
      shell: touch /srv/maintenance
right:
    - id: flag
      shell: touch /srv/maintenance
      undo: { shell: rm -f /srv/maintenance }
"#
602 NO_TIMEOUT "a change without a time limit" r#"
A change that hangs holds up the run until a person looks. With a `timeout` it fails, and the run goes on as its
`on_failure` says.

wrong:
    shell: ./migrate
right:
    shell: ./migrate
    timeout: 10m
"#
603 DUPLICATE_EXPECT "a condition stands twice" r#"
The same condition twice checks nothing more; most likely one of them should have been another.

wrong:
    expect: [status == 200, status == 200]
right:
    expect: [status == 200, json.ok]
"#
604 CONSTANT_CONDITION "a condition with only one answer" r#"
The condition reads nothing, so it is always true or always false: a check that cannot fail, or one that cannot pass.

wrong:
    expect: "true"
right:
    expect: status == 200
"#
605 FILE_THAT_READS "a file step that says it only reads" r#"
Steps that only look may run again at any time and share a sync with others. A file step writes or removes a file, so it
is a change, and its intent is on disk before it happens.

wrong:
    effect: read
    file: { path: /etc/app.conf, template: "x" }
right:
    file: { path: /etc/app.conf, template: "x" }
    undo: previous
"#
}
