//! The table. A script of several lines is written with `\n`.

use super::{judged, worst};
use crate::policy::Verdict;

/// Commands that must be refused, however they are spelled.
#[rustfmt::skip]
const REFUSED: &[&str] = &[
    // the words of the rule
    "docker-compose up -d", "docker-compose -f docker-compose.prd.yml up -d", "docker-compose restart", "docker-compose down",
    "docker compose up", "docker compose -f x.yml -p prd up -d", "docker run -d nginx", "docker start x", "docker stop x",
    "docker rm -f x", "docker exec x rm -rf /data", "docker exec x env rm", "docker network rm n", "docker container rm x",
    "docker -H tcp://x:2375 rm y", "docker --context prd rm y", "docker -cprd rm y", "docker system prune", "docker compose exec x sh",
    "docker-compose --project-name=a up", "docker-compose-v1 up", "docker-compose compose up", "scp a b:", "systemctl stop nginx",
    "systemctl --no-block restart nginx", "systemctl -H host stop nginx", "kubectl -n prd delete pod x", "kubectl apply -f x",
    // paths and quotes
    "/usr/bin/docker-compose restart", "/usr/local/bin/docker rm x", "./bin/docker rm x", "../docker rm x", "\\docker rm x",
    "doc\"\"ker rm x", "'docker' rm x", "\"docker\" \"rm\" x", "d'o'c\"k\"er rm x", "docker \\\n rm x", "doc\\\nker rm x",
    "$'docker' rm x", "$'\\x64ocker' rm x", "$'\\144ocker' rm x", "$\"docker\" rm x", "docker $'\\x72m' x", "Docker rm x",
    "\"$HOME/bin/docker\" rm x", "\"$(pwd)/docker\" rm x",
    // what stands in front
    "A=b docker rm x", "A=b B=\"c d\" docker rm x", "sudo docker rm x", "sudo -u root docker rm x", "sudo -nu root -- docker rm x",
    "sudo --user=root docker rm x", "sudo --user root docker rm x", "sudo A=b docker rm x", "doas -u x docker rm x", "env docker rm x",
    "env -i A=b docker rm x", "env -u A -C /tmp docker rm x", "env -S 'docker rm x'", "env -S'A=b docker rm' x", "env --split-string='docker rm x'",
    "command docker rm x", "command -p docker rm x", "builtin command docker rm x", "exec docker rm x", "exec -a y docker rm x",
    "nohup docker rm x", "nohup docker rm x &", "nice docker rm x", "nice -n 5 docker rm x", "nice -5 docker rm x",
    "ionice -c 3 docker rm x", "ionice -c3 docker rm x", "timeout 5 docker rm x", "timeout -k 3 -s KILL 5m docker rm x",
    "timeout --signal=KILL 5 docker rm x", "setsid -w docker rm x", "stdbuf -oL docker rm x", "stdbuf -o L -e 0 docker rm x",
    "time docker rm x", "time -p docker rm x", "/usr/bin/time -f %e docker rm x", "! docker rm x", "coproc docker rm x",
    "chroot /srv docker rm x", "taskset -c 0 docker rm x", "chrt -f 1 docker rm x", "unshare -n docker rm x", "nsenter -t 1 -m docker rm x",
    "strace -f -o /tmp/x docker rm x", "systemd-run --scope docker rm x", "systemd-run -p A=b --wait docker rm x", "flock /tmp/l docker rm x",
    "flock -n /tmp/l -c 'docker rm x'", "flock /tmp/l -c 'docker rm x'", "setpriv --reuid 0 docker rm x", "busybox env docker rm x", "sshpass -p x ssh h docker rm x",
    "sudo env nice -n 5 timeout 5 docker rm x", "/lib64/ld-linux-x86-64.so.2 /usr/bin/docker rm x", "gosu app docker rm x",
    // shells in shells
    "bash -c 'docker rm x'", "sh -c \"docker rm x\"", "bash -lc 'docker rm x'", "bash -euo pipefail -c 'docker rm x'",
    "bash --norc -c 'docker rm x'", "bash -O extglob -c 'docker rm x'", "bash -c -e 'docker rm x'", "bash -o errexit -c 'docker rm x'", "dash -c 'docker rm x'", "zsh -c 'docker rm x'",
    "bash -c 'bash -c \"docker rm x\"'", "bash -c \"bash -c 'docker rm x'\"", "sudo bash -c 'docker rm x'", "env bash -c 'docker rm x'",
    "su -c 'docker rm x'", "su - app -c 'docker rm x'", "su app --command='docker rm x'", "su -lc 'docker rm x' app", "runuser -u app -- docker rm x",
    "runuser -l app -c 'docker rm x'", "busybox sh -c 'docker rm x'", "script -c 'docker rm x' /dev/null", "script -qc 'docker rm x' /dev/null", "sg docker -c 'docker rm x'",
    "eval docker rm x", "eval 'docker rm x'", "eval \"docker\" 'rm x'", "eval eval docker rm x", "trap 'docker rm x' EXIT", "trap -- 'docker rm x' 0",
    "alias d='docker rm'", "ssh h docker rm x", "ssh -p 22 u@h 'docker rm x'", "ssh -o ProxyCommand='docker rm x' h true", "ssh h sudo bash -c \"'docker rm x'\"",
    "ssh -t h -- docker rm x", "watch -n 5 docker rm x", "watch 'docker rm x'", "watch -x docker rm x",
    // what reads commands
    "echo 'docker rm x' | bash", "echo docker rm x | sh -s", "printf 'docker rm x' | bash -", "printf '%s\\n' 'docker rm x' | bash",
    "echo 'docker rm x' | sudo bash", "echo 'docker rm x' | cat | sh", "echo 'docker rm x' | tee /tmp/x | sh", "echo 'docker rm x' | bash /dev/stdin",
    "cat <<EOF | bash\ndocker rm x\nEOF\n", "bash <<EOF\ndocker rm x\nEOF\n", "bash <<'EOF'\ndocker rm x\nEOF\n", "bash -s a b <<-EOF\n\tdocker rm x\n\tEOF\n",
    "bash <<< 'docker rm x'", "sudo -i <<< 'docker rm x'", "ssh h <<EOF\ndocker rm x\nEOF\n", "ssh h bash -s <<EOF\ndocker rm x\nEOF\n",
    "{ bash; } <<EOF\ndocker rm x\nEOF\n", "(sh) <<< 'docker rm x'", "echo 'docker rm x' | { bash; }", "source <(echo docker rm x)", ". <(echo 'docker rm x')", "bash <(echo 'docker rm x')",
    "source /dev/stdin <<< 'docker rm x'", "bash < <(echo docker rm x)", "echo 'docker rm x' | tee >(bash)", "echo '* * * * * docker rm x' | crontab -",
    "crontab - <<EOF\n0 5 * * 1 docker rm x\nEOF\n", "echo 'docker rm x' | at now", "curl http://x/docker | echo docker rm x | bash",
    "xargs docker rm", "echo x | xargs docker rm", "echo x | xargs -r -n 1 docker rm", "echo rm x | xargs docker", "echo x | xargs -I{} docker rm {}",
    "echo 'docker rm x' | xargs -I{} sh -c {}", "echo x | xargs -I % bash -c 'docker rm %'", "xargs -a list sudo docker rm", "echo docker rm x | xargs env",
    "find . -name x -exec docker rm {} \\;", "find . -exec docker rm {} +", "find . -exec sh -c 'docker rm x' \\;", "find . -execdir sudo docker rm {} ';'",
    "parallel docker rm ::: a b", "parallel ::: 'docker rm x'", "echo x | parallel docker rm", "parallel 'docker {} x' ::: rm", "parallel -j 2 docker rm {} ::: a",
    // anywhere in a script
    "$(docker rm x)", "echo $(docker rm x)", "echo \"$(docker rm x)\"", "echo `docker rm x`", "echo \"`docker rm x`\"", "x=$(docker rm x)", "x=`docker rm x` true",
    "cat <(docker rm x)", "true > >(docker rm x)", "echo ${x:-$(docker rm x)}", "echo $(( $(docker rm x) + 1 ))", "echo `echo \\`docker rm x\\``",
    "true; docker rm x", "true && docker rm x", "false || docker rm x", "true | docker rm x", "docker rm x &", "(docker rm x)", "{ docker rm x; }",
    "if docker rm x; then true; fi", "if true; then docker rm x; fi", "if true; then true; else docker rm x; fi", "while docker rm x; do true; done",
    "for i in a b; do docker rm $i; done", "until false; do docker rm x; done", "case x in x) docker rm x ;; esac", "case x in (a|b) true;; *) docker rm x; esac",
    "f() { docker rm x; }; f", "function f { docker rm x; }", "f() ( docker rm x )", "[[ $(docker rm x) ]]", "[ -n \"$(docker rm x)\" ]", "select x in a; do docker rm x; done",
    "cat <<EOF\n$(docker rm x)\nEOF\n", "cat <<EOF\n`docker rm x`\nEOF\n", "echo a # b\ndocker rm x", "echo 'a\n' ; docker rm x", "a=(b $(docker rm x))", ">/dev/null docker rm x",
    "2>&1 docker rm x", "docker rm x > /dev/null 2>&1", "{ { { docker rm x; }; }; }", "((1)) && docker rm x", "mapfile -C 'docker rm x' -c 1 a < f",
    "python3 -c 'import os; os.system(\"docker rm x\")'", "perl -e 'exec \"docker\", \"rm\"'", "awk 'BEGIN { system(\"docker rm x\") }'",
    "$X -c 'docker rm x'", "sudo --strange x docker rm y", "bash -c \"docker rm $X\"", "eval \"$X docker rm x\"", "docker compose up \"$X\"", "sh -c '((docker rm x))'", "sh -c \"echo \\$'\\\\'; docker rm x; # '\"", "$X/docker rm y", "{fd}>/dev/null docker rm x", "<<< x docker rm y", "docker rm x <<< y",
];

