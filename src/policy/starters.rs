//! Programs that start the program among their arguments, and how their options are read.

use super::word::{Doubt, Word};

/// A program that starts another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Starter {
    name: &'static str,
    /// Letters of options that take a value.
    values: &'static str,
    /// Letters of options that take none.
    flags: &'static str,
    /// Long options whose value is the next word.
    long_values: &'static [&'static str],
    /// Long options without a value.
    long_flags: &'static [&'static str],
    /// Words that belong to it before the program.
    own: usize,
}

const fn starter(name: &'static str, values: &'static str, flags: &'static str, own: usize) -> Starter {
    Starter { name, values, flags, long_values: &[], long_flags: &[], own }
}

const fn long(
    name: &'static str,
    (values, flags): (&'static str, &'static str),
    long_values: &'static [&'static str],
    long_flags: &'static [&'static str],
    own: usize,
) -> Starter {
    Starter { name, values, flags, long_values, long_flags, own }
}

#[rustfmt::skip]
const STARTERS: &[Starter] = &[
    long("sudo", ("ugpCcDRThrtUa", "ABbEeHiKklnPSsvVN"),
        &["user", "group", "prompt", "close-from", "chdir", "chroot", "command-timeout", "host", "role", "type", "other-user"],
        &["preserve-env", "non-interactive", "set-home", "login", "shell", "stdin", "background", "askpass", "preserve-groups"], 0),
    starter("doas", "uCa", "Lns", 0),
    long("pkexec", ("", ""), &["user"], &["disable-internal-agent", "keep-cwd"], 0),
    starter("gosu", "", "", 1),
    starter("su-exec", "", "", 1),
    long("env", ("uCaS", "i0v"), &["unset", "chdir", "argv0", "split-string"],
        &["ignore-environment", "null", "debug", "block-signal", "default-signal", "ignore-signal", "list-signal-handling"], 0),
    starter("command", "", "p", 0),
    starter("builtin", "", "", 0),
    starter("exec", "a", "cl", 0),
    starter("coproc", "", "", 0),
    starter("nohup", "", "", 0),
    long("setsid", ("", "cfw"), &[], &["ctty", "fork", "wait"], 0),
    long("nice", ("n", "0123456789"), &["adjustment"], &[], 0),
    long("ionice", ("cnpPu", "t"), &["class", "classdata"], &["ignore"], 0),
    long("timeout", ("ks", "fpv"), &["kill-after", "signal"], &["foreground", "preserve-status", "verbose"], 1),
    long("stdbuf", ("ioe", ""), &["input", "output", "error"], &[], 0),
    long("time", ("fo", "apvqV"), &["format", "output"], &["append", "portability", "verbose", "quiet"], 0),
    long("chrt", ("TPD", "abdfiomrRvG"), &["sched-runtime", "sched-period", "sched-deadline"],
        &["all-tasks", "batch", "deadline", "fifo", "idle", "other", "rr", "reset-on-fork", "verbose"], 1),
    long("taskset", ("", "ac"), &[], &["all-tasks", "cpu-list"], 1),
    long("unshare", ("SGRwl", "mnpuiUrcCTf"), &["setuid", "setgid", "root", "wd", "map-user", "map-group"],
        &["mount", "net", "pid", "uts", "ipc", "user", "fork", "map-root-user", "map-current-user", "mount-proc", "cgroup", "time"], 0),
    long("nsenter", ("tSGrwW", "amuinpCUTFZe"), &["target", "setuid", "setgid"],
        &["all", "mount", "uts", "ipc", "net", "pid", "cgroup", "user", "time", "preserve-credentials", "no-fork", "env"], 0),
    long("chroot", ("", ""), &["userspec", "groups"], &["skip-chdir"], 1),
    long("setpriv", ("", "d"), &["reuid", "regid", "groups", "inh-caps", "ambient-caps", "bounding-set", "securebits", "pdeathsig"],
        &["clear-groups", "keep-groups", "init-groups", "no-new-privs", "nnp", "reset-env"], 0),
    starter("fakeroot", "lsib", "uh", 0),
    starter("strace", "aeEIoOpPsSuUbX", "cCdDfFhikqrtTvVwxyYzZ", 0),
    starter("ltrace", "aAeDFlnopsuwxX", "bcCfhiLrStTV", 0),
    long("systemd-run", ("pEuMH", "PdqrGSt"),
        &["unit", "property", "description", "slice", "uid", "gid", "nice", "working-directory", "setenv", "machine", "host",
          "on-active", "on-boot", "on-startup", "on-calendar", "service-type"],
        &["scope", "user", "system", "wait", "pty", "pipe", "quiet", "collect", "remain-after-exit", "no-block", "no-ask-password", "same-dir", "shell"], 0),
    starter("run0", "ugD", "", 0),
    starter("sshpass", "fdpP", "eVv", 0),
    starter("dbus-run-session", "", "", 0),
    starter("unbuffer", "", "p", 0),
    starter("setarch", "", "BFILRSTXZ3v", 1),
    starter("linux32", "", "R", 0),
    starter("linux64", "", "R", 0),
    starter("prlimit", "", "", 0),
    starter("cgexec", "g", "", 0),
    starter("tini", "pe", "sgvw", 0),
    starter("dumb-init", "r", "cv", 0),
    starter("eatmydata", "", "", 0),
    starter("torsocks", "", "", 0),
    starter("proxychains4", "f", "q", 0),
    starter("rlwrap", "", "", 0),
    starter("caffeinate", "tw", "dimsu", 0),
    starter("busybox", "", "", 0),
    starter("toybox", "", "", 0),
    starter("flock", "wE", "sxonuFv", 1),
    starter("runuser", "gGu", "fmplP", 0),
    starter("watch", "nq", "bcdegptwx", 0),
    starter("ld-linux-x86-64.so.2", "", "", 0),
    starter("ld-linux.so.2", "", "", 0),
    starter("ld-linux-aarch64.so.1", "", "", 0),
];

