//! Spellings of commands: what is refused, what is allowed, what nobody can say beforehand.

mod bash;
mod further;
mod required;
mod spellings;
mod values;
mod wrapped;

use super::{Around, Rails, Report, Stdin, Verdict};
use crate::runbook::model::{Forbid, Forbidden, Policy, Wrapper};

/// The rules of scenarios 3 and 4: docker by verb class, some commands by their beginning, one wrapper.
fn guard() -> Policy {
    let words = |list: &str| list.split(", ").map(str::to_owned).collect();
    let docker = Forbidden::Commands {
        commands: words("docker"),
        read_only: words(
            "ps, logs, inspect, version, info, images, stats, top, port, network inspect, network ls, container ls, \
             compose ps, compose logs, compose config, compose images, exec * env, exec * printenv",
        ),
        options: Vec::new(),
    };
    let kubectl = Forbidden::Commands {
        commands: words("kubectl"),
        read_only: words("get, describe, logs"),
        options: words("-n, --namespace, --context"),
    };
    let prefix = Forbidden::Prefix(words("scp, systemctl stop, systemctl restart, rm -rf /"));
    let rule = |line, what| Forbid {
        line,
        what,
        reason: "only the wrapper loads the environment".into(),
        instead: Some("call deploy_prd.sh".into()),
    };
    Policy {
        name: "guard".into(),
        file: "guard.yml".into(),
        forbid: vec![rule(3, docker), rule(9, kubectl), rule(14, prefix)],
        wrappers: vec![Wrapper { line: 20, path: "/srv/app/deploy_prd.sh".into(), sha256: "0".repeat(64) }],
        ..Policy::default()
    }
}

fn judged(script: &str) -> Report {
    let policies = [guard()];
    let rails = Rails { policies: &policies, production: true };
    rails.script(script, &[], Around { dir: Some(""), stdin: Stdin::Closed, other_shell: false })
}

fn worst(report: &Report) -> Option<Verdict> {
    report.findings.iter().map(|finding| finding.verdict).min()
}

#[test]
fn a_refusal_names_the_policy_the_line_the_command_and_the_reason() {
    let report = judged("set -e\nbash -c 'docker compose up -d'");
    let finding = &report.findings[0];
    assert_eq!(
        finding.message,
        "policy guard line 3 forbids `docker compose up -d`: only the wrapper loads the environment"
    );
    assert_eq!(finding.help.as_deref(), Some("call deploy_prd.sh"));
    assert_eq!(finding.range, 7..37);
}

#[test]
fn a_wrapper_is_named_with_its_hash_and_a_script_with_its_path() {
    let report = judged("/srv/app/deploy_prd.sh up; ./other.sh; bash third.sh; /usr/bin/env true");
    assert_eq!(report.wrappers, [("/srv/app/deploy_prd.sh".to_owned(), "0".repeat(64))]);
    let called: Vec<(&str, bool)> = report.called.iter().map(|c| (c.path.as_str(), c.shell)).collect();
    assert_eq!(called, [("other.sh", false), ("third.sh", true)]);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn a_relative_path_behind_cd_is_not_known() {
    assert_eq!(worst(&judged("cd /srv/app && ./deploy_prd.sh up")), Some(Verdict::Unknown));
    let policies = [guard()];
    let rails = Rails { policies: &policies, production: true };
    let there = rails.script(
        "./deploy_prd.sh up",
        &[],
        Around { dir: Some("/srv/app"), stdin: Stdin::Closed, other_shell: false },
    );
    assert_eq!(there.wrappers.len(), 1);
}

#[test]
fn values_of_templates_are_looked_at_where_they_stand() {
    let policies = [guard()];
    let rails = Rails { policies: &policies, production: true };
    let around = Around { dir: Some(""), stdin: Stdin::Closed, other_shell: false };
    let known = |name: &str| (name == "target.compose").then(|| "docker-compose".to_owned());
    let of = |src: &str| worst(&rails.template(src, &known, around).unwrap());
    assert_eq!(of("{{ target.compose }} up -d"), Some(Verdict::Refused));
    assert_eq!(of("{{ target.compose }} ps"), None);
    assert_eq!(of("echo é; {{ steps.x.command }} up -d"), Some(Verdict::Later));
    assert_eq!(of("docker {{ steps.x.verb }}"), Some(Verdict::Later));
    assert_eq!(of("docker logs {{ steps.x.name }}"), None);
    assert_eq!(of("{{ steps.x.command | raw }}"), Some(Verdict::Later));
    assert_eq!(of("{% if inputs.x %}docker rm x{% else %}true{% endif %}"), Some(Verdict::Refused));
    let later = rails.template("echo é; {{ steps.x.command }} up -d", &known, around).unwrap();
    assert_eq!(later.findings[0].range, 9..36);
}

#[test]
fn a_rendered_command_is_judged_with_its_values() {
    let policies = [guard()];
    let rails = Rails { policies: &policies, production: true };
    let around = Around { dir: Some(""), stdin: Stdin::Closed, other_shell: false };
    let of = |script: &str, value: &str| worst(&rails.script(script, &[("RB_1".into(), value.into())], around));
    assert_eq!(of("\"${RB_1}\" up", "docker-compose"), Some(Verdict::Refused));
    assert_eq!(of("docker \"${RB_1}\" x", "rm"), Some(Verdict::Refused));
    assert_eq!(of("docker \"${RB_1}\" x", "inspect"), None);
    assert_eq!(of("echo '\"${RB_1}\"'", "docker rm x"), None);
    assert_eq!(of("bash -s <<EOF\n${RB_1}\nEOF", "docker rm x"), Some(Verdict::Refused));
}

#[test]
fn what_a_program_reads_counts_where_it_is_a_shell() {
    let policies = [guard()];
    let rails = Rails { policies: &policies, production: true };
    let of = |words: &[&str], stdin| {
        let words: Vec<Option<String>> = words.iter().map(|w| Some((*w).to_owned())).collect();
        worst(&rails.words(&words, Around { dir: Some(""), stdin, other_shell: false }))
    };
    assert_eq!(of(&["bash"], Stdin::Text("docker rm x")), Some(Verdict::Refused));
    assert_eq!(of(&["bash", "-s"], Stdin::Secret), Some(Verdict::Unknown));
    assert_eq!(of(&["bash"], Stdin::Later), Some(Verdict::Later));
    assert_eq!(of(&["cat"], Stdin::Text("docker rm x")), None);
    assert_eq!(of(&["bash"], Stdin::Closed), None);
    assert_eq!(of(&["xargs", "docker", "rm"], Stdin::Text("x")), Some(Verdict::Refused));
}
