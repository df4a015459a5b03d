//! What can be written on the command line.

use crate::demo::DemoCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

mod people;
mod proof;

pub(crate) use people::{AnswerArgs, ApprovalsArgs, ApproveArgs, HoldArgs, HoldsArgs, LiftArgs, ReleaseArgs};
pub(crate) use proof::{
    AttestArgs, CountersignArgs, KeysArgs, KeysCommand, Role, TimestampArgs, TrustArgs, UseArgs, VerifyArgs,
};

/// Run production changes from reviewed YAML runbooks, step by step, with one signed log per run.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
First steps:
  runbook plan runbooks/deploy-bluegreen.yml --target demo    what would happen
  runbook run runbooks/deploy-bluegreen.yml --target demo     do it
  runbook runs                                                what was done
  runbook verify RUN                                          prove it

Exit codes: 0 done, 1 failed, 2 usage, 3 runbook invalid, 4 no-go, 5 waiting for a person, 6 stale plan,
7 locked or on hold, 8 log cannot be written, 9 not verified, 10 plan has changes, 11 backed out, 12 outcome unknown,
13 backing out failed, 70 bug, 130 interrupted.";

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Form of what is printed to standard output
    #[arg(long, global = true, value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub(crate) output: Output,
    /// Colours: auto follows RUNBOOK_COLOR, NO_COLOR, FORCE_COLOR and the terminal
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub(crate) color: Option<ColorChoice>,
    /// Words instead of glyphs, nothing redrawn (also ACCESSIBLE=1)
    #[arg(long, global = true)]
    pub(crate) accessible: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs; the fields are API
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Execute a runbook step by step
    Run(RunArgs),
    /// Show what a run would do; starts no process, opens no connection
    Plan(PlanArgs),
    /// Find all problems in runbook files
    Check(CheckArgs),
    /// Print all metrics and what each table would decide right now; only reads
    Probe(ProbeArgs),
    /// Explain a diagnostic such as RB0101
    Explain(ExplainArgs),
    /// Go on with a run that stopped or waits
    Resume(ResumeArgs),
    /// Keep every run from changing anything under a lock, such as a target's
    Hold(HoldArgs),
    /// Lift what another person holds
    Lift(LiftArgs),
    /// List what is held, or the history of one lock
    Holds(HoldsArgs),
    /// Take the lock away from a run that will not be gone on with
    Release(ReleaseArgs),
    /// List runs, newest first
    Runs(RunsArgs),
    /// Show one run: phases, steps, answers, how it ended
    Show(OneRun),
    /// Print the output of a run's steps
    Logs(LogsArgs),
    /// Print a deployment report of one run in Markdown
    Report(OneRun),
    /// Prove that the log of a run is whole and signed
    Verify(VerifyArgs),
    /// The key that signs runs, and whose keys are trusted
    Keys(KeysArgs),
    /// Say GO to a checkpoint of another person's run, signed with your own key
    Go(AnswerArgs),
    /// Say NO-GO to a checkpoint of another person's run, signed with your own key
    NoGo(AnswerArgs),
    /// Approve a plan before it is run
    Approve(ApproveArgs),
    /// Who approved a run or a plan, and what of it counts
    Approvals(ApprovalsArgs),
    /// Vouch for another person's run with your own key
    Countersign(CountersignArgs),
    /// Write a signed in-toto statement about a run
    Attest(AttestArgs),
    /// Have a time stamp authority state when a log existed
    Timestamp(TimestampArgs),
    /// Print the JSON Schema of runbooks, targets or waivers
    Schema(SchemaArgs),
    /// The embedded demo target: two colours, a balancer, faults
    Demo(DemoArgs),
    /// Print shell completions
    Completions(CompletionArgs),
}

