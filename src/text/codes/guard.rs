//! 1000 to 1049: the policies of a target.

use super::codes;

codes! {
1000 COMMAND_FORBIDDEN "a policy forbids this command" r#"
A policy of the target forbids the command, however it is spelled: by path, in quotes, behind `sudo`, `env` or `xargs`, in
`bash -c`, in a pipe into a shell. The message names the policy, its line and the reason.

wrong:
    shell: bash -c "docker compose up -d"
right:
    exec: [/srv/app/deploy_prd.sh, up]
"#
1001 COMMAND_UNKNOWN "what is started here is only known at run time" r#"
The name of a command, its verb or a script for another shell comes from a variable, a download or the like, so nobody can
say beforehand whether a policy forbids it. Production refuses that. A value of a template is looked at when the step starts.

wrong:
    shell: $TOOL up
right:
    shell: "{{ target.tool }} up"
"#
1002 WRAPPER_CHANGED "the wrapper is not the one the policy allows" r#"
A policy allows a wrapper by its path and its SHA-256. The file there has other bytes: somebody changed it after it was
reviewed. Review it, and put the new hash into the policy.

wrong:
    allow: { wrappers: [{ path: deploy.sh, sha256: (that of last year) }] }
right:
    allow: { wrappers: [{ path: deploy.sh, sha256: (what sha256sum prints) }] }
"#
1003 CALLED_UNREADABLE "a script that is called cannot be read" r#"
A script that is called is held against the policies too, and must be the same when it is started. So it must be there, and
readable, when the plan is made.

wrong:
    shell: ./made-by-an-earlier-step.sh
right:
    shell: ./reviewed.sh
"#
1004 RAW_FORBIDDEN "a policy forbids the filter `raw`" r#"
`| raw` makes a value part of a script, so that it can be any command. Policies can forbid it.

wrong:
    shell: "{{ inputs.command | raw }}"
right:
    exec: ["/usr/bin/report", "{{ inputs.name }}"]
"#
1010 POLICY_NEEDS "a policy needs something that is not there" r#"
A runbook that changes anything needs what the policies of its target require: ways back, a backup or a checkpoint before
the first change, guards, inputs, steps. More may be required where the target says `environment: production`.

wrong:
    steps: [{ id: up, exec: [/srv/app/deploy.sh, up] }]
right:
    steps: [{ id: up, exec: [/srv/app/deploy.sh, up], undo: { exec: [/srv/app/deploy.sh, down] } }]
"#
1020 PLACEHOLDER "a value was never filled in" r#"
A value is still what a template of this file left for people to fill in: `[Configure in production]`, `<git-sha>`,
`CHANGEME`, `vX.Y.Z`, `TIMESTAMP`, `...`.

wrong:
    contact: "[Configure in production]"
right:
    contact: ops@example.org
"#
1021 DEFAULT_PASSWORD "a password everybody knows" r#"
A password that programs come with, or that people begin with, stands in a target, an input, an address or a script.

wrong:
    grafana: { user: admin, password: admin }
right:
    inputs: { grafana_password: { type: secret, from: env:GRAFANA_PASSWORD } }
"#
1030 POLICY_UNREADABLE "a policy of the target cannot be used" r#"
A target lists its policies; nothing runs there unless all of them can be read and are sound. Paths are relative to the
directory of the target's file, or to the one above it where that directory is called `targets`.

wrong:
    policies: policies/production-guard.yml
right:
    policies: [policies/production-guard.yml]
"#
}
