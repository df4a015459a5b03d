use crate::machine::action::{Captured, Done, Ended};
use crate::machine::event::{Answer, Event, RunStarted};
use crate::machine::{Input, State, Timestamp, accept, apply, next};
use crate::plan::model::*;
use crate::runbook::model::{Effect, InputKind, OnFailure, Repeat, Severity};
use serde_json::{Map, json};
use std::sync::Arc;

struct Builder {
    nodes: Vec<Node>,
}

pub(crate) fn template(text: &str) -> Template {
    Template { text: text.into(), at: "deploy.yml:9".into() }
}

fn task(act: Act) -> Task {
    Task::of(act, Repeat::Once)
}

impl Builder {
    fn add(&mut self, id: &str, title: &str, effect: Effect, kind: NodeKind) -> NodeId {
        let line = 10 + self.nodes.len();
        self.nodes.push(Node {
            id: id.into(),
            title: (!title.is_empty()).then(|| template(title)),
            note: None,
            at: format!("deploy.yml:{line}"),
            scope: 0,
            when: None,
            effect,
            severity: Severity::Fail,
            on_failure: None,
            estimate_s: None,
            goal: None,
            marks: Default::default(),
            guards: None,
            kind,
        });
        self.nodes.len() - 1
    }

    fn task(&mut self, id: &str, title: &str, effect: Effect, task: Task) -> NodeId {
        self.add(id, title, effect, NodeKind::Task(Box::new(task)))
    }

    fn phase(&mut self, id: &str, title: &str, minutes: u64, children: Vec<NodeId>) -> NodeId {
        let phase = self.add(id, title, Effect::Read, NodeKind::Sequence(children));
        self.nodes[phase].estimate_s = Some(60 * minutes);
        phase
    }
}

