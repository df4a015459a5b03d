//! 02xx: the shape of a document (keys, types, required parts).

use super::codes;

codes! {
201 UNKNOWN_KEY "unknown key" r#"
The language has no such key here. Every key has one spelling and one place; `runbook schema` prints them all.

wrong:
    - id: disk
      shel: df
right:
    - id: disk
      shell: df
"#
202 MISSING_KEY "a key is missing" r#"
Something that is always needed was not written.

wrong:
    - shell: df
right:
    - id: disk
      shell: df
"#
203 WRONG_TYPE "a value of the wrong type" r#"
The key needs another kind of value: text, a number, a list or a mapping.

wrong:
    timeout: [30s]
right:
    timeout: 30s
"#
204 BAD_VALUE "a value that is not allowed" r#"
The value has the right type, but it is not one of those the key can have.

wrong:
    effect: reads
right:
    effect: read
"#
205 BAD_NAME "not a usable name" r#"
Ids and names of values are lower-case letters, digits and underscores and start with a letter, so that templates can
use them. The name of a runbook or target has dashes instead of underscores.

wrong:
    - id: Check-Disk
right:
    - id: check_disk
"#
206 DUPLICATE_ID "an id is used twice" r#"
Step ids are unique in a runbook, in whatever phase or group they stand, because `steps.ID` names a step without its
phase. Phase ids are unique among phases.

wrong:
    - id: check
      shell: df
    - id: check
      shell: free
right:
    - id: check_disk
      shell: df
    - id: check_memory
      shell: free
"#
207 ONE_OF "exactly one of several keys" r#"
A step has exactly one kind, told by the key it uses. In the same way a request has one method and at most one body,
a file one content, and a runbook either phases or steps.

wrong:
    - id: live
      shell: curl localhost
      http: { get: "http://localhost" }
right:
    - id: live
      http: { get: "http://localhost" }
"#
208 MISPLACED_KEY "a key that has no meaning here" r#"
The key exists, but not beside this kind of step or this type of input. Nothing would happen, so it is refused.

wrong:
    - id: live
      http: { get: "http://localhost" }
      env: { TOKEN: x }
right:
    - id: live
      http: { get: "http://localhost", headers: { X-Token: x } }
"#
209 BAD_UNIT "not a duration" r#"
Durations carry units: us, ms, s, m (or min), h, d. They can be put together.

wrong:
    timeout: 30
right:
    timeout: 30s
"#
210 EMPTY "nothing in it" r#"
A phase without steps or an empty list would pass without anything having been done.

wrong:
    phases:
      - id: preflight
        steps: []
right:
    phases:
      - id: preflight
        steps:
          - id: disk
            shell: df
"#
211 CONTRACT "not allowed by the schema" r#"
The JSON Schema of the language rejects the value. The schema is the contract: what it forbids is not run, even where
this tool has no better words for it.

wrong:
    a value the schema forbids
right:
    see `runbook schema` and the reference page
"#
212 NOT_A_RUNBOOK "not a runbook" r#"
A runbook is a mapping of keys. The file holds something else, such as a list of steps.

wrong:
    - id: disk
      shell: df
right:
    runbook: v1
    name: check-disk
    steps:
      - id: disk
        shell: df
"#
213 VERSION "unknown version" r#"
The first line says which version of the language the file is written in. This tool reads `v1`.

wrong:
    runbook: v2
right:
    runbook: v1
"#
214 INPUT_DECLARATION "an input contradicts itself" r#"
The default of an input must be a value one could give: of its type, within its bounds, matching its pattern, among its
choices. The pattern must be a regular expression, and the least value not above the greatest.

wrong:
    replicas: { type: int, default: two }
right:
    replicas: { type: int, default: 2 }
"#
215 NUMBER_SPELLING "a number loses its spelling" r#"
YAML reads `1.10` as the number 1.1. If it is a version or another name, quote it.

wrong:
    version: 1.10
right:
    version: "1.10"
"#
216 POLL_NEEDS_EXPECT "poll without expect" r#"
`poll` repeats a step until `expect` holds. Without a condition there is nothing to wait for.

wrong:
    http: { get: "http://localhost/ready" }
    poll: { every: 10s, max: 5m }
right:
    http: { get: "http://localhost/ready" }
    poll: { every: 10s, max: 5m }
    expect: status == 200
"#
217 POLL_AND_RETRY "poll and retry together" r#"
`retry` repeats a step that failed; `poll` already goes on until `expect` holds or its time is over. A step has one of
them.

wrong:
    retry: { attempts: 3 }
    poll: { every: 10s, max: 5m }
right:
    poll: { every: 10s, max: 5m }
"#
218 UNDO_CONTRADICTS "undo contradicts effect" r#"
A step that only reads leaves nothing to take back, and one that is irreversible cannot be taken back.

wrong:
    effect: irreversible
    undo: { shell: ./restore }
right:
    effect: change
    undo: { shell: ./restore }
"#
219 PROBE "probe needs done_when" r#"
`repeat: probe` asks `done_when` whether a step that was running when the tool died has happened. One needs the other.

wrong:
    repeat: probe
right:
    repeat: probe
    done_when: { shell: test -e /var/lib/app/migrated }
"#
220 BAD_MARK "not a mark" r#"
A mark is a moment before or after T, the anchor of the run: `T`, `T-30m`, `T+1h30m`. Durations carry units.

wrong:
    at: 30m before
right:
    at: T-30m
"#
221 BAD_WINDOW "not a span of a window" r#"
A window is said in days, times and a time zone, because 02:00 is another moment in every zone. Days are Mon to Sun, as
a range (`Mon-Thu`) or a list (`Sat,Sun`); times are `02:00-05:00`, and an end before the begin is on the next day.
Either may be left out. The zone is `UTC` or a name such as `Europe/Berlin`.

wrong:
    window: { allow: "02:00-05:00" }
right:
    window: { allow: "Mon-Thu 02:00-05:00 UTC" }
"#
222 BAD_CELL "not a condition of a table" r#"
A condition of a decision table is data: a comparison with a limit (`> 5%`), a range whose ends belong to it unless
written with `<` (`1% .. 5%`, `1% ..< 5%`), a word, or a list of words. Limits carry the unit of their metric. Against a
baseline or another metric a limit is a change (`+10%`) or a multiple (`1.2x`).

wrong:
    if: { error_ratio: 5% }
right:
    if: { error_ratio: "> 5%" }
"#
}