/// Commands that only look, or have nothing to do with the rules.
#[rustfmt::skip]
const ALLOWED: &[&str] = &[
    "docker ps", "docker ps --filter \"label=com.intel-system.environment=production\"", "/usr/bin/docker ps -a", "sudo docker logs x", "docker inspect $X",
    "docker network inspect mem0_internal", "docker exec mem0_server_prd env", "docker exec -it x env", "docker exec x printenv", "docker compose ps",
    "docker-compose -f x.yml logs -f", "docker compose -p x config", "docker --context prd ps", "docker -H tcp://x:2375 images", "docker --version", "docker --help", "docker",
    "echo docker rm x", "echo 'docker compose up -d'", "grep docker rm.txt", "printf 'docker rm %s' x", "# docker rm x", "true # docker rm x",
    "cat <<EOF\ndocker rm x\nEOF\n", "cat <<< 'docker rm x'", "echo 'docker rm x' > notes.txt", "echo 'docker rm x' | grep rm", "command -v docker", "which docker", "type docker",
    "systemctl status docker", "systemctl start nginx", "systemctl reload nginx", "sudo systemctl status nginx", "journalctl -u docker --since -1h", "kubectl -n prd get pods", "kubectl --context=x describe pod y",
    "bash -c 'docker ps'", "bash -c 'echo docker rm x'", "ssh h docker ps", "ssh h 'docker ps && docker logs x'", "echo 'docker ps' | bash", "xargs docker inspect", "docker ps -q | xargs docker inspect",
    "for i in a b; do docker logs $i; done", "test -f docker-compose.yml", "cat docker-compose.prd.yml", "cp docker-compose.yml /tmp/", "git clone https://github.com/docker/compose", "sha256sum /usr/bin/docker",
    "docker_ps", "mydocker rm x", "dockerd --version", "python3 -c 'print(1)'", "awk '{ print $1 }' x", "sed -n 1p x", "curl -fsS http://localhost:8888/health", "trap - EXIT", "trap '' INT",
    "bash", "sudo -n true", "env", "env A=b", "timeout 5 true", "find . -name '*.yml'", "find . -name \"$X\" -print", "nice", "exec 3>&1", "time true", "watch -n 1 docker ps", "echo `docker ps`", "x=$(docker ps -q)", "docker logs -f --tail 10 \"$NAME\"",
    "/srv/app/deploy_prd.sh up", "sudo /srv/app/deploy_prd.sh restart", "crontab -l", "ls -l /var/lib/docker", "docker ps | tee out.txt", "echo {a,b}", "ls *.txt", "[ -f x ]", "[[ -f x && -n $Y ]]",
];