/// Eight steps in two phases: looks, a go/no-go, a file, a list, a migration that cannot be undone, a soak.
pub(crate) fn plan() -> Plan {
    let mut b = Builder { nodes: Vec::new() };
    let disk = Task { expect: vec![template("exit == 0")], ..task(Act::Shell(template("df -B1 / | tail -1"))) };
    let disk = b.task("disk", "Disk space adequate", Effect::Read, disk);
    let http = Http {
        method: "GET".into(),
        url: template("{{ target.balancer }}/health/live"),
        headers: Vec::new(),
        query: Vec::new(),
        body: None,
        status: Vec::new(),
        follow: 0,
    };
    let live = Task { save: vec![("colour".into(), template("json.colour"))], ..task(Act::Http(Box::new(http))) };
    let live = b.task("live", "Which colour serves now", Effect::Read, live);
    let checkpoint = NodeKind::Checkpoint {
        title: template("Put {{ inputs.version }} live?"),
        show: vec![("colour now".into(), template("{{ steps.live.colour }}"))],
        timeout: Some(template("30m")),
        gate: Default::default(),
    };
    let checkpoint = b.add("checkpoint", "", Effect::Read, checkpoint);
    let preflight = b.phase("preflight", "Pre-flight checks", 15, vec![disk, live, checkpoint]);
    b.nodes[preflight].goal = Some("nothing stands in the way".into());

    let activate = b.task("activate", "", Effect::Change, task(Act::Shell(template("nginx -t && nginx -s reload"))));
    let restore = b.task("undo", "Put the previous content back", Effect::Change, task(Act::Restore));
    let file = File {
        path: template("{{ target.upstream_conf }}"),
        change: FileChange::Content(template("upstream app {\n  server {{ steps.live.colour }}.local;\n}\n")),
        mode: Some(0o644),
        activate: Some(activate),
    };
    let upstream = Task { undo: Some(Undo::Task(restore)), ..task(Act::File(Box::new(file))) };
    let upstream = b.task("upstream", "Point the balancer at the new one", Effect::Change, upstream);
    let words = [template("warm"), template("{{ item }}"), template("two words")];
    let cool = b.task("undo", "", Effect::Change, task(Act::Exec(vec![template("cool"), template("{{ item }}")])));
    let warm = Task { undo: Some(Undo::Task(cool)), ..task(Act::Exec(words.to_vec())) };
    let warm = b.task("warm", "", Effect::Change, warm);
    let body = b.add("item", "", Effect::Read, NodeKind::Sequence(vec![warm]));
    let each = ForEach {
        items: Items::Known(vec![json!("a"), json!("b")]),
        name: "item".into(),
        key: None,
        max: None,
        parallel: 2,
        collect: false,
        body,
    };
    let caches = b.add("caches", "Warm the caches", Effect::Change, NodeKind::ForEach(Box::new(each)));
    let retry = Retry { attempts: 2, wait: template("1s"), factor_milli: 1000, max_wait: None };
    let script = template("# one column\n./migrate.sh --to {{ inputs.version }}\n./check.sh\n");
    let migrate = Task { retry: Some(retry), ..task(Act::Shell(script)) };
    let migrate = b.task("migrate", "Migrate the database", Effect::Irreversible, migrate);
    b.nodes[migrate].note = Some("deadlocks here mean that the nightly vacuum is still running".into());
    let soak = b.add("soak", "", Effect::Read, NodeKind::Wait(template("5m")));
    let switch = b.phase("switch", "Switch the traffic", 8, vec![upstream, caches, migrate, soak]);

    let flag = File { path: template("/run/maintenance"), change: FileChange::Absent, mode: None, activate: None };
    let flag = b.task("flag_off", "Maintenance page off", Effect::Change, task(Act::File(Box::new(flag))));
    let always = b.add("always", "", Effect::Read, NodeKind::Sequence(vec![flag]));
    let forward = b.add("", "", Effect::Read, NodeKind::Sequence(vec![preflight, switch]));
    let input = |name: &str, kind, value, origin: &str| InputBinding {
        name: name.into(),
        kind,
        value: Binding::Known(value),
        origin: origin.into(),
    };
    let inputs = vec![
        input("version", InputKind::String, json!("v1.42.0; rm -rf /"), "-i"),
        input("db_url", InputKind::Secret, json!({ "$secret": "db_url" }), "env DATABASE_URL"),
    ];
    Plan {
        format: FORMAT.into(),
        name: "deploy-web".into(),
        title: Some("Deploy the web shop".into()),
        target: Some(Target {
            name: "prod".into(),
            values: json!({ "balancer": "https://api.prod.example", "upstream_conf": "/etc/nginx/upstream.conf" }),
        }),
        scopes: vec![Scope { runbook: "deploy-web".into(), inputs }],
        nodes: b.nodes,
        forward,
        always: Some(always),
        rollback: None,
        on_failure: OnFailure::Rollback,
        secrets: Map::new(),
        metrics: Vec::new(),
        schedule: Default::default(),
        waivers: Vec::new(),
        lock: None,
        sources: vec![SourceDigest { path: "runbooks/deploy-web.yml".into(), sha256: "ab".repeat(32) }],
        policies: Vec::new(),
        called: Vec::new(),
    }
}

/// A run driven by hand: the machine decides, the test is the world.
pub(crate) struct Script {
    pub(crate) plan: Arc<Plan>,
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<(Timestamp, Event)>,
}

impl Script {
    pub(crate) fn begin(plan: Plan) -> Script {
        let plan = Arc::new(plan);
        let now = Timestamp { wall_us: 1_784_907_662_000_000, run_us: 0 };
        let mut script = Script { state: State::new(plan.clone()), plan, now, events: Vec::new() };
        script.commit(Event::RunStarted(RunStarted {
            run: "01jd3k7qw9".into(),
            runbook: "deploy-web".into(),
            title: "Deploy the web shop".into(),
            target: Some("prod".into()),
            plan_sha256: "9f2c41ab".repeat(8),
            operator: "ana".into(),
            host: "bastion".into(),
            started: "2026-07-24T15:41:02Z".into(),
            tool: "0.1.0".into(),
            dir: None,
            override_window: None,
            operator_key: None,
        }));
        script
    }

    pub(crate) fn commit(&mut self, event: Event) {
        apply(&mut self.state, &event).unwrap();
        self.events.push((self.now, event));
        while let Some(event) = next(&self.state, self.now) {
            apply(&mut self.state, &event).unwrap();
            self.events.push((self.now, event));
        }
    }

