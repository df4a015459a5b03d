//! Debian's Prometheus beside a demo, scraping both colours every second.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::bed::Bed;
use crate::http::get;

pub(crate) struct Prometheus {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    /// A Prometheus that scrapes both colours, whether they run or not.
    pub(crate) fn beside(bed: &Bed) -> Prometheus {
        Prometheus::scraping(&[bed.ports.blue, bed.ports.green])
    }

    /// One that scrapes these two ports of the machine.
    pub(crate) fn scraping(ports: &[u16; 2]) -> Prometheus {
        let dir = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: app, static_configs: [{{targets: \
             ['127.0.0.1:{}', '127.0.0.1:{}']}}]}}]\n",
            ports[0], ports[1]
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).expect("its configuration");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed");
        let prometheus = Prometheus { process, port, _dir: dir };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !prometheus.has_scraped() {
            assert!(Instant::now() < deadline, "prometheus does not scrape the demo");
            thread::sleep(Duration::from_millis(100));
        }
        prometheus
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn has_scraped(&self) -> bool {
        let answer = get(self.port, "/api/v1/query?query=count(up)");
        answer.is_ok_and(|answer| answer.body.contains(",\"2\"]"))
    }

    /// Its process, for who ends it from elsewhere.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// It is gone from one moment to the next.
    pub(crate) fn dies(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.dies();
    }
}
