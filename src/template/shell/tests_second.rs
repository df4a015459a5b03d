//! Values that another shell would read as a script. `@` in the tables stands for `{{ v }}`.

use super::*;

fn template(case: &str) -> String {
    case.replace('@', "{{ v }}")
}

#[test]
fn a_value_in_text_that_another_shell_reads_is_refused() {
    let here = [
        "bash",
        "/bin/bash",
        "sh",
        "dash -x",
        "ksh",
        "zsh",
        "bash -s",
        "bash -",
        "bash -es -- x",
        "env bash",
        "env A=b bash",
        "sudo bash",
        "sudo -u app sh",
        "exec bash",
        "sudo -i",
        "sudo -u app -s",
        "su",
        "su - app",
        "sudo su - app",
        "runuser -u app -- bash",
        "bash -o pipefail",
        "docker exec -i c sh",
        "kubectl exec -i p -- /bin/bash",
        "bash /dev/stdin",
        ". /dev/stdin",
        "sh -c bash",
        "at now",
        "A=b bash",
        "xargs sh -c",
        "{ cd /; bash; }",
        "(cd / && bash)",
    ];
    let remote = [
        "ssh host",
        "ssh -p 22 host",
        "/usr/bin/ssh -T a@b",
        "ssh host bash",
        "ssh host 'cd / && sudo bash -s'",
        "sshpass -e ssh host",
    ];
    let mut cases: Vec<(String, &str)> = Vec::new();
    for (commands, message) in [(&here[..], "fed to a shell"), (&remote[..], "fed to a remote shell")] {
        for command in commands {
            let command = command.replace('@', "\\x");
            for text in [
                format!("{command} <<X\necho @\nX\n"),
                format!("{command} <<'X'\necho @\nX\n"),
                format!("{command} <<X | cat\n\"$(( @ ))\"\nX\n"),
                format!("{command} <<< \"echo @\""),
                format!("{command} < <(echo @)"),
                format!("echo \"echo @\" | {command}"),
                format!("printf '%s' @ | cat |\n  {command}"),
                format!("cat <<X | {command}\necho @\nX\n"),
                format!("{{ echo a; echo @; }} | {command}"),
                format!("for i in a; do echo @; done |& {command}"),
                format!("( cat <<X\n@\nX\n) | {command}"),
                format!("x=$(echo @ | {command})"),
                format!("echo @ | while read -r x; do {command}; done"),
            ] {
                cases.push((text, message));
            }
        }
    }
    for (case, message) in [
        ("eval \"x @\"", "`eval`"),
        ("eval x @", "`eval`"),
        ("trap 'rm @' EXIT", "`eval`, `trap`"),
        ("alias x=\"ls @\"", "`alias`"),
        ("bash -c \"echo @\"", "another shell reads"),
        ("bash -c \"echo @\" _ x", "another shell reads"),
        ("bash -o pipefail -xec 'ls @'", "another shell reads"),
        ("bash -c -- \"echo @\"", "another shell reads"),
        ("bash -c \"$(echo @)\"", "another shell reads"),
        ("sudo -u x /bin/sh -ec 'ls @'", "another shell reads"),
        ("kubectl exec p -- sh -c 'ls @'", "another shell reads"),
        ("find . -exec sh -c 'ls @' \\;", "another shell reads"),
        ("su - app -c \"ls @\"", "another shell reads"),
        ("su --command=\"ls @\" app", "another shell reads"),
        ("ssh -p 22 host \"ls @\"", "remote command"),
        ("ssh host ls -- @", "remote command"),
        ("sudo ssh host ls @", "remote command"),
        ("bash <(echo @)", "fed to a shell"),
        ("source <(echo @)", "fed to a shell"),
        ("echo @ | xargs -I% sh -c 'ls %'", "fed to a shell"),
        ("echo @ | xargs ssh host", "fed to a remote shell"),
    ] {
        cases.push((case.into(), message));
    }
    for (case, message) in cases {
        let errors = check_shell(&template(&case)).expect_err(&case);
        for error in errors {
            assert_eq!(error.kind, ErrorKind::Place, "{case}");
            assert!(error.message.contains(message), "{case}: {error}");
            assert!(error.help.is_some());
        }
        let mut context = Context::new();
        context.set("v", serde_json::json!("x"));
        assert!(shell(&template(&case), &context).is_err(), "{case}");
    }
}

