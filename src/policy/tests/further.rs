//! More spellings: programs that start what they are given, and names that stand for other programs.

use super::{guard, judged, worst};
use crate::policy::{Around, Rails, Stdin, Verdict};

/// Scripts that start a forbidden program, or may: none of them may pass in production.
#[rustfmt::skip]
const NOT_PASSED: &[&str] = &[
    // bash itself
    "{docker,compose,up}", "a=(docker rm x); \"${a[@]}\"", "coproc D { docker rm x; }", "coproc D { d=dock; ${d}er rm x; }", "coproc D docker rm x",
    "bash<<<'docker rm x'", "readarray -C 'docker rm x' -c1 a < f", "builtin eval 'docker rm x'", "set -- docker rm x; \"$@\"",
    "exec 0<<< 'docker rm x'; bash", "f() { bash; }; echo 'docker rm x' | f", "function f { sh -s; }; f < x", "exec < f; bash", "exec 3<<< 'docker rm x'; bash <&3", "bash /dev/fd/3 3<<< 'docker rm x'", ". /dev/fd/63",
    "bash --rcfile <(echo docker rm x) -i", "fish -C 'docker rm x'", "fish --command='docker rm x'", "bash-5.2 -c 'd=dock; ${d}er rm x'", "bash.exe -c 'docker rm x'",
    "lksh -c 'docker rm x'", "alias ls='docker'; ls rm x", "BASH_ALIASES[ls]='docker'; ls rm x", "declare -A BASH_ALIASES=([ls]=docker); ls rm x",
    "BASH_CMDS[ls]=/usr/bin/docker; ls rm x", "hash -p /srv/x ls; ls", "enable -f /srv/x.so ls", "ps() { docker rm x; }; ps", "PS0='$(docker rm x)'",
    "x='a[$(docker rm x)]'; echo $((x))", "test -v 'a[$(docker rm x)]'", "unset 'a[$(docker rm x)]'", "read 'a[$(docker rm x)]' <<< 1",
    "printf -v 'a[$(docker rm x)]' 1", "let 'a[$(docker rm x)]=1'", "x='$(docker rm x)'; echo \"${x@P}\"",
    // where names come from
    "PATH=/srv/evil:$PATH ls", "PATH=.:$PATH; ls", "export PATH=/srv/evil", "env PATH=/srv/evil ls", "sudo PATH=/srv/evil ls", "declare -x PATH=:/bin", "PATH+=:/srv/evil", "read PATH <<< /srv/evil",
    "PATH=$X:/bin ls", "PERL5OPT=-Mx perl x.pl", "NODE_OPTIONS='--require /x' node x.js",
    // variables that hold commands
    "PAGER='docker rm x' man ls", "MANPAGER='docker rm x' man ls", "EDITOR='docker rm x' vipw", "GIT_SSH_COMMAND='docker rm x' git fetch", "GIT_EXTERNAL_DIFF='docker rm x' git diff", "LESSOPEN='|docker rm x' less f",
    // options that hold commands
    "git -c alias.x='!d=doc; ${d}ker rm y' x", "git -c core.pager='docker rm x' log", "git submodule foreach 'd=doc; ${d}ker rm x'", "git bisect run $X", "git rebase -x '$X' HEAD~1", "git config alias.x '!$X rm'",
    "tar xf x --to-command='${d}ker rm x'", "tar cf /dev/null x --checkpoint=1 --checkpoint-action=exec='${d}ker rm'", "tar -I '$X' -cf x y", "rsync -e 'sh -c \"d=doc; ${d}ker rm x\"' a h:b", "rsync --rsync-path='$X' a h:b",
    "split --filter='docker rm x' f", "split --filter='d=dock; ${d}er rm x' f", "zip x.zip f -T -TT 'docker rm x'", "man -P 'docker rm x' ls", "vim -es -c '!d\"\"ocker rm x'", "view -c '!docker rm x'", "nvim -c '!docker rm x'",
    "gdb -batch -ex 'shell dock\"\"er rm x'", "socat - SYSTEM:'doc\"\"ker rm x'", "tmux new -d 'd=dock; ${d}er rm x'", "screen -dm bash -c 'd=dock; ${d}er rm x'", "sed -n '1e dock\"\"er rm x' f", "sed 's/.*/id/e' f", "nix-shell --run 'docker rm x'",
    "run-parts /srv/x", "make -f - <<< 'x: ; dock\"\"er rm x'", "capsh -- -c 'docker rm x'", "less +'!docker rm x' f", "ed -s f <<< '!docker rm x'", "sqlite3 x '.shell docker rm x'", "psql -c '\\! docker rm x'", "psql <<< '\\! docker rm x'",
    "mysql -e 'system docker rm x'", "ftp <<< '!docker rm x'", "ansible all -a 'docker rm x'", "sops exec-env f 'docker rm x'", "ls | entr -s 'docker rm x'",
    // programs nobody knows, and known ones in other forms
    "systemd-run -t docker rm x", "script -q /dev/null -- docker rm x", "sg docker 'docker rm x'", "newgrp docker <<< 'docker rm x'", "chroot / <<< 'docker rm x'", "echo 'docker rm x' | unshare -r", "nsenter -t 1 -m <<< 'docker rm x'",
    "su -s /usr/bin/docker app", "ssh h -p 22 docker rm x", "ssh h -t docker rm x", "xargs -a f sh -c", "valgrind docker rm x", "firejail docker rm x", "bwrap --ro-bind / / docker rm x", "numactl --cpunodebind=0 docker rm x", "perf stat docker rm x",
    "chpst -u x docker rm x", "direnv exec . docker rm x", "op run -- docker rm x", "uv run docker rm x", "npx docker rm x", "cpulimit -l 5 -- docker rm x", "mosh h -- docker rm x", "lxc exec c -- docker rm x", "fd -x docker rm", "gxargs docker rm",
    "machinectl shell x /usr/bin/docker rm x", "chronic docker rm x", "retry systemctl stop nginx", "wrap scp a b:",
    // other languages
    "python3 -Sc 'import os;os.system(\"doc\"+\"ker rm x\")'", "python3 -c '__import__(\"o\"+\"s\")'", "pypy3 -c 'import os; os.popen(x)'", "perl -ne 'system \"dock\".\"er\"' f", "perl -pe 's/x/`do`/e' f", "perl -e 'open F, \"|doc\".\"ker rm x\"'",
    "node -p 'require(\"child_process\").exec(x)'", "php -r 'passthru(\"dock\".\"er rm x\");'", "ruby -e '%x(doc#{\"ker\"} rm x)'", "awk 'BEGIN{print \"x\" | \"xargs dock\" \"er rm\"}'", "luajit -e 'os.execute(\"x\")'", "expect -c 'spawn docker rm x'",
    // files that are written where they are started
    "echo 'docker rm x' > x.sh; bash x.sh", "curl -o /tmp/x u && bash /tmp/x", "tee /tmp/x <<< y; /tmp/x", "dd if=/srv/a of=/tmp/x; /tmp/x rm y",
    // options that look as if they asked for help
    "kubectl -v 5 delete pod x", "kubectl -h x delete pod y",
];

