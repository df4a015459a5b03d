//! Variables that make other programs start something, and search paths.

use super::word::UNKNOWN;

/// Variables whose value a shell or the loader runs.
pub(super) fn runs_its_value(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "BASH_ENV",
        "ENV",
        "PROMPT_COMMAND",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "PS0",
        "PS4",
        "BASH_ALIASES",
        "BASH_CMDS",
        "PERL5OPT",
        "RUBYOPT",
        "NODE_OPTIONS",
    ];
    NAMES.contains(&name) || name.starts_with("BASH_FUNC_")
}

/// Variables whose value is a command that other programs start.
pub(super) fn starts_its_value(name: &str) -> bool {
    const ENDS: [&str; 7] = ["PAGER", "EDITOR", "VISUAL", "_ASKPASS", "_SSH_COMMAND", "_RSH", "BROWSER"];
    ENDS.iter().any(|end| name.ends_with(end))
        || matches!(name, "GIT_SSH" | "GIT_EXTERNAL_DIFF" | "LESSOPEN" | "LESSCLOSE")
}

/// Whether only programs of the system are found there: its directories, and what was there before.
pub(super) fn is_a_path_of_the_system(value: &str, raw: &str) -> bool {
    let before = raw.contains("$PATH") || raw.contains("${PATH}");
    value.split(':').all(|entry| match entry {
        _ if entry.starts_with(UNKNOWN) && entry.chars().count() == 1 => before,
        _ => super::is_of_the_system(&format!("{}/x", entry.trim_end_matches('/'))),
    })
}
