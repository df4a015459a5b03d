//! Where a value stands decides how the script refers to it. `@` in the tables stands for `{{ v }}`.

use serde_json::json;

use super::*;

fn context(value: &str) -> Context {
    let mut context = Context::new();
    context.set("v", json!(value)).set("list", json!(["a", "b c"])).set("n", json!(3)).set("none", json!(null));
    context.set("db", json!({"$secret": "db"}));
    context
}

fn template(case: &str) -> String {
    case.replace('@', "{{ v }}")
}

const B: &str = "\"${RB_1}\"";

#[test]
fn the_place_of_a_value_decides_how_it_is_referred_to() {
    let bare = |case: &str| case.replace('@', B);
    let inside = |case: &str| case.replace('@', "${RB_1}");
    let single = |case: &str| case.replace('@', "'\"${RB_1}\"'");
    let ansi = |case: &str| case.replace('@', "'\"${RB_1}\"$'");
    let bares = [
        "echo @",
        "echo a@b",
        "echo @@",
        "echo \"a\"'b'@\"c\"",
        "x=@",
        "x+=@ cmd",
        "x=() y=@; local z=@",
        "declare -a x=(@); x+=(@)",
        "[ @ = x ] && test x = @",
        "export x=@",
        "local x=@ y=@",
        "a=(@ 'x' @)",
        "a=( # it's\n @ )",
        "a=([1]=@)",
        "a=([ab]*@ @)",
        "a[1]=@",
        "echo a[@]",
        "cmd > @",
        "cmd 2>@ < @",
        "cmd >> @ 2>&1",
        "cmd &> @",
        "cat <<< @",
        "cat <(sort @)",
        "done < <(sort @)",
        "echo $(cmd @)",
        "echo \"$(cmd @)\"",
        "echo \"$(cmd \"$(cmd2 @)\")\"",
        "echo \"$(case x in x) echo @ ;; esac)\"",
        "echo \"$(case x in (x) echo @ ;; esac)\"",
        "x=$(case $a in a|b) echo 'q' ;; *) echo @;; esac); echo @",
        "case @ in @) echo @ ;; esac",
        "case x in\n a) echo ;;\n # b) it's\n b) case y in y) echo @;; esac;;\nesac; echo @",
        "$(case x in esac) @",
        "if [ -f @ ]; then echo @; fi",
        "[[ @ == @ ]]",
        "[[ -f @ && ( @ != x ) ]] && echo @",
        "[[ a =~ ^(a|b)$ ]]; echo @",
        "[[ a =~ ^(\"a b\")$ ]]; echo @",
        "[[ a =~ @ ]]",
        "for x in @ y; do echo @; done",
        "for x; do echo @; done",
        "for x in a\ndo case x in x) echo @;; esac; done",
        "for ((i=0; i<3; i++)); do echo @; done",
        "while read -r x; do echo @; done",
        "f() { echo @; }; f @",
        "function f { echo @; }",
        "( cd @ && ls ) | cat",
        "{ echo @; } > @",
        "echo `cmd @`",
        "echo a#b @",
        "echo ${#x} @",
        "echo ${x:-'}'} @",
        "echo ${x#'}'} @",
        "echo \"${x:-it's}\" @",
        "echo \"${x#'}'}\" @",
        "echo \"${x:-\"a\"}\" @",
        "echo ${x:-$(echo ')')} @",
        "echo $((1<<2)) @",
        "echo $(( (1+2)*3 )) @",
        "((x = 1 << 2)); echo @",
        "echo $((echo a); (echo @))",
        "echo $[1+2] @",
        "echo $'it\\'s' @",
        "echo $\"it's\" @",
        "echo 'it'\\''s' @",
        "echo \"a\\\"b\" @",
        "echo a \\\n  @",
        "echo $$@",
        "echo \\$@",
        "echo $x@",
        "shopt -s extglob; ls !(*.log|'x)') @",
        "cat <<A <<B\nit's\nA\n\"\nB\necho @",
        "cat <<-A\n\tit's\n\tA\necho @",
        "cat <<'A' && echo @\nit's $(\nA\necho @",
        "x=$(cat <<A\nit's)\nA\n); echo @",
        "cat <<A\nA \nA\\\nA\nA\necho @",
        "cat <<\"A B\"\nit's\nA B\necho @",
        "cat <<\\A\nit's\nA\necho @",
        "cat << A; echo @\nit's\nA\n",
        "time -p cmd @",
        "! grep -q @ file",
        "coproc cmd @",
        "echo a;# it's\necho @",
        "echo @ & echo @ || echo @",
        "printf '%s\\n' @",
        "read -r -p @ x",
        "declare -a x=(@)",
        "{{ v }}=x",
        "[ @ -eq 3 ]",
        "echo {a,@}",
        "echo }@",
    ];
    let insides = [
        "echo \"@\"",
        "echo \"a @ b\"c",
        "x=\"@\"",
        "export \"X=@\" Y",
        "printf \"to @\\n\"",
        "echo \"it's @\"",
        "echo \"\\\"@\\\"\"",
        "echo \"\\$@\"",
        "echo \"$x@\"",
        "echo \"${x}@\"",
        "echo \"$(echo \"@\")\"",
        "echo \"$((1+2))@\"",
        "echo `cmd \"@\"`",
        "echo \"`cmd x`@\"",
        "echo $\"@\"",
        "cat <<A\n@\nA\n",
        "cat <<A\nit's \"@\" # not a comment @\nA\n",
        "cat <<-A\n\t@\n\tA\n",
        "cat <<A; cat <<B\n@\nA\n@\nB\n",
        "x=$(cat <<A\n@\nA\n)",
        "cat <<A\n@",
    ];
    let singles = ["echo '@'", "echo 'a @ b'", "x='@'", "echo '\"@\"'", "$(echo '@')", "echo '\\@'"];
    let ansis = ["echo $'@'", "echo $'a\\'@\\n'"];
    let wanted = (bares.map(|c| (c, bare(c))).into_iter())
        .chain(insides.map(|c| (c, inside(c))))
        .chain(singles.map(|c| (c, single(c))))
        .chain(ansis.map(|c| (c, ansi(c))));
    let mut count = 0;
    for (case, want) in wanted {
        let want = want.replace("{{ v }}", B);
        let script = shell(&template(case), &context("x y")).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(script.text, want, "{case}");
        check_shell(&template(case)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        count += 1;
    }
    assert!(count > 80);
}

#[test]
fn places_without_a_safe_form_are_refused() {
    for (case, message) in [
        ("cat <<'A'\n@\nA\n", "quoted delimiter"),
        ("cat <<\"A\"\n@\nA\n", "quoted delimiter"),
        ("cat <<\\A\n@\nA\n", "quoted delimiter"),
        ("cat <<-'A'\n\t@\n\tA\n", "quoted delimiter"),
        ("cat <<@\nx\n", "delimiter of a here-document"),
        ("echo $(( @ ))", "arithmetic"),
        ("echo \"$((1 + @))\"", "arithmetic"),
        ("echo $(( (1+2) * $(cmd @) ))", "arithmetic"),
        ("(( @ > 1 ))", "arithmetic"),
        ("if (( \"@\" )); then :; fi", "arithmetic"),
        ("for ((i=0; i<@; i++)); do :; done", "arithmetic"),
        ("echo $[ @ ]", "arithmetic"),
        ("let x=@", "arithmetic"),
        ("declare -i x=@", "arithmetic"),
        ("[[ @ -eq 1 ]]", "arithmetic"),
        ("[[ 1 -lt \"@\" ]]", "arithmetic"),
        ("# @", "comment"),
        ("echo x # it's @\n", "comment"),
        ("$(echo # @\n)", "comment"),
        ("a[@]=1", "array index"),
        ("a=([@]=1)", "array index"),
        ("echo ${x:-@}", "inside `${...}`"),
        ("echo \"${x:-@}\"", "inside `${...}`"),
        ("echo ${a[@]}x${!@}", "inside `${...}`"),
        ("echo ${x/$(cmd @)/}", "inside `${...}`"),
        ("cat <<A\n${x:-@}\nA\n", "inside `${...}`"),
        ("echo \\@", "follow a backslash"),
        ("echo \"\\@\"", "follow a backslash"),
        ("echo $'\\@'", "follow a backslash"),
        ("cat <<A\n\\@\nA\n", "follow a backslash"),
        ("echo ${{ v }}", "follow a `$`"),
        ("echo \"$@\"", "follow a `$`"),
        ("echo `echo \\`cmd @\\``", "backticks that contain"),
        ("echo \"`echo \\\"@\\\"`\"", "backticks that contain"),
        ("for @ in a; do :; done", "name a shell variable"),
        ("unset @", "name a shell variable"),
        ("read @", "name a shell variable"),
        ("read -r x \"@\"", "name a shell variable"),
        ("printf -v @ x", "name a shell variable"),
        ("printf -v@ x", "name a shell variable"),
        ("test -v @", "name a shell variable"),
        ("[[ -v @ ]]", "name a shell variable"),
        ("export @", "name a shell variable"),
        ("declare -n x=@", "name a shell variable"),
        ("command unset @", "name a shell variable"),
        ("[ {{ v }} @ ]", "name a shell variable"),
        ("exec {a[@]}> f", "name a shell variable"),
        ("coproc X (( @ ))", "arithmetic"),
        ("time -p [[ @ -eq 1 ]]", "arithmetic"),
        ("[[ 1 -e\\\nq @ ]]", "arithmetic"),
        ("declare -a x=@", "array"),
        ("f() { x=(); local x=\"@\"; }", "array"),
        ("readonly x=@; mapfile x", "array"),
        ("RANDOM=@", "bash evaluates"),
        ("env \"BASH_ENV=@\" bash x", "bash evaluates"),
        ("compgen -W @", "bash evaluates"),
        ("printf @ x", "format"),
        ("printf -- \"@\\n\"", "format"),
        ("printf \"to @ %s\" @", "format"),
        ("echo $(\\\n( @ ))", "cannot be determined"),
        ("cat <<A\n$(( @ + ' ))\nA\n", "cannot be determined"),
    ] {
        let src = template(case);
        let error = shell(&src, &context("x")).expect_err(case);
        assert_eq!(error.kind, ErrorKind::Place, "{case}: {error}");
        assert!(error.message.contains(message), "{case}: {error}");
        assert!(error.help.is_some(), "{case}");
        assert_eq!(&src[error.range.clone()], "v", "{case}");
        let errors = check_shell(&src).expect_err(case);
        assert!(errors.iter().all(|e| &src[e.range.clone()] == "{{ v }}"), "{case}: {errors:?}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    for (open, close) in
        [("$(", ")"), ("$((", "))"), ("(", ")"), ("\"$(", ")\""), ("${x:-", "}"), ("`", ""), ("<(", ")"), ("[[ (", "")]
    {
        let src = format!("echo {}{{{{ v }}}}{}", open.repeat(5000), close.repeat(5000));
        if let Ok(script) = shell(&src, &context("x")) {
            assert!(!open.starts_with("$"), "{open}: {}", script.values.len());
        }
    }
}

#[test]
fn the_shown_script_has_the_value_quoted_in_place() {
    for (case, value, want) in [
        ("echo @", "plain-1.2/x", "echo plain-1.2/x"),
        ("echo @", "it's; rm", "echo 'it'\\''s; rm'"),
        ("echo @", "", "echo ''"),
        ("echo \"@\"", "a\"b$c`d\\", "echo \"a\\\"b\\$c\\`d\\\\\""),
        ("echo '@'", "it's", "echo 'it'\\''s'"),
        ("echo $'@'", "it's\\", "echo $'it\\'s\\\\'"),
        ("cat <<A\n@\nA\n", "a $b", "cat <<A\na $b\nA\n"),
        ("echo \"$x@\"", "abc", "echo \"$x\"\"abc\""),
        ("echo `echo @`", "a`b", "echo `echo 'a\\`b'`"),
    ] {
        assert_eq!(shell(&template(case), &context(value)).unwrap().shown, want, "{case}");
    }
}

#[test]
fn values_are_numbered_once_each() {
    let mut world = context("x");
    world.set("w", json!("y"));
    let script = shell("echo {{ v }} {{ w }} '{{ v }}' {% for i in list %}{{ i }} {% endfor %}", &world).unwrap();
    let values: Vec<(&str, &str)> = script.values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(values, [("RB_1", "x"), ("RB_2", "y"), ("RB_3", "a"), ("RB_4", "b c")]);
    assert_eq!(script.text, "echo \"${RB_1}\" \"${RB_2}\" ''\"${RB_1}\"'' \"${RB_3}\" \"${RB_4}\" ");
}

#[test]
fn types_without_text_and_hostile_bytes_are_refused() {
    use ErrorKind::*;
    let big = "x".repeat(131_072 - "RB_1=".len());
    for (src, value, kind, message) in [
        ("echo {{ list }}", "", Type, "a list has no text"),
        ("echo {{ none }}", "", Type, "null has no text"),
        ("echo {{ db }}", "", Secret, "the secret `db`"),
        ("echo {{ v }}", "a\0b", Type, "NUL"),
        ("echo {{ v }}", "a\u{f0000}b", Type, "private-use"),
        ("echo {{ v | raw }}", "a\u{f0001}b", Type, "private-use"),
        ("echo {{ v }}\u{f0000}", "", Syntax, "U+F0000"),
        ("echo {{ v }}", &big, Limit, "too large"),
        ("echo {{ nope }}", "", Undefined, "`nope` is undefined"),
        ("echo {{ v | raw ~ 'x' }}", "", Type, "last filter"),
        ("{% set x = v | raw %}echo {{ x | upper }}", "", Type, ""),
    ] {
        let result = shell(src, &context(value));
        let Err(error) = result else {
            assert!(message.is_empty(), "{src}: {result:?}");
            continue;
        };
        assert_eq!(error.kind, kind, "{src}: {error}");
        assert!(error.message.contains(message), "{src}: {error}");
    }
    assert!(shell("echo {{ v }}", &context(&big[1..])).is_ok());
}

#[test]
fn raw_and_tags_make_script_text() {
    let world = context("a b");
    assert_eq!(shell("ls {{ v | raw }} {{ v }}", &world).unwrap().text, "ls a b \"${RB_1}\"");
    assert_eq!(
        shell("{% if n == 3 %}'{{ v }}'{% else %}\"{{ v }}{% endif %}", &world).unwrap().text,
        "''\"${RB_1}\"''"
    );
    assert_eq!(
        shell("docker ps --format '{% raw %}{{.Names}}{% endraw %}'\n", &world).unwrap().text,
        "docker ps --format '{{.Names}}'\n"
    );
    assert_eq!(shell("{{ list | join(' ') }}", &world).unwrap().values[0].1, "a b c");
}

#[test]
fn advice_is_given_for_values_that_are_read_again() {
    use LintKind::*;
    for (case, want) in [
        ("echo @", vec![]),
        ("rm @", vec![LeadingDash]),
        ("rm -- @", vec![]),
        ("rm \"@/x\"", vec![LeadingDash]),
        ("rm ./@", vec![]),
        ("kubectl -n @ get pods", vec![]),
        ("rm {{ v | int }}", vec![]),
        ("@ --version", vec![CommandName]),
        ("ssh @ uptime", vec![LeadingDash]),
        ("bash -c 'echo \"$1\"' _ /@", vec![]),
        ("n=@; echo $((n + 1))", vec![Arithmetic]),
        ("n=$(grep -c '@' f); echo $((n + 1))", vec![]),
        ("n={{ v | int }}; echo $((n + 1))", vec![]),
        ("n=@; if [[ $n -gt 3 ]]; then :; fi", vec![Arithmetic]),
        ("local n=@; (( n > 3 ))", vec![Arithmetic]),
        ("declare -i n; n=@", vec![Arithmetic]),
        ("x=@; echo \"$x\"", vec![]),
        ("ls {{ v | raw }}", vec![Raw]),
    ] {
        let (refs, lints) = check_shell(&template(case)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        let kinds: Vec<LintKind> = lints.iter().map(|l| l.kind).collect();
        assert_eq!(kinds, want, "{case}");
        assert_eq!(refs.names().into_iter().collect::<Vec<_>>(), ["v"]);
        assert!(lints.iter().all(|l| template(case)[l.range.clone()].starts_with("{{ v")));
    }
}

#[test]
fn every_refused_place_is_reported_at_once() {
    let errors = check_shell("echo {{ a }} # {{ b }}\ncat <<'E'\n{{ c }}\nE\n((x={{ d }}))\n").unwrap_err();
    assert_eq!(errors.len(), 3);
    assert!(check_shell("echo {{ a").unwrap_err()[0].kind == ErrorKind::Syntax);
    let (_, lints) = check_shell("a\n{%- if x %} # {% endif -%}\n b{## '{{ z }}' ##}").unwrap();
    assert!(lints.is_empty());
}

#[test]
fn one_plain_command_is_recognised() {
    for (script, want) in [
        ("ls -l /tmp", &["ls", "-l", "/tmp"][..]),
        ("  nginx -t\n", &["nginx", "-t"]),
        ("grep 'a b$*' \"c d\" e'f'\"g\"", &["grep", "a b$*", "c d", "efg"]),
        ("cmd '' \"\"", &["cmd", "", ""]),
        ("./x.sh --a=b,c:d@e%f+g_h", &["./x.sh", "--a=b,c:d@e%f+g_h"]),
        ("cmd 'a\nb'", &["cmd", "a\nb"]),
    ] {
        assert_eq!(
            simple_command(script).as_deref(),
            Some(&want.iter().map(|w| w.to_string()).collect::<Vec<_>>()[..]),
            "{script}"
        );
    }
    for script in [
        "",
        " \n",
        "a; b",
        "a & ",
        "a | b",
        "a > b",
        "a\nb",
        "A=1 b",
        "a=b",
        "a $x",
        "a \"$x\"",
        "a `x`",
        "a \\x",
        "a \"\\\"\"",
        "a *",
        "a ?",
        "a [b]",
        "a {b,c}",
        "a ~",
        "a ~/b",
        "a !x",
        "a # b",
        "(a)",
        "a 'b",
        "a \"b",
        "a\tb\r",
        "echo a",
        "cd /",
        "[ a ]",
        "if",
        "time a",
        "coproc a",
        "'ls' a",
        "a (b)",
        "a <b",
        "a ^b",
        "%1",
        ": x",
        ". x",
        "é",
        "a =b\0",
    ] {
        assert_eq!(simple_command(script), None, "{script}");
    }
}

#[test]
fn a_quoted_word_is_one_posix_word() {
    for (word, want) in
        [("a", "a"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("~", "'~'"), ("a\nb", "'a\nb'")]
    {
        assert_eq!(quote(word), want);
    }
}