/// What a plan is made from; shared by `plan` and `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Making {
    /// The runbook
    pub(crate) file: PathBuf,
    /// Target profile: a name (targets/NAME.yml beside the runbook or here) or a path
    #[arg(short, long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// An input
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// Inputs from a YAML file of names and values
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Never ask; a question parks the run (exit 5)
    #[arg(long)]
    pub(crate) no_input: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) making: Making,
    /// FILE is a plan that `plan -o` wrote: run exactly it, with the approvals beside it, or nothing (exit 6)
    #[arg(long, conflicts_with_all = ["target", "input", "inputs", "dry_run"])]
    pub(crate) plan: bool,
    /// With --plan: an approval that lies elsewhere than in FILE.approvals/
    #[arg(long, value_name = "FILE", requires = "plan")]
    pub(crate) approval: Vec<PathBuf>,
    /// Only show the plan
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Run outside the runbook's window; the reason stands in the log
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub(crate) override_window: Option<String>,
    /// Leave when nothing happens for a while (exit 5), to be resumed by a timer; without a terminal this is so anyway
    #[arg(long)]
    pub(crate) detach_waits: bool,
    /// When another run has the lock, wait for so long
    #[arg(long, value_name = "TIME")]
    pub(crate) wait_for_lock: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) making: Making,
    /// Whole scripts, conditions and saved values
    #[arg(long)]
    pub(crate) full: bool,
    /// Write the plan to this file too, to be approved and run exactly like this; no secret is in it
    #[arg(short, long, value_name = "PLAN")]
    pub(crate) out: Option<PathBuf>,
    /// Exit 10 when the plan changes anything
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) making: Making,
    /// What a step would yield, for metrics that need it: steps.colours.live=blue
    #[arg(long = "set", value_name = "STEPS.NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Longest wait before the second look that changes need; longer changes are taken over this time
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) wait: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    /// Runbooks
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Target whose policies hold: a name in targets/, or a file
    #[arg(short, long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// One line per problem
    #[arg(long)]
    pub(crate) short: bool,
    /// Fail on warnings too
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArgs {
    /// Code such as RB0101; all codes are listed without one
    pub(crate) code: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ResumeArgs {
    /// Run id or the beginning of one
    pub(crate) run: String,
    /// Never ask; a question parks the run again
    #[arg(long)]
    pub(crate) no_input: bool,
    /// The runbook has changed: follow the stored plan all the same, for this reason
    #[arg(long, value_name = "WHY", conflicts_with = "accept_changes")]
    pub(crate) as_planned: Option<String>,
    /// The runbook has changed: follow it as it is now, for this reason; what already began must be the same
    #[arg(long, value_name = "WHY")]
    pub(crate) accept_changes: Option<String>,
    /// Only show what would be done, and what has changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on outside the runbook's window; the reason stands in the log
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub(crate) override_window: Option<String>,
    /// Leave again when nothing happens for a while; without a terminal this is so anyway
    #[arg(long)]
    pub(crate) detach_waits: bool,
    /// When another run has the lock, wait for so long
    #[arg(long, value_name = "TIME")]
    pub(crate) wait_for_lock: Option<String>,
    /// Take back what was done, as the second Ctrl-C does; also while the lock is on hold
    #[arg(long)]
    pub(crate) back_out: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RunsArgs {
    /// How many
    #[arg(short = 'n', long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OneRun {
    /// Run id or the beginning of one; the newest without it
    pub(crate) run: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    /// Run id or the beginning of one
    pub(crate) run: String,
    /// Only this step (its path)
    pub(crate) step: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SchemaArgs {
    /// Which
    #[arg(value_enum, default_value_t = SchemaOf::Runbook)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    Runbook,
    Target,
    Policy,
    Waivers,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Where the demo keeps its files [default: demo/ in the state directory]
    #[arg(long, global = true, value_name = "DIR", id = "demo_dir")]
    pub(crate) dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: DemoCommand,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionArgs {
    /// Shell
    pub(crate) shell: clap_complete::Shell,
}

/// Words that say why: blanks say nothing.
fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say why in words".into()) } else { Ok(text.to_owned()) }
}

impl Cli {
    pub(crate) fn style(&self) -> crate::text::RenderStyle {
        self.common.style()
    }
}

impl Common {
    /// How diagnostics are drawn on this terminal.
    pub(crate) fn style(&self) -> crate::text::RenderStyle {
        let width = console::Term::stderr().size().1 as usize;
        crate::text::RenderStyle { color: console::colors_enabled_stderr(), short: false, width }
    }
}
