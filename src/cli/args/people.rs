//! Arguments of what people say to runs: answers, approvals, holds.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/approvals.md")]
pub(crate) struct AnswerArgs {
    /// Run id, the beginning of one, or a run directory
    #[arg(required_unless_present = "deliver")]
    pub(crate) run: Option<String>,
    /// Path of the checkpoint, or the end of it
    #[arg(required_unless_present = "deliver")]
    pub(crate) checkpoint: Option<String>,
    /// The role you speak in; needed only where you hold several of those asked for
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Where else it is written down, such as a ticket
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    /// Write the answer to this file, for whoever drives the run, instead of delivering it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Deliver an answer that somebody else wrote to a file; signs nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoint", "role", "reason", "reference", "out", "yes"])]
    pub(crate) deliver: Option<PathBuf>,
    /// Trust store in OpenSSH's allowed_signers form [default: this user's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Sign without being asked again
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/approvals.md")]
pub(crate) struct ApproveArgs {
    /// A plan that `runbook plan -o` wrote
    pub(crate) plan: PathBuf,
    /// The role you speak in; needed only where you hold several of those asked for
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// Only this checkpoint, by its path [default: all that ask for the role]
    #[arg(long, value_name = "PATH")]
    pub(crate) checkpoint: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Where else it is written down, such as a ticket
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    /// How long it counts
    #[arg(long, value_name = "DURATION", default_value = crate::cli::approve::USUAL_EXPIRY)]
    pub(crate) expires: String,
    /// Write it to this file instead of PLAN.approvals/
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Trust store in OpenSSH's allowed_signers form [default: this user's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Sign without being asked again
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ApprovalsArgs {
    /// Run id, the beginning of one, a run directory, or a plan that `plan -o` wrote
    #[arg(value_name = "RUN|PLAN")]
    pub(crate) what: String,
    /// Trust store in OpenSSH's allowed_signers form [default: this user's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/locks.md")]
pub(crate) struct HoldArgs {
    /// The lock: the name of a target, or what `lock:` of the runbooks says
    pub(crate) lock: String,
    /// Why, in one line
    #[arg(value_parser = super::reason)]
    pub(crate) reason: String,
    /// Directory in which several users share their locks [default: that of the target profile, else this user's own]
    #[arg(long, value_name = "DIR")]
    pub(crate) lock_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/locks.md")]
pub(crate) struct LiftArgs {
    /// The lock
    pub(crate) lock: String,
    /// Why it may go on, in one line
    #[arg(value_parser = super::reason)]
    pub(crate) reason: String,
    /// Directory in which several users share their locks [default: that of the target profile, else this user's own]
    #[arg(long, value_name = "DIR")]
    pub(crate) lock_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/locks.md")]
pub(crate) struct HoldsArgs {
    /// The lock whose whole history is shown
    pub(crate) lock: Option<String>,
    /// Directory in which several users share their locks
    #[arg(long, value_name = "DIR")]
    pub(crate) lock_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/locks.md")]
pub(crate) struct ReleaseArgs {
    /// Run id or the beginning of one
    pub(crate) run: String,
    /// Why, in one line
    #[arg(value_parser = super::reason)]
    pub(crate) reason: String,
    /// Directory in which several users share their locks [default: what the plan of the run says]
    #[arg(long, value_name = "DIR")]
    pub(crate) lock_dir: Option<PathBuf>,
}
