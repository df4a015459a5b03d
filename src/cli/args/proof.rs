//! Arguments of what proves a log, and of the keys that sign it.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// Run id, the beginning of one, or a run directory; the newest run without it
    pub(crate) run: Option<String>,
    /// Trust store in OpenSSH's allowed_signers form [default: this user's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Further revoked keys: a list of public keys or a KRL; this user's own list always counts
    #[arg(long, value_name = "FILE")]
    pub(crate) revoked: Option<PathBuf>,
    /// Heads somebody kept: a syslog, a countersignature, any text with `runbook head` lines; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Vec<PathBuf>,
    /// An attestation of this run; its files must be what was attested
    #[arg(long, value_name = "FILE")]
    pub(crate) attestation: Vec<PathBuf>,
    /// Certificates of time stamp authorities (PEM); there must be a good time stamp then
    #[arg(long, value_name = "FILE")]
    pub(crate) tsa_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "More: docs/keys.md")]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: Option<KeysCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeysCommand {
    /// Show the key that signs runs here (made on first use) and whose keys are trusted; what `keys` alone does
    Show,
    /// Sign with another key: a file, or a .pub whose other half is in ssh-agent or on a security key
    Use(UseArgs),
    /// Trust a person's public key
    Trust(TrustArgs),
    /// Never trust a key again, whatever it signed and whenever
    Revoke(RevokeArgs),
    /// Replace the key runbook made by a new one; what the old one signed stays good
    Rotate,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UseArgs {
    /// Key file in OpenSSH's form
    #[arg(required_unless_present = "own", value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Back to the key runbook made
    #[arg(long, conflicts_with = "path")]
    pub(crate) own: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TrustArgs {
    /// Whose key it is, for example ana@example.com
    pub(crate) name: String,
    /// File with the public key
    #[arg(value_name = "KEYFILE")]
    pub(crate) file: PathBuf,
    /// What the key may sign: runs, approvals of other people's runs, or both
    #[arg(long, value_enum, default_value_t = Role::Operator)]
    pub(crate) role: Role,
    /// From when on, UTC: YYYYMMDD or YYYYMMDDhhmm[ss]
    #[arg(long, value_name = "TIME")]
    pub(crate) valid_after: Option<String>,
    /// Until when, UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) valid_before: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Runs
    Operator,
    /// Approvals of other people's runs
    Approver,
    /// Runs and approvals, never of one's own run
    Both,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RevokeArgs {
    /// File with the key, or the SHA256:... fingerprint of a key that is trusted here
    #[arg(value_name = "KEYFILE|FINGERPRINT")]
    pub(crate) key: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CountersignArgs {
    /// Run id, the beginning of one, or a run directory
    pub(crate) run: String,
    /// What you have to say about it, in one line
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Keep it in this file instead of beside the log; `verify --heads FILE` takes it
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    /// Trust store in OpenSSH's allowed_signers form [default: this user's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AttestArgs {
    /// Run id or the beginning of one
    pub(crate) run: String,
    /// Where to [default: standard output]
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TimestampArgs {
    /// Run id, the beginning of one, or a run directory
    pub(crate) run: String,
    /// The authority (RFC 3161 over HTTP)
    #[arg(long, value_name = "URL")]
    pub(crate) tsa: String,
}
