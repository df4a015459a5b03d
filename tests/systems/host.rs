//! A small host as people have them: nginx before two processes, with commands, files and a target that names it all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use runbook::demo::Fault;

use crate::bed::first_port;
use crate::http::get;
use crate::prometheus::Prometheus;
use crate::run::{Home, Run, program};
use crate::tree::script;
use crate::witness::Witness;

/// A host of its own: nginx, two apps, scripts that start and stop them, and a target that names it all.
pub(crate) struct Host {
    pub(crate) home: Home,
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    nginx: Child,
}

impl Host {
    /// Blue v1.0.0 serves, green v1.0.0 is idle.
    pub(crate) fn fresh() -> Host {
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
        let page = format!("http://127.0.0.1:{port}/metrics");
        fs::write(home.path().join("nginx.yml"), target(&dir, port, &page)).expect("written");
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

    /// Prometheus beside it, whose page of everything that has a colour is from now on the one of the target.
    pub(crate) fn prometheus(&self) -> Prometheus {
        let prometheus = Prometheus::scraping(&[self.port + 1, self.port + 2]);
        let page = format!("{}/federate?match%5B%5D=%7Bcolor%21%3D%22%22%7D", prometheus.url());
        fs::write(self.home.path().join("nginx.yml"), target(&self.dir, self.port, &page)).expect("written");
        prometheus
    }

    /// Changes the target: what stands there once becomes something else.
    pub(crate) fn set(&self, what: &str, to: &str) {
        let path = self.home.path().join("nginx.yml");
        let text = fs::read_to_string(&path).expect("the target");
        assert_eq!(text.matches(what).count(), 1, "{what}");
        fs::write(path, text.replace(what, to)).expect("written");
    }

    /// Adds to the target.
    pub(crate) fn also(&self, lines: &str) {
        let path = self.home.path().join("nginx.yml");
        let text = fs::read_to_string(&path).expect("the target");
        fs::write(path, format!("{text}\n{lines}\n")).expect("written");
    }

    pub(crate) fn run(&self, runbook: &str) -> Run<'_> {
        Run::of(&self.home, runbook).target(self.home.path().join("nginx.yml").display().to_string())
    }

    pub(crate) fn witness(&self) -> Witness {
        self.load(80)
    }

    /// So many requests per second.
    pub(crate) fn load(&self, rps: u32) -> Witness {
        Witness::of(&format!("http://127.0.0.1:{}", self.port), rps)
    }

    pub(crate) fn serving(&self) -> (String, String) {
        let answer = get(self.port, "/health/live").expect("somebody answers");
        (answer.header("x-color").to_owned(), answer.header("x-version").to_owned())
    }

    /// What a colour itself says it runs.
    pub(crate) fn runs(&self, colour: &str) -> Option<String> {
        let port = self.port + if colour == "blue" { 1 } else { 2 };
        get(port, "/version").ok().map(|answer| answer.header("x-version").to_owned())
    }

    pub(crate) fn upstream(&self) -> String {
        fs::read_to_string(self.dir.join("conf.d/upstream.conf")).expect("there")
    }

    /// From now on these faults act wherever this version runs, and no others.
    pub(crate) fn suffers(&self, version: &str, faults: &[Fault]) {
        let names: Vec<String> = faults.iter().map(|fault| fault.name()).collect();
        fs::write(self.dir.join(format!("{version}.faults")), names.join("\n")).expect("written");
    }

    /// As a colleague would, who edits another site of the same nginx.
    pub(crate) fn break_another_include(&self) {
        fs::write(self.dir.join("conf.d/zz-other.conf"), "server { listen 127.0.0.1:1 oops\n").expect("written");
    }

    pub(crate) fn is_as_before(&self, upstream: &str) {
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
         events {{ worker_connections 4096; }}\nhttp {{\n    access_log off;\n    \
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
setsid {program} demo app "$1" --port "$port" --version "$2" --flag {dir}/MAINTENANCE --faults {dir}/"$2".faults </dev/null >>{dir}/"$1".log 2>&1 &
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

/// `page` is where the counters of all instances stand.
fn target(dir: &Path, port: u16, page: &str) -> String {
    let (dir, blue, green) = (dir.display(), port + 1, port + 2);
    format!(
        "target: v1\nname: nginx\nbalancer: http://127.0.0.1:{port}\ncolours:\n  \
         blue: {{ url: \"http://127.0.0.1:{blue}\", address: \"127.0.0.1:{blue}\" }}\n  \
         green: {{ url: \"http://127.0.0.1:{green}\", address: \"127.0.0.1:{green}\" }}\n\
         upstream_conf: {dir}/conf.d/upstream.conf\nmaintenance_flag: {dir}/MAINTENANCE\ncommands:\n  \
         start: [{dir}/app-start]\n  stop: [{dir}/app-stop]\n  check: [{dir}/nginx-check]\n  \
         reload: [{dir}/nginx-reload]\n  \
         smoke: [runbook, demo, load, --strict, --rps, \"100\", --seconds, \"0.5\", --url]\n\
         metrics: \"{page}\"\n{LIMITS}"
    )
}

/// As a target has them in production, in seconds where that has minutes.
const LIMITS: &str = r#"
limits:
  every: 1s
  gap: 6s
  lag: 2500ms
  window: 4s
  answer_within: 4s
  canary:
    wait_1: 10s
    wait_5: 6s
    wait_25: 6s
    wait_50: 5s
    wait_100: 3s
    share_tolerance: 4%
    min_samples: 20
    errors: 2%
    p95_to_main: 20x
    breach_samples: 20
    errors_breach: 3%
    p95_breach: 2s
  graceful:
    baseline: 3s
    drain_every: 500ms
    min_samples: 20
    errors_rollback: 5%
    errors_for: 6s
    errors_investigate: 1%
    errors_after: 0.5%
    p95_rollback: 5s
    p95_investigate: 2s
    p95_after: 1.5s
    leak: 100MB/min
    leak_over: 8s
    memory_ok: +30%
    look_1: 4s
    look_2: 7s
    look_3: 10s
    look_for: 3s
  bluegreen:
    breach_samples: 20
    errors_breach: 5%
    p95_breach: 5s
  monitor:
    look_for: 3s
    min_samples: 20
    errors: 1%
    p95: 2s
    errors_judged: 0.5%
    p95_judged: 1.5s
    memory_ok: +30%
"#;
