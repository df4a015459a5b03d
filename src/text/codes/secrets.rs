//! 115x: secrets.

use super::codes;

codes! {
1150 SHORT_SECRET "a secret may be short" r#"
A secret is masked wherever it stands in output. A short one stands there by chance, inside other words too, and is
guessed soon. So a secret of fewer than 8 bytes is refused when a run starts, unless its input says `allow_short: true`.

wrong:
    inputs: { pin: { type: secret, from: env:PIN, allow_short: true } }
right:
    inputs: { token: { type: secret, from: env:TOKEN } }
"#
1151 ALL_INPUTS "all inputs are read, secrets too" r#"
A runbook with secret inputs names the inputs it reads one by one. An expression over all of them, or over one whose name
is computed, would hold a secret where it could be shown.

wrong:
    shell: echo {{ inputs | tojson }}
right:
    shell: echo {{ inputs.version }}
"#
1152 SECRET_FILE_CONTENT "a secret file holds one whole secret" r#"
`secret_files` gives a step the path of a private file with a secret in it. What the file holds is never recorded, so it
must be a secret input and nothing else; other files are written by `file:` steps, whose content is recorded.

wrong:
    secret_files: { CONFIG: "password={{ inputs.password }}" }
right:
    secret_files: { PASSWORD_FILE: "{{ inputs.password }}" }
"#
1153 SECRET_FILE_NAME "a variable is set twice" r#"
A name under `secret_files` becomes a variable with the path of the file, so it may not stand under `env` as well.

wrong:
    env: { TOKEN: "{{ inputs.token }}" }
    secret_files: { TOKEN: "{{ inputs.token }}" }
right:
    secret_files: { TOKEN_FILE: "{{ inputs.token }}" }
"#
}
