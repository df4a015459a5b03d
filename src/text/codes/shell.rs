//! 04xx: shell scripts and the values pasted into them.

use super::codes;

codes! {
401 SHELL_PLACE "no safe form for a value at this place of a script" r#"
A value reaches a script as data, never as text of the script. In some places bash has no form that keeps it data: a
quoted here-document, arithmetic, a comment, and text that another shell reads again: of `eval`, `trap` and `bash -c`,
of a command for ssh, and what is fed to a shell by `<<`, `<<<` or a pipe.

wrong:
    shell: echo $(( {{ inputs.count }} + 1 ))
right:
    shell: n={{ inputs.count | int }}; echo $(( n + 1 ))

wrong:
    shell: bash -c "echo {{ inputs.name }}"
right:
    shell: bash -c 'echo "$1"' _ {{ inputs.name }}

Nothing quotes a value for a remote shell, and a here-document does not either: write it to a file and copy that, or
let the remote program read it from its standard input.
"#
402 RAW_VALUE "a value becomes script text" r#"
`| raw` pastes the value into the script unquoted: whoever can choose the value can run commands.

wrong:
    shell: ls {{ inputs.folder | raw }}
right:
    shell: ls -- {{ inputs.folder }}
"#
403 LEADING_DASH "a value could be taken for an option" r#"
A value that starts with `-` is an option for most programs. `--` ends the options.

wrong:
    shell: rm {{ inputs.name }}
right:
    shell: rm -- {{ inputs.name }}
"#
404 COMMAND_FROM_VALUE "a value names the command" r#"
What is run should stand in the runbook, where it is reviewed.

wrong:
    shell: "{{ inputs.tool }} restart"
right:
    shell: systemctl restart {{ inputs.unit }}
"#
405 SECOND_SHELL "a second shell reads the value" r#"
`eval`, `bash -c`, `ssh host "..."` and shells that read standard input take their text as a script, and arithmetic
runs commands hidden in its operands. A variable that holds a value can become code there. Give it as an argument, or
let the other shell read it from its environment.

wrong:
    shell: n={{ inputs.name }}; bash -c "echo $n"
right:
    shell: bash -c 'echo "$1"' _ {{ inputs.name }}
"#
}