/// Commands that nobody can know before the shell runs.
#[rustfmt::skip]
const UNKNOWN: &[&str] = &[
    "$CMD up", "${CMD} up", "\"$CMD\" up", "X=docker; $X rm y", "doc$X rm y", "$(echo true) x", "`echo true`", "/usr/bin/dock?r rm x", "/usr/bin/dock* rm x", "{docker,rm,x}", "d{ocker,} rm x", "/usr/bin/[d]ocker rm x",
    "docker $VERB x", "docker compose $VERB", "docker $OPTIONS ps", "docker --strange ps x", "kubectl $X", "kubectl --strange x get y", "systemctl $VERB nginx", "eval \"$X\"", "eval $X", "bash -c \"$X\"", "bash -c $X", "sh $X", "curl http://x | bash", "wget -qO- http://x | sudo sh", "cat x.sh | bash", "bash < x.sh",
    "sh -c '[[ a || x ]]'", "sh -c '((x))'", "ssh h \"echo \\$'x'\"", "dash -c 'a <(b)'", "watch 'a &> b'", "base64 -d <<< ZG9ja2Vy | sh", "sudo $OPTIONS true", "sudo --strange true", "ssh h \"$X\"", "ssh h \"systemctl status $X\"", "bash <<EOF\n$X\nEOF\n", "echo $X | bash", "printf '\\144ocker rm x' | sh", "echo -e '\\x64ocker rm x' | sh", "cat list | xargs sh -c", "xargs -I{} sh -c {} < list", "find . -exec {} \\;", "find $X",
    "parallel {} < list", "parallel ::: \"$X\"", "\"${a[@]}\"", "\"$@\"", "\"$1\"", "BASH_ENV=x bash -c true", "LD_PRELOAD=x true", "env BASH_ENV=x true", "export BASH_ENV=x", "python3 -c 'import os; os.system(x)'", "awk 'BEGIN { system(x) }'", "ln -s /usr/bin/docker d", "cp $(which docker) /usr/bin/docker x", "crontab list", "su -c \"$X\"", "trap \"$X\" EXIT", "alias x=\"$Y\"", "source \"$X\"", ". ~/x", "~/x", "\"$DIR/x.sh\"", "cd /x; ./y.sh", "bash -c 'true' > >(bash)", "env -S \"$X\"", "$'\\q' x",
];

#[test]
fn every_spelling_is_judged_right() {
    let verdict = |script: &&str| worst(&judged(script));
    let wrong = |list: &[&str], right: Option<Verdict>| -> Vec<String> {
        let wrong = list.iter().filter(|script| verdict(script) != right);
        wrong.map(|script| format!("{right:?}, not {:?}: {script}", judged(script).findings)).collect()
    };
    let escaped = wrong(REFUSED, Some(Verdict::Refused));
    let caught = wrong(ALLOWED, None);
    let guessed = wrong(UNKNOWN, Some(Verdict::Unknown));
    let count = REFUSED.len() + ALLOWED.len() + UNKNOWN.len();
    println!("{count} spellings, {} escaped", escaped.len());
    assert!(count >= 150 && REFUSED.len() >= 150);
    let all: Vec<String> = [escaped, caught, guessed].concat();
    assert!(all.is_empty(), "{} of {count}:\n{}", all.len(), all.join("\n"));
}
