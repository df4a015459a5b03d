//! nginx before two processes: the same runbooks, with commands and files as a small host has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::bed::first_port;
use crate::http::get;
use crate::run::{Home, Outcome, Run, program};
use crate::tree::script;
use crate::witness::{Witness, saw_nothing};

/// A host of its own: nginx, two apps, scripts that start and stop them, and a target that names it all.
struct Host {
    home: Home,
    dir: PathBuf,
    port: u16,
    nginx: Child,
}

impl Host {
    /// Blue v1.0.0 serves, green v1.0.0 is idle.
    fn fresh() -> Host {
        let (home, port) = (Home::fresh(), first_port());
        let dir = home.path().join("host");
        fs::create_dir_all(dir.join("conf.d")).expect("a directory");
        fs::write(dir.join("nginx.conf"), nginx_conf(&dir, port)).expect("written");
        fs::write(
            dir.join("conf.d/upstream.conf"),
            format!("upstream app {{\n    server 127.0.0.1:{};\n}}\n", port + 1),
        )
        .expect("written");
        script(&dir.join("app-start"), &app_start(&dir, port));
        script(&dir.join("app-stop"), &app_stop(&dir));
        script(&dir.join("nginx-check"), &format!("exec nginx -q -t -p {0} -c {0}/nginx.conf\n", dir.display()));
        script(
            &dir.join("nginx-reload"),
            &format!("set -e\n{0}/nginx-check\nexec nginx -p {0} -c {0}/nginx.conf -s reload\n", dir.display()),
        );
        fs::write(home.path().join("nginx.yml"), target(&dir, port)).expect("written");
        for colour in ["blue", "green"] {
            let started = Command::new(dir.join("app-start")).args([colour, "v1.0.0"]).status().expect("starts");
            assert!(started.success(), "{colour}");
        }
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(&dir).arg("-c").arg(dir.join("nginx.conf")).stderr(Stdio::null());
        let host = Host { nginx: nginx.spawn().expect("nginx is installed"), home, dir, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !get(port, "/health/ready").is_ok_and(|answer| answer.status == 200) {
            assert!(Instant::now() < deadline, "nginx does not come up");
            thread::sleep(Duration::from_millis(50));
        }
        host
    }

    fn run(&self, runbook: &str) -> Run<'_> {
        Run::of(&self.home, runbook).target(self.home.path().join("nginx.yml").display().to_string())
    }

    fn witness(&self) -> Witness {
        Witness::of(&format!("http://127.0.0.1:{}", self.port), 80)
    }

    fn serving(&self) -> (String, String) {
        let answer = get(self.port, "/health/live").expect("somebody answers");
        (answer.header("x-color").to_owned(), answer.header("x-version").to_owned())
    }

    /// What a colour itself says it runs.
    fn runs(&self, colour: &str) -> Option<String> {
        let port = self.port + if colour == "blue" { 1 } else { 2 };
        get(port, "/version").ok().map(|answer| answer.header("x-version").to_owned())
    }

    fn upstream(&self) -> String {
        fs::read_to_string(self.dir.join("conf.d/upstream.conf")).expect("there")
    }

    /// As a colleague would, who edits another site of the same nginx.
    fn break_another_include(&self) {
        fs::write(self.dir.join("conf.d/zz-other.conf"), "server { listen 127.0.0.1:1 oops\n").expect("written");
    }

    fn is_as_before(&self, upstream: &str) {
        assert_eq!(self.upstream(), upstream);
        assert_eq!(self.serving(), ("blue".into(), "v1.0.0".into()));
        assert_eq!(self.runs("green").as_deref(), Some("v1.0.0"));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for colour in ["blue", "green"] {
            let _ = Command::new(self.dir.join("app-stop")).arg(colour).status();
        }
        let quit = Command::new("nginx")
            .arg("-p")
            .arg(&self.dir)
            .arg("-c")
            .arg(self.dir.join("nginx.conf"))
            .args(["-s", "stop"])
            .status();
        if !quit.is_ok_and(|status| status.success()) {
            let _ = fs::remove_file(self.dir.join("conf.d/zz-other.conf"));
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_child(&self.nginx),
                rustix::process::Signal::TERM,
            );
        }
        let _ = self.nginx.wait();
    }
}

