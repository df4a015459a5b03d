//! The second verifier: one process that is handed bundles and answers each with a line.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use crate::runs::Run;

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

/// A run as `second_verifier.py --bundles` reads it.
pub fn bundle(run: &Run) -> Vec<u8> {
    let mut out = Vec::new();
    let mut file = |name: &str, data: &[u8]| {
        put(&mut out, name.as_bytes());
        put(&mut out, data);
    };
    file("?trust", run.trust.as_bytes());
    file("?revoked", run.revoked.as_bytes());
    file("?run", run.expect.map(|id| id.to_string()).unwrap_or_default().as_bytes());
    let heads: Vec<String> = run.heads.iter().map(|h| format!("{} {} {}", h.segment, h.bytes, h.sha256)).collect();
    file("?heads", heads.join("\n").as_bytes());
    for (name, data) in &run.files {
        file(name, data);
    }
    out
}

pub fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_verifier.py")
}

pub struct Python {
    child: Child,
    input: Option<BufWriter<std::process::ChildStdin>>,
    answers: Receiver<String>,
    reader: std::thread::JoinHandle<()>,
}

impl Python {
    pub fn start() -> Python {
        let mut child = Command::new("python3")
            .arg(script())
            .arg("--bundles")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the second verifier needs python3");
        let input = Some(BufWriter::new(child.stdin.take().unwrap()));
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = sync_channel(1 << 20);
        let reader = std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Python { child, input, answers, reader }
    }

    pub fn ask(&mut self, run: &Run) {
        let bundle = bundle(run);
        let input = self.input.as_mut().unwrap();
        input.write_all(&(bundle.len() as u32).to_be_bytes()).and_then(|()| input.write_all(&bundle)).unwrap();
    }

    /// Every answer, in the order of the questions.
    pub fn answers(mut self) -> Vec<String> {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success(), "the second verifier failed");
        self.reader.join().unwrap();
        self.answers.try_iter().collect()
    }
}
