//! 07xx: runs, resume and logs.

use super::codes;

codes! {
701 RUNBOOK_CHANGED "the runbook is not the one that the run follows" r#"
A run follows the plan that was made when it began. Since then the runbook, a runbook it includes, a file it copies or
the target profile has changed. Which of the two is meant is for a person to say, and the answer goes into the log with
a name and a reason.

wrong:
    runbook resume RUN
right:
    runbook resume RUN --as-planned "the fix is for the next release"
    runbook resume RUN --accept-changes "the smoke test had a typo, reviewed by bea"
"#
702 RUNBOOK_GONE "the runbook that the run follows cannot be planned any more" r#"
The runbook is missing, has errors, or misses a value, so that it cannot be compared with the plan the run follows.
Put it back, or go on with the stored plan, which needs none of these files.

wrong:
    git switch main        # where deploy.yml is not there yet
    runbook resume RUN
right:
    git switch release-42
    runbook resume RUN
"#
703 BEGUN_CHANGED "something that already began is different now" r#"
With `--accept-changes`, steps that have not begun may change, come and go. What already began must be the same as it
was, with its undo: the log says what was run, and what was run is what would be taken back. The same holds for inputs,
the target, and `on_failure` of the runbook. Nothing may be put before what already began.

wrong:
    # migrate already ran
    - { id: migrate, shell: ./migrate --verbose }
right:
    # migrate as it was, and the change in a step that comes later
    - { id: migrate, shell: ./migrate }
    - { id: migrate_more, shell: ./migrate --verbose }
"#
}
