//! A real git repository in the working directory of a test.

use crate::support::Test;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Command;

pub(crate) struct Repo {
    dir: PathBuf,
}

impl Repo {
    /// An empty repository in `work/repo`, with one first commit that is tagged `base`.
    pub(crate) fn begin(test: &Test) -> Repo {
        let dir = test.sandbox.work().join("repo");
        fs::create_dir(&dir).unwrap();
        let repo = Repo { dir };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        for name in ["argo", "alpine-backend", "alpine-frontend", "packages"] {
            repo.write(format!("{name}/first"), "first\n");
        }
        repo.commit("first");
        repo.git(&["tag", "base"]);
        repo
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=dev", "-c", "user.email=dev@example.org", "-c", "commit.gpgsign=false"]);
        command.args(args).current_dir(&self.dir).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/");
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// Content at a path, whatever bytes are in its name.
    pub(crate) fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.dir.join(OsStr::from_bytes(name.as_ref()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Everything that is there as one commit; its id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all", "."]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// One commit that writes these files.
    pub(crate) fn commit_of(&self, files: &[&str]) -> String {
        for file in files {
            let old = fs::read_to_string(self.dir.join(file)).unwrap_or_default();
            self.write(file, format!("{old}changed\n"));
        }
        self.commit(&files.join(" "))
    }
}