fn nginx_conf(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    let user = if rustix::process::getuid().is_root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;\nworker_processes 1;\npid {dir}/nginx.pid;\nerror_log {dir}/error.log;\n\
         events {{ worker_connections 512; }}\nhttp {{\n    access_log off;\n    \
         client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;\n    \
         uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n    \
         include {dir}/conf.d/*.conf;\n    server {{\n        listen 127.0.0.1:{port};\n        \
         location / {{ proxy_pass http://app; }}\n    }}\n}}\n"
    )
}

fn app_start(dir: &Path, port: u16) -> String {
    let (dir, program, blue, green) = (dir.display(), program().display(), port + 1, port + 2);
    format!(
        r#"# app-start COLOUR VERSION: succeeds once the app accepts connections
set -eu
pid={dir}/$1.pid
if [ -f "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; then echo "$1 already runs" >&2; exit 1; fi
case $1 in blue) port={blue} ;; green) port={green} ;; *) exit 2 ;; esac
setsid {program} demo app "$1" --port "$port" --version "$2" --flag {dir}/MAINTENANCE </dev/null >>{dir}/"$1".log 2>&1 &
echo $! >"$pid"
for _ in $(seq 100); do
    if ! kill -0 "$(cat "$pid")" 2>/dev/null; then rm -f "$pid"; tail -n 1 {dir}/"$1".log >&2; exit 1; fi
    if bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; then exit 0; fi
    sleep 0.05
done
echo "$1 $2 does not accept connections" >&2
exit 1
"#
    )
}

fn app_stop(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"# app-stop COLOUR: succeeds once the app has ended
set -eu
pid={dir}/$1.pid
[ -f "$pid" ] || exit 0
kill -TERM "$(cat "$pid")" 2>/dev/null || {{ rm -f "$pid"; exit 0; }}
for _ in $(seq 300); do
    if ! kill -0 "$(cat "$pid")" 2>/dev/null; then rm -f "$pid"; exit 0; fi
    sleep 0.05
done
echo "$1 does not end" >&2
exit 1
"#
    )
}

fn target(dir: &Path, port: u16) -> String {
    let (dir, blue, green) = (dir.display(), port + 1, port + 2);
    format!(
        "target: v1\nname: nginx\nbalancer: http://127.0.0.1:{port}\ncolours:\n  \
         blue: {{ url: \"http://127.0.0.1:{blue}\", address: \"127.0.0.1:{blue}\" }}\n  \
         green: {{ url: \"http://127.0.0.1:{green}\", address: \"127.0.0.1:{green}\" }}\n\
         upstream_conf: {dir}/conf.d/upstream.conf\nmaintenance_flag: {dir}/MAINTENANCE\ncommands:\n  \
         start: [{dir}/app-start]\n  stop: [{dir}/app-stop]\n  check: [{dir}/nginx-check]\n  \
         reload: [{dir}/nginx-reload]\n  \
         smoke: [runbook, demo, load, --strict, --rps, \"100\", --seconds, \"0.5\", --url]\n"
    )
}

fn bluegreen(host: &Host) -> Run<'_> {
    host.run("deploy-bluegreen.yml").input("version", "v1.1.0").input("soak", "1s").input("every", "200ms")
}

fn was_switched(outcome: &Outcome) -> bool {
    outcome.has_started("traffic/upstream")
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn bluegreen_on_nginx_switches_and_nobody_notices() {
    let host = Host::fresh();
    let witness = host.witness();
    let outcome = bluegreen(&host).answer("g").start();
    let seen = witness.testify();
    assert!(was_switched(&outcome.must_end(0)));
    saw_nothing(&seen);
    assert_eq!(host.serving(), ("green".into(), "v1.1.0".into()));
    assert_eq!(host.runs("blue").as_deref(), Some("v1.0.0"), "the standby still runs");
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn canary_on_nginx_leaves_main_with_the_new_version_and_nobody_notices() {
    let host = Host::fresh();
    let witness = host.witness();
    let stages = r#"[{"name":"10%","percent":10,"wait":"500ms"},{"name":"50%","percent":50,"wait":"500ms"}]"#;
    let run = host.run("deploy-canary.yml").input("version", "v1.1.0").input("stages", stages);
    let outcome = run.answer("g").start();
    let seen = witness.testify();
    outcome.must_end(0);
    saw_nothing(&seen);
    assert_eq!(host.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(host.runs("green"), None);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn rollback_on_nginx_goes_back_at_once_after_a_deployment() {
    let host = Host::fresh();
    bluegreen(&host).answer("g").start().must_end(0);
    let witness = host.witness();
    let outcome = host.run("rollback.yml").input("reason", "errors at checkout").answer("g").start();
    let seen = witness.testify();
    assert!(!outcome.must_end(0).has_started("start/start"));
    saw_nothing(&seen);
    assert_eq!(host.serving(), ("blue".into(), "v1.0.0".into()));
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn a_deployment_in_place_on_nginx_reopens_with_the_new_version() {
    let host = Host::fresh();
    host.run("deploy-graceful.yml").input("version", "v1.1.0").answer("g").start().must_end(0);
    assert_eq!(host.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(get(host.port, "/api/work").expect("answers").status, 200);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn a_broken_include_of_somebody_else_stops_the_run_before_anything() {
    let host = Host::fresh();
    let upstream = host.upstream();
    host.break_another_include();
    let outcome = bluegreen(&host).answer("g").start().must_end(1);
    assert!(outcome.has_started("colours/loads") && !outcome.has_started("idle/stop"), "{}", outcome.text);
    host.is_as_before(&upstream);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn an_include_that_breaks_while_the_run_waits_is_found_before_traffic_moves() {
    let host = Host::fresh();
    let upstream = host.upstream();
    let witness = host.witness();
    let outcome = bluegreen(&host).meanwhile(|| host.break_another_include()).answer("g").start();
    let seen = witness.testify();
    assert!(!was_switched(&outcome.must_end(11)));
    saw_nothing(&seen);
    host.is_as_before(&upstream);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn an_app_that_crashes_at_start_is_taken_back() {
    let host = Host::fresh();
    let upstream = host.upstream();
    let witness = host.witness();
    let outcome = bluegreen(&host).input("version", "v1.1.3-crash").answer("g").start();
    let seen = witness.testify();
    assert!(!was_switched(&outcome.must_end(11)));
    saw_nothing(&seen);
    host.is_as_before(&upstream);
}