    /// Time passes, in milliseconds.
    pub(crate) fn after(mut self, ms: u64) -> Script {
        self.now.wall_us += ms as i64 * 1000;
        self.now.run_us += ms * 1000;
        while let Some(event) = next(&self.state, self.now) {
            self.commit(event);
        }
        self
    }

    pub(crate) fn input(mut self, input: Input) -> Script {
        let event = accept(&self.state, input).expect("the input fits");
        self.commit(event);
        self
    }

    /// The running attempt of a step ended.
    pub(crate) fn done(self, path: &str, done: Done) -> Script {
        let attempt = self.state.inst(path).expect("a step of the plan").attempt;
        self.input(Input::Done { path: path.into(), attempt, done })
    }

    pub(crate) fn answer(self, path: &str, answer: Answer, reason: Option<&str>) -> Script {
        let reason = reason.map(str::to_string);
        self.input(Input::Answer {
            path: path.into(),
            answer,
            by: "ana".into(),
            reason,
            evidence: Map::new(),
            backing: Default::default(),
        })
    }

    /// Up to the go/no-go.
    pub(crate) fn checks_pass(self) -> Script {
        let body = Captured {
            file: "preflight.live.1.out".into(),
            bytes: 17,
            sha256: "00".repeat(32),
            text: Some(r#"{"colour":"blue"}"#.into()),
        };
        let live = Done {
            ended: Ended::Ok,
            stdout: Some(body),
            http: Some(crate::machine::action::HttpAnswer { status: 200, ..Default::default() }),
            ..Done::default()
        };
        self.after(300).done("preflight.disk", exit(0)).after(80).done("preflight.live", live)
    }

    /// Up to the migration.
    pub(crate) fn switched(self) -> Script {
        let written = Done { ended: Ended::Ok, changed: Some(true), ..Done::default() };
        self.checks_pass()
            .after(42_000)
            .answer("preflight.checkpoint", Answer::Go, None)
            .after(1_200)
            .done("switch.upstream", written)
            .after(500)
            .done("switch.caches[a].warm", exit(0))
            .after(700)
            .done("switch.caches[b].warm", exit(0))
    }

    /// The migration failed twice; the undos are running.
    pub(crate) fn migration_failed(self) -> Script {
        self.switched()
            .after(3_000)
            .done("switch.migrate", tail(3, "ERROR:  deadlock detected\n"))
            .after(1_000)
            .after(34_000)
            .done(
                "switch.migrate",
                tail(3, "ALTER TABLE orders ADD COLUMN region text;\nERROR:  deadlock \x1b[2Jdetected\n"),
            )
    }

    /// Backed out, to the end.
    pub(crate) fn rolled_back(self) -> Script {
        let restored = Done { ended: Ended::Ok, changed: Some(true), ..Done::default() };
        let unchanged = Done { ended: Ended::Ok, changed: Some(false), ..Done::default() };
        self.migration_failed()
            .after(600)
            .done("switch.caches[b].warm~undo", exit(0))
            .after(600)
            .done("switch.caches[a].warm~undo", exit(0))
            .after(1_000)
            .done("switch.upstream~undo", restored)
            .after(10)
            .done("always.flag_off", unchanged)
    }

    pub(crate) fn passed(self) -> Script {
        let unchanged = Done { ended: Ended::Ok, changed: Some(false), ..Done::default() };
        self.switched()
            .after(20_000)
            .done("switch.migrate", exit(0))
            .after(300_000)
            .after(10)
            .done("always.flag_off", unchanged)
    }
}

pub(crate) fn exit(code: i32) -> Done {
    Done { ended: Ended::Exit(code), ..Done::default() }
}

pub(crate) fn prints(text: &str) -> Done {
    let out = Captured { bytes: text.len() as u64, text: Some(text.into()), ..Captured::default() };
    Done { stdout: Some(out), ..exit(0) }
}

pub(crate) fn tail(code: i32, tail: &str) -> Done {
    Done { tail: tail.into(), ..exit(code) }
}
