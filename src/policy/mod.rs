//! Guard rails: what the policies of a target say of the commands, values and shape of a runbook.
//!
//! Commands are parsed and not searched for: [`Rails`] names every program that a script really starts, however it is
//! spelled, and says what may not be. It looks three times: at the runbook, at the plan, and at the command that is about
//! to be started. What it cannot know beforehand is in doubt, and production refuses what is in doubt.
//!
//! It refuses and it detects; it is no sandbox, and cannot hold a person with a root shell.

mod carriers;
mod commands;
mod document;
mod forbid;
mod needs;
mod readers;
mod items;
mod script;
mod starters;
#[cfg(test)]
mod tests;
mod values;
mod variables;
mod word;

pub use document::{OpenFile, Outcome, Program, Surroundings, commands, includes};
pub(crate) use document::{is_of_another_shell, is_shell_script};
pub use needs::{Open, changes, needs};
pub use values::{check_target, check_value, default_password, placeholder};

use crate::runbook::model::{Forbid, Policy, Wrapper};
use crate::template::{EvalError, TemplateText, template_text};
use commands::{Found, Input, What};
use forbid::Says;
use std::collections::BTreeMap;
use std::ops::Range;
use word::{Doubt, Values, Word};

/// The policies of a target.
#[derive(Debug, Clone, Copy)]
pub struct Rails<'a> {
    /// In the order the target lists them.
    pub policies: &'a [Policy],
    /// The target says `environment: production`: what is in doubt is refused, and more is needed.
    pub production: bool,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A rule forbids it.
    Refused,
    /// Nobody can say before the shell runs.
    Unknown,
    /// It can be said when the step starts, and will be looked at then.
    Later,
}

/// Something a policy has a word on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub verdict: Verdict,
    /// What, with the policy and its reason: `policy NAME line N forbids ...: reason`.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
    /// Bytes of the template, or characters of a script, where it stands.
    pub range: Range<usize>,
}

/// A file that is started or read by a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Its path: absolute, or relative to where the tool is started.
    pub path: String,
    /// A shell reads it, whatever its first line says.
    pub shell: bool,
    /// Where it is called.
    pub range: Range<usize>,
}

/// What is to be said of a command.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What the policies say, the worst of each place first.
    pub findings: Vec<Finding>,
    /// Files whose content decides.
    pub called: Vec<Called>,
    /// Wrappers that are called: path and SHA-256.
    pub wrappers: Vec<(String, String)>,
}

/// What is known around a command.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// Its working directory, empty where the tool was started; none where it is only known later.
    pub dir: Option<&'a str>,
    /// Its standard input.
    pub stdin: Stdin<'a>,
    /// Another shell than bash runs it.
    pub other_shell: bool,
}

/// What a command reads.
#[derive(Debug, Clone, Copy, Default)]
pub enum Stdin<'a> {
    /// Nothing.
    #[default]
    Closed,
    /// This text.
    Text(&'a str),
    /// Something only known later.
    Later,
    /// A secret.
    Secret,
}

impl<'a> Rails<'a> {
    /// Whether any policy has rules about commands.
    pub fn judge_commands(&self) -> bool {
        self.policies.iter().any(|policy| !policy.forbid.is_empty())
    }

    /// Judges a script template before it is rendered; `known` gives the values that are known already.
    ///
    /// # Errors
    /// The template cannot be read.
    pub fn template(
        &self,
        src: &str,
        known: &dyn Fn(&str) -> Option<String>,
        around: Around<'_>,
    ) -> Result<Report, EvalError> {
        let TemplateText { chars, places, values: holes } = template_text(src, known)?;
        let values = Values { variables: BTreeMap::new(), holes };
        let found = commands::of_script(&chars, &values, &around.stdin.input(), !around.other_shell);
        let mut report = self.report(found, around.dir);
        let byte = |at: usize| places.get(at).copied().unwrap_or(src.len());
        let bytes = |range: &Range<usize>| match range.is_empty() {
            true => 0..0,
            false => {
                byte(range.start)
                    ..byte(range.end - 1) + src[byte(range.end - 1)..].chars().next().map_or(0, char::len_utf8)
            }
        };
        report.findings.iter_mut().for_each(|finding| finding.range = bytes(&finding.range));
        report.called.iter_mut().for_each(|called| called.range = bytes(&called.range));
        Ok(report)
    }

