//! 108x-109x: roles, phrases, waivers.

use super::codes;

codes! {
1080 ROLE_UNKNOWN "no target says who holds this role" r#"
A checkpoint that asks for people of a role needs to know who they are, and that is for the target to say: the same
runbook is approved by other people in another place.

wrong:
    # the runbook
    checkpoint: { title: Put it live?, roles: { lead: 1 } }
    # the target says nothing about `lead`
right:
    # the target
    roles: { lead: [ana@example.com, li@example.com] }
"#
1081 TOO_FEW_PEOPLE "fewer people can say GO than must" r#"
Whoever drives the run never counts, and one person counts once in a checkpoint, whatever roles they hold. A checkpoint
that nobody could ever pass would only be found when the run waits at it.

wrong:
    # roles: { lead: [ana@example.com] } in the target
    checkpoint: { title: Put it live?, roles: { lead: 2 } }
right:
    # roles: { lead: [ana@example.com, li@example.com, mo@example.com] } in the target
    checkpoint: { title: Put it live?, roles: { lead: 2 } }
"#
1082 BAD_PRINCIPAL "not a name of one person" r#"
People are named as trust stores name the owners of keys. Only visible ASCII is taken, so that no two names look alike,
and nothing that stands for several people.

wrong:
    roles: { lead: ["*@example.com"] }
right:
    roles: { lead: [ana@example.com] }
"#
1083 BAD_PHRASE "a phrase that cannot be typed" r#"
A phrase is typed by a person, letter by letter, and compared byte by byte. It is one line of words, the same in every
run, without anything that cannot be seen.

wrong:
    phrase: "deploy {{ inputs.version }} to production"
right:
    phrase: deploy fully to production
"#
1084 WAIVER_EXPIRED "a waiver that has expired" r#"
A waiver holds until the end of its day, in UTC. After that nobody answers for the failure any more, and a file that
still lists it would make people believe so.

wrong:
    - { step: preflight.grafana, person: ana@example.com, reason: CHG-7, until: 2020-01-31 }
right:
    - { step: preflight.grafana, person: ana@example.com, reason: CHG-7, until: 2999-01-31 }
"#
1085 WAIVER_WITHOUT_STEP "a waiver for no step of this runbook" r#"
No step of the plan has this path. Either the file serves several runbooks, or the path is misspelt and the failure is
not waived at all.

wrong:
    - { step: preflight.grafna, person: ana@example.com, reason: CHG-7, until: 2999-01-31 }
right:
    - { step: preflight.grafana, person: ana@example.com, reason: CHG-7, until: 2999-01-31 }
"#
1086 WAIVER_FOR_A_CHANGE "this cannot be waived" r#"
Only what looks can be waived, and what a person does by hand: steps with `effect: read`, `watch` and `manual`. When a
change fails, nobody knows what is there now, and a decision table says itself what its values mean.

wrong:
    # switch.upstream writes a file
    - { step: switch.upstream, person: ana@example.com, reason: CHG-7, until: 2999-01-31 }
right:
    - { step: preflight.grafana, person: ana@example.com, reason: CHG-7, until: 2999-01-31 }
"#
1087 WAIVER_BY_OPERATOR "a waiver by whoever drives the run" r#"
Nobody waives their own run's failures. For this run the waiver has no effect.

wrong:
    # ana@example.com runs it
    - { step: preflight.grafana, person: ana@example.com, reason: CHG-7, until: 2999-01-31 }
right:
    - { step: preflight.grafana, person: li@example.com, reason: CHG-7, until: 2999-01-31 }
"#
}
