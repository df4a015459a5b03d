//! Stopping what the balancer points at: found where the balancer's upstream is written and what is stopped later names
//! one of its servers.

use crate::check::facts::Facts;
use crate::runbook::model::{ExecArgs, FileChange, Kind, Stages, Step, Text};
use crate::text::{Code, Diagnostic, Place};

/// Words of commands that end something.
const ENDS: [&str; 7] = ["stop", "down", "kill", "rm", "remove", "delete", "destroy"];

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let mut balancer = Balancer { servers: Vec::new(), found };
    for phase in &facts.runbook.phases {
        balancer.steps(&phase.steps);
    }
}

/// What the balancer points at when a step begins, as far as the runbook says.
struct Balancer<'r, 'f> {
    servers: Vec<Server<'r>>,
    found: &'f mut Vec<Diagnostic>,
}

/// A `server` of an upstream.
#[derive(Clone)]
struct Server<'r> {
    /// How commands call it: the first label of its host, or the expression that chooses it.
    name: &'r str,
    /// Whether its weight is the percent of a stage.
    is_canary: bool,
    place: Place,
}

impl<'r> Balancer<'r, '_> {
    fn steps(&mut self, steps: &'r [Step]) {
        steps.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &'r Step) {
        match &step.kind {
            Kind::File(file) => {
                if let FileChange::Template(text) = &file.change {
                    self.writes(text);
                }
            }
            Kind::Shell(script) => {
                self.stops(step, &script.value);
                self.writes(script);
            }
            Kind::Exec(ExecArgs::Expression(words)) => self.stops(step, &words.value),
            Kind::Exec(ExecArgs::List(words)) => {
                let words: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
                self.stops(step, &words.join(" "));
            }
            Kind::Parallel(group) => self.steps(&group.steps),
            Kind::ForEach(group) => self.steps(&group.steps),
            Kind::Rounds(rounds) => self.steps(&rounds.steps),
            Kind::Stages(stages) => self.stages(stages),
            _ => {}
        }
    }

    /// After the last stage only the canary is pointed at, and after a promotion only the others.
    fn stages(&mut self, stages: &'r Stages) {
        self.steps(&stages.steps);
        let all = self.servers.clone();
        if stages.table.last().is_some_and(|stage| stage.percent == 100) {
            self.servers.retain(|server| server.is_canary);
        }
        if let Some(promote) = &stages.promote {
            self.steps(&promote.main);
            self.servers = all.into_iter().filter(|server| !server.is_canary).collect();
            self.steps(&promote.remove);
        }
    }

    /// An upstream that is written replaces what was pointed at before.
    fn writes(&mut self, text: &'r Text) {
        let lines = text.value.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let servers: Vec<Server<'r>> = lines.filter_map(|line| server(line, &text.place)).collect();
        if !servers.is_empty() {
            self.servers = servers;
        }
    }

    fn stops(&mut self, step: &Step, command: &str) {
        let words = || command.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        if !words().any(|word| ENDS.contains(&word)) {
            return;
        }
        let names = |server: &&Server<'_>| match server.name.contains('.') {
            true => command.contains(server.name),
            false => words().any(|word| word == server.name),
        };
        if let Some(server) = self.servers.iter().find(names) {
            let message = format!("`{}` stops `{}` while the balancer points at it", step.id, server.name);
            let problem = Diagnostic::warning(Code::STOPS_WHAT_SERVES, message, step.place.clone());
            let problem = problem.also(server.place.clone(), "traffic goes there since here");
            self.found.push(problem.help("move the traffic away and prove that it went, and stop it only then"));
        }
    }
}

/// `server canary.internal:8765 weight=5;` or `server {{ target.colours[steps.colours.idle].address }};`
fn server<'r>(line: &'r str, place: &Place) -> Option<Server<'r>> {
    let rest = line.strip_prefix("server ")?.trim_start();
    let (address, options) = match rest.strip_prefix("{{") {
        Some(hole) => hole.split_once("}}")?,
        None => rest.split_at(rest.find([' ', ';'])?),
    };
    if options.contains(" down") {
        return None;
    }
    let chosen = address
        .split_once('[')
        .and_then(|(_, rest)| rest.rsplit_once(']'))
        .map(|(inner, _)| inner.trim().trim_matches(['\'', '"']));
    let host = || address.trim().split([':', '.']).next().unwrap_or_default();
    let name = chosen.unwrap_or_else(host);
    let is_canary = options.contains("stage.percent") && !options.contains("- stage.percent");
    let is_number = name.chars().all(|c| c.is_ascii_digit());
    (!name.is_empty() && !is_number).then(|| Server { name, is_canary, place: place.clone() })
}