/// How the program of this name reads its arguments, if it starts another.
pub(super) fn find(name: &str) -> Option<&'static Starter> {
    STARTERS.iter().find(|starter| starter.name == name)
}

impl Starter {
    /// Where the started command begins among the arguments.
    ///
    /// # Errors
    /// How sure one is that an option cannot be read, so that what is started is not known.
    pub(super) fn command(&self, arguments: &[Word]) -> Result<usize, Doubt> {
        let mut at = 0;
        while let Some(word) = arguments.get(at) {
            let Some(text) = word.text() else {
                // A word that is not known may be an option, or the program; `--user={{ x }}` is an option for sure.
                match word.lead() {
                    lead if lead.starts_with("--") && lead.contains('=') => at += 1,
                    lead if is_assignment(lead) && self.assigns() => at += 1,
                    _ => break,
                }
                continue;
            };
            match text {
                "--" => {
                    at += 1;
                    break;
                }
                "-" if self.name == "env" => at += 1,
                _ if text.starts_with("--") => at += self.long_option(&text[2..])?,
                _ if text.starts_with('-') && text.len() > 1 => at += self.short_options(&text[1..])?,
                _ if is_assignment(text) && self.assigns() => at += 1,
                _ => break,
            }
        }
        Ok((at + self.own).min(arguments.len()))
    }

    fn assigns(&self) -> bool {
        matches!(self.name, "env" | "sudo" | "doas")
    }

    fn long_option(&self, option: &str) -> Result<usize, Doubt> {
        match option {
            _ if option.contains('=') || self.long_flags.contains(&option) => Ok(1),
            _ if self.long_values.contains(&option) => Ok(2),
            _ => Err(Doubt::Unknown),
        }
    }

    fn short_options(&self, options: &str) -> Result<usize, Doubt> {
        for (at, option) in options.char_indices() {
            if self.values.contains(option) {
                return Ok(if at + option.len_utf8() == options.len() { 2 } else { 1 });
            }
            if !self.flags.contains(option) {
                return Err(Doubt::Unknown);
            }
        }
        Ok(1)
    }
}

/// `NAME=value`.
pub(super) fn is_assignment(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    word.contains('=')
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}
