//! 113x and 114x: locks and holds.

use super::codes;

codes! {
1130 LOCK_NOT_KNOWN "a lock whose name is not one, or not known when planning" r#"
Which lock a run needs must be known before it begins, so `lock` may read only `inputs.` and `target.`. Its value is a
name of up to 80 bytes on one line.

wrong:
    lock: "{{ steps.live.colour }}"
right:
    lock: "{{ target.name }}"
"#
1131 UNLOCKED "changes in production without a lock" r#"
With `lock: none`, or without a target, nothing keeps a second run from changing the same things at the same time, and no
hold stops the run. The target says `environment: production`.

wrong:
    lock: none
right:
    lock: "{{ target.name }}"
"#
1132 BAD_LOCK_DIR "the target's lock_dir is not a directory name" r#"
Several operators on one host share the locks of a target in a directory. It is an absolute path, and somebody made it
once, writable for a group and sticky.

wrong:
    lock_dir: locks
right:
    lock_dir: /var/lock/runbook      # install -d -m 3770 -o root -g operators /var/lock/runbook
"#
1133 LOCKED "another run has the lock" r#"
One run at a time changes things under a lock. The screen says which run has it, who drives it where, and what it does.
Wait for it, look at it, or talk to its operator. There is no option that takes a lock from a run that is alive: a run
that died before it changed anything is taken over by itself.

wrong:
    rm ~/.local/state/runbook/locks/production.lease
right:
    runbook run deploy.yml --target production --wait-for-lock 30m
"#
1134 UNFINISHED "an unfinished run owns the lock" r#"
A run that has changed something owns its lock until it is over, whoever drives it or nobody: it waits for a person, or its
driver died, or backing out failed. Go on with that run. If nobody ever will, say so with your name and why; what it has
changed stays as it is.

wrong:
    runbook run deploy.yml --target production
right:
    runbook resume RUN
    runbook release RUN "rolled back by hand, see INC-42"
"#
1135 ON_HOLD "somebody holds the lock" r#"
While a hold stands, no run changes anything under the lock, and none goes on; runs that only look do. A run may still be
backed out. Another person than the one who placed the hold lifts it, with a key that is trusted for approvals. A hold that
cannot be read or verified stands as well.

wrong:
    rm ~/.local/state/runbook/locks/production.holds
right:
    runbook lift production "disk replaced, checked by bea"
"#
1136 HOLD_WITHOUT_LOCK "a hold step in a runbook without a lock" r#"
A step of the kind `hold` holds the lock of its run, so there must be one.

wrong:
    lock: none
    steps:
      - { id: stop, hold: { reason: "security incident" } }
right:
    lock: "{{ target.name }}"
    steps:
      - { id: stop, hold: { reason: "security incident" } }
"#
1138 INNER_LOCK "the lock of an included runbook does not count" r#"
A run has one lock: that of the runbook that is run. One that it runs has its own lock only when it is run by itself, so
others may change the same things meanwhile.

wrong:
    # deploy.yml runs migrate.yml, which says `lock: database`
    lock: "{{ target.name }}"
right:
    # both say
    lock: database
"#
}