#[test]
fn a_value_that_another_shell_gets_as_data_is_allowed_without_complaint() {
    for case in [
        "cat <<X\n@\nX\n",
        "cat <<X | grep bash\n@\nX\n",
        "psql <<X\nselect '@'\nX\n",
        "grep bash <<< @",
        "echo @ | cat",
        "echo @ | grep -v bash | tee log",
        "echo @; echo ls | bash",
        "echo @ && bash script.sh",
        "echo @ || bash <<X\nls\nX\n",
        "echo @\nbash",
        "bash script.sh ./@",
        "bash -c 'echo \"$1\"' _ /@",
        "bash -c 'echo \"$1\"' -- -@",
        "bash -s -- @ <<'X'\necho \"$1\"\nX\n",
        "echo @ | bash script.sh",
        "echo @ | bash -c 'read -r x; echo \"$x\"'",
        "echo @ | ssh host 'cat > file'",
        "echo @ | ssh host sudo tee file",
        "echo @ | sudo tee file",
        "echo @ | sudo -u app psql",
        "echo @ | xargs -n1 sh -c 'echo \"$1\"' _",
        "echo @ | xargs rm --",
        "runuser -u app -- psql <<X\n@\nX\n",
        "sudo su - app -c psql <<X\n@\nX\n",
        "while read -r h; do ssh \"$h\" uptime; done <<< @",
        "if true; then echo ls | bash; fi; echo @ | cat",
        "bash script.sh <<X\n@\nX\n",
        "{ echo @; } > f; bash f",
        "x=@; trap 'rm -- \"$x\"' EXIT",
        "export x=@; bash -c 'echo \"$x\"'",
        "x=@; echo \"$x\"; eval \"$y\"",
        "eval 'echo \"$x\"' # \n echo @",
    ] {
        let (_, lints) = check_shell(&template(case)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        assert_eq!(lints, [], "{case}");
    }
}

#[test]
fn a_variable_that_holds_a_value_and_is_read_again_is_found() {
    use LintKind::*;
    for (case, want) in [
        ("n=@; eval \"echo $n\"", Eval),
        ("n=@; trap \"rm ${n}\" EXIT", Eval),
        ("n=@; echo ${!n}", Eval),
        ("n=@; m=\"x $n\"; k=$m; eval $k", Eval),
        ("n=@; bash -c \"echo $n\"", NestedShell),
        ("local n=@; sudo sh -c \"echo ${n:-x}\"", NestedShell),
        ("f() { eval \"$n\"; }; n=@; f", Eval),
        ("n=@; ssh host \"ls $n\"", RemoteShell),
        ("n=@; ssh host ls $n", RemoteShell),
        ("n=@; bash <<X\necho $n\nX\n", NestedShell),
        ("n=@; ssh host <<X\necho $n\nX\n", RemoteShell),
        ("n=@; bash <<< \"$n\"", NestedShell),
        ("n=@; echo \"echo $n\" | bash", NestedShell),
        ("./as-root bash -c \"ls @\"", NestedShell),
        ("./as-root bash <<X\nls @\nX\n", NestedShell),
        ("./on-all ssh host ls -- @", RemoteShell),
    ] {
        let (_, lints) = check_shell(&template(case)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        let kinds: Vec<LintKind> = lints.iter().map(|l| l.kind).collect();
        assert_eq!(kinds, [want], "{case}");
        assert!(!case.starts_with("n=") || lints[0].message.contains("` comes from a value"), "{case}");
    }
}
