//! What can be written on the command line.

use crate::demo::DemoCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
8 log cannot be written, 9 not verified, 10 plan has changes, 11 backed out, 12 outcome unknown,
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
    /// Explain a diagnostic such as RB0101
    Explain(ExplainArgs),
    /// Go on with a run that stopped or waits
    Resume(ResumeArgs),
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
    /// Show this machine's signing key; made on first use
    Keys,
    /// Print the JSON Schema of runbooks or targets
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
    /// Only show the plan
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Run outside the runbook's window; the reason stands in the log
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) override_window: Option<String>,
    /// Leave when nothing happens for a while (exit 5), to be resumed by a timer; without a terminal this is so anyway
    #[arg(long)]
    pub(crate) detach_waits: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) making: Making,
    /// Whole scripts, conditions and saved values
    #[arg(long)]
    pub(crate) full: bool,
    /// Exit 10 when the plan changes anything
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    /// Runbooks
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
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
    /// Go on outside the runbook's window; the reason stands in the log
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) override_window: Option<String>,
    /// Leave again when nothing happens for a while; without a terminal this is so anyway
    #[arg(long)]
    pub(crate) detach_waits: bool,
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
pub(crate) struct VerifyArgs {
    /// Run id, the beginning of one, or a run directory; the newest run without it
    pub(crate) run: Option<String>,
    /// Trust store in OpenSSH's allowed_signers form [default: this user's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
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