/// Scripts that have nothing to do with the rules.
#[rustfmt::skip]
const PASSED: &[&str] = &[
    "valgrind docker ps", "PATH=$PATH:/usr/local/bin ls", "PATH=/usr/bin:/bin ls", "export PATH=\"/usr/sbin:$PATH\"", "PAGER=cat git log", "git -c core.fsmonitor=false status", "rsync -a -e ssh a h:b", "rsync -ae 'ssh -p 22' a h:b",
    "sed -e 's/a/b/' -e '$d' f", "sed -i 's/x/e/' f", "tar -czf x.tgz dir", "sort -u f", "vim --version", "usermod -aG docker app", "apt-get install docker compose", "journalctl -u docker -f", "ssh -p 22 h uptime", "ssh h -p 22 uptime", "hash -r", "kubectl -h", "kubectl get pods -v 5",
    "deploy --dir /srv/docker x", "bash --norc -c true", "make deploy", "python3 -m json.tool x", "awk -F'|' '{ print $2 }' f", "xargs -a f ls", "x='a[1]'; echo $x", "echo x > f; cat f", "mapfile -t a < f", "coproc cat", "systemd-run --user -t true", "alias ll='ls -l'",
];

#[test]
fn what_starts_what_it_is_given_does_not_pass() {
    let passed: Vec<_> = NOT_PASSED.iter().filter(|script| worst(&judged(script)).is_none()).collect();
    let refused = PASSED.iter().filter(|script| worst(&judged(script)).is_some());
    let refused: Vec<_> = refused.map(|script| format!("{script}: {:?}", judged(script).findings)).collect();
    assert!(NOT_PASSED.len() >= 60 && passed.is_empty(), "passed: {passed:#?}");
    assert!(refused.is_empty(), "refused: {refused:#?}");
}

#[test]
fn a_program_that_is_only_given_known_words_passes_and_one_with_a_later_verb_waits() {
    let policies = [guard()];
    let rails = Rails { policies: &policies, production: true };
    let of = |words: &[Option<&str>]| {
        let words: Vec<Option<String>> = words.iter().map(|word| word.map(str::to_owned)).collect();
        worst(&rails.words(&words, Around { dir: Some(""), stdin: Stdin::Closed, other_shell: false }))
    };
    assert_eq!(of(&[Some("valgrind"), Some("docker"), Some("logs"), None]), None);
    assert_eq!(of(&[Some("valgrind"), Some("docker"), Some("rm"), Some("x")]), Some(Verdict::Unknown));
}

#[test]
fn a_step_with_a_path_of_its_own_is_in_doubt_unless_it_is_the_systems() {
    let rails = Rails { policies: &[guard()], production: true };
    assert!(rails.variable("PATH", Some("/srv/evil:/usr/bin")).is_some());
    assert!(rails.variable("PATH", Some("/usr/bin::/bin")).is_some());
    assert!(rails.variable("PATH", Some("/usr/bin:/usr/local/bin/")).is_none());
    assert!(rails.variable("BASH_ENV", None).is_some() && rails.variable("MODE", Some("docker")).is_none());
}