    /// Judges a script that is about to run, with the values of its variables.
    pub fn script(&self, script: &str, variables: &[(String, String)], around: Around<'_>) -> Report {
        let chars: Vec<char> = script.chars().collect();
        let values = Values { variables: variables.iter().cloned().collect(), holes: Vec::new() };
        self.report(commands::of_script(&chars, &values, &around.stdin.input(), !around.other_shell), around.dir)
    }

    /// Judges a program and its arguments; none is a word that is only known later.
    pub fn words(&self, words: &[Option<String>], around: Around<'_>) -> Report {
        let later = || Word { parts: vec![word::Part::Later], raw: String::new() };
        let words: Vec<Word> = words.iter().map(|word| word.as_deref().map_or_else(later, Word::literal)).collect();
        self.report(commands::of_words(&words, &Values::default(), &around.stdin.input()), around.dir)
    }

    /// What is to be said of a variable in the environment of a command.
    /// Its value is none where it is not known.
    pub fn variable(&self, name: &str, value: Option<&str>) -> Option<Finding> {
        let message = match value {
            _ if variables::runs_its_value(name) => format!("`{name}` makes other programs run what it says"),
            Some(value) if name == "PATH" && !variables::is_a_path_of_the_system(value, "") => {
                "behind this `PATH` names may stand for other programs".to_owned()
            }
            _ => return None,
        };
        Some(Finding { verdict: Verdict::Unknown, message, help: None, range: 0..0 })
    }

    /// The wrapper at this path.
    pub fn wrapper(&self, path: &str) -> Option<(&'a Policy, &'a Wrapper)> {
        let same = |wrapper: &&Wrapper| tidy(&wrapper.path) == tidy(path);
        self.policies.iter().find_map(|policy| Some((policy, policy.wrappers.iter().find(same)?)))
    }

    fn report(&self, found: Vec<Found>, dir: Option<&str>) -> Report {
        let mut report = Report::default();
        let mut moved = false;
        for Found { what, range } in found {
            match what {
                What::Moved => moved = true,
                What::Call(words) => {
                    let path = words.first().and_then(Word::text).and_then(|text| located(text, dir, moved));
                    if path.is_none_or(|path| self.wrapper(&path).is_none()) {
                        report.findings.extend(self.call(&words).map(|f| f.at(&range)));
                    }
                }
                What::Doubtful { doubt, why, text } => {
                    report.findings.push(self.doubtful(doubt, &why, &text).at(&range))
                }
                What::Given { name, words } => {
                    report.findings.extend(self.given(&name, &words).map(|f| f.at(&range)));
                }
                What::Mention { why, text } => report.findings.extend(self.mention(&why, &text).map(|f| f.at(&range))),
                What::File { path, shell } => {
                    self.file(path.as_deref(), shell, dir.filter(|_| !moved), moved, range, &mut report)
                }
            }
        }
        report.findings.sort_by_key(|finding| (finding.verdict, finding.range.start));
        report.findings.dedup();
        report.called.dedup();
        report
    }

    fn call(&self, words: &[Word]) -> Option<Finding> {
        let mut depends: Option<(Doubt, &Policy, &Forbid)> = None;
        for (policy, rule) in self.rules() {
            match forbid::says(rule, words) {
                Says::Nothing => {}
                Says::Forbidden => return Some(forbidden(policy, rule, &shown(words))),
                Says::Depends(doubt) if depends.is_none_or(|(known, ..)| known < doubt) => {
                    depends = Some((doubt, policy, rule));
                }
                Says::Depends(_) => {}
            }
        }
        let (doubt, policy, rule) = depends?;
        let command = shown(words);
        let message =
            format!("whether policy {} line {} forbids `{command}` is only known at run time", policy.name, rule.line);
        Some(Finding { verdict: doubt.into(), message, help: rule.instead.clone(), range: 0..0 })
    }

    fn doubtful(&self, doubt: Doubt, why: &str, text: &str) -> Finding {
        if doubt == Doubt::Unknown
            && let Some((policy, rule, name)) = self.mentioned(text)
        {
            let mut finding = forbidden(policy, rule, &name);
            finding.message = format!("{}, and {why}", finding.message);
            return finding;
        }
        let help = "write the command where it can be read: its name, or `exec:` with its words".to_owned();
        Finding { verdict: doubt.into(), message: why.to_owned(), help: Some(help), range: 0..0 }
    }

