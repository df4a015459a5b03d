//! 111x-112x: signed answers, plans as files.

use super::codes;

codes! {
1110 ANSWER_VOID "this answer would not count" r#"
Whoever drives the run would refuse the answer, so nothing is signed. An answer counts when its key is trusted for
approvals, its owner never drove the run, holds the role that is asked for, has not said the same before, and names a
reference where one must be named. Nobody says GO over something red, and a phrase is typed where the run is driven.

wrong:
    alice$ runbook run deploy.yml
    alice$ runbook go 01KAJ5 live.checkpoint --role lead
right:
    alice$ runbook run deploy.yml
    li$ runbook go 01KAJ5 live.checkpoint --role lead
"#
1111 PLAN_STALE "the plan is not the one the files make now" r#"
A plan that was written with `plan -o` names everything it was made from. `run --plan` makes it again, from the runbook,
the included runbooks, the target, copied files and the inputs as they are now, and runs only what is the same to the
last byte. Approvals of the plan are for that plan and no other: after a change somebody has to look again.

wrong:
    runbook plan deploy.yml -i version=v1 -o deploy.plan
    vi deploy.yml
    runbook run --plan deploy.plan
right:
    vi deploy.yml
    runbook plan deploy.yml -i version=v1 -o deploy.plan
    runbook approve deploy.plan
    runbook run --plan deploy.plan
"#
1112 PLAN_FOREIGN "the file is not a plan as this version writes it" r#"
A plan is one exact text. One that was written by another version of the tool, edited, reformatted or cut is not run:
nobody can say that it is what was approved.

wrong:
    jq . deploy.plan > pretty.plan
    runbook run --plan pretty.plan
right:
    runbook plan deploy.yml -o deploy.plan
    runbook run --plan deploy.plan
"#
}