    /// Text in which a command could hide counts only where it names one.
    fn mention(&self, why: &str, text: &str) -> Option<Finding> {
        let (policy, rule, name) = self.mentioned(text)?;
        let message = format!("{why} `{name}`, which policy {} line {} is about", policy.name, rule.line);
        Some(Finding { verdict: Verdict::Unknown, message, help: rule.instead.clone(), range: 0..0 })
    }

    /// A program nobody knows may start what it is given, as `valgrind docker rm x` does.
    fn given(&self, name: &str, words: &[Word]) -> Option<Finding> {
        /// Words of a command that are looked at.
        const MOST: usize = 16;
        let own = [Word::literal(name)];
        if self.rules().any(|(_, rule)| forbid::is_about(rule, &own[0])) {
            return None;
        }
        (0..words.len()).find_map(|at| {
            let command = &words[at..words.len().min(at + MOST)];
            let (policy, rule) = self.rules().find(|(_, rule)| forbid::says(rule, command) != Says::Nothing)?;
            let shown = shown(command);
            let message = format!(
                "whether `{name}` starts `{shown}` cannot be known, and policy {} line {} is about it",
                policy.name, rule.line
            );
            Some(Finding { verdict: Verdict::Unknown, message, help: rule.instead.clone(), range: 0..0 })
        })
    }

    fn mentioned(&self, text: &str) -> Option<(&'a Policy, &'a Forbid, String)> {
        self.rules().find_map(|(policy, rule)| Some((policy, rule, forbid::mentions(rule, text)?)))
    }

    fn file(
        &self,
        path: Option<&str>,
        shell: bool,
        dir: Option<&str>,
        moved: bool,
        range: Range<usize>,
        report: &mut Report,
    ) {
        let Some(path) = path.and_then(|path| located(path, dir, moved)) else {
            let message = "which file is run here is only known at run time".to_owned();
            let help = Some("write its path from the root, or relative to `dir:`".to_owned());
            return report.findings.push(Finding { verdict: Verdict::Unknown, message, help, range });
        };
        if let Some((_, wrapper)) = self.wrapper(&path) {
            return report.wrappers.push((path, wrapper.sha256.clone()));
        }
        if shell || !is_of_the_system(&path) {
            report.called.push(Called { path, shell, range });
        }
    }

    fn rules(&self) -> impl Iterator<Item = (&'a Policy, &'a Forbid)> {
        self.policies.iter().flat_map(|policy| policy.forbid.iter().map(move |rule| (policy, rule)))
    }
}

impl Finding {
    fn at(mut self, range: &Range<usize>) -> Finding {
        self.range = range.clone();
        self
    }
}

impl From<Doubt> for Verdict {
    fn from(doubt: Doubt) -> Verdict {
        match doubt {
            Doubt::Later => Verdict::Later,
            Doubt::Unknown => Verdict::Unknown,
        }
    }
}

impl Stdin<'_> {
    fn input(self) -> Input {
        match self {
            Stdin::Closed => Input::Closed,
            Stdin::Text(text) => Input::Text(text.to_owned()),
            Stdin::Later => Input::Text(word::LATER.to_string()),
            Stdin::Secret => Input::Unknown(String::new()),
        }
    }
}

fn forbidden(policy: &Policy, rule: &Forbid, command: &str) -> Finding {
    let message = format!("policy {} line {} forbids `{command}`: {}", policy.name, rule.line, rule.reason);
    Finding { verdict: Verdict::Refused, message, help: rule.instead.clone(), range: 0..0 }
}

/// A command for people, cut where it is long.
fn shown(words: &[Word]) -> String {
    const LONGEST: usize = 60;
    let text = commands::joined(words).replace([word::LATER, word::UNKNOWN], "…");
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// A path as the tool would open it; none where that depends on what only the shell knows.
fn located(path: &str, dir: Option<&str>, moved: bool) -> Option<String> {
    if path.starts_with('~') {
        return None;
    }
    if path.starts_with('/') {
        return Some(tidy(path));
    }
    match dir.filter(|_| !moved)? {
        "" => Some(tidy(path)),
        dir => Some(tidy(&format!("{dir}/{path}"))),
    }
}

/// `a/./b/../c` as `a/c`.
fn tidy(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Programs the system's packages bring, which are known by their names.
fn is_of_the_system(path: &str) -> bool {
    const DIRS: [&str; 7] =
        ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/usr/libexec/"];
    DIRS.iter().any(|dir| path.starts_with(dir))
}
