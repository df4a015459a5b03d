//! Whether to use colours. One order: flag, RUNBOOK_COLOR, NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, the terminal.

/// What was said about colours, as read from the command line and the environment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said<'a> {
    /// `--color`: true always, false never, none when it was not given or is `auto`.
    pub(super) flag: Option<bool>,
    /// `RUNBOOK_COLOR`: always, never or auto.
    pub(super) runbook_color: Option<&'a str>,
    /// `NO_COLOR`
    pub(super) no_color: Option<&'a str>,
    /// `FORCE_COLOR`
    pub(super) force_color: Option<&'a str>,
    /// `CLICOLOR_FORCE`
    pub(super) clicolor_force: Option<&'a str>,
    /// `TERM`
    pub(super) term: Option<&'a str>,
    /// Whether the stream is a terminal.
    pub(super) is_terminal: bool,
}

/// Whether to use colours.
pub(super) fn colors(said: Said<'_>) -> bool {
    let on = |value: Option<&str>| value.is_some_and(|v| !v.is_empty() && v != "0");
    if let Some(flag) = said.flag {
        return flag;
    }
    match said.runbook_color {
        Some("always") => return true,
        Some("never") => return false,
        _ => {}
    }
    if said.no_color.is_some_and(|v| !v.is_empty()) {
        return false;
    }
    if on(said.force_color) || on(said.clicolor_force) {
        return true;
    }
    said.is_terminal && said.term != Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_flag_then_our_variable_then_no_color_then_force_then_the_terminal() {
        let nothing = Said::default();
        let tty = Said { is_terminal: true, ..nothing };
        let table = [
            ("nothing, no terminal", nothing, false),
            ("nothing, a terminal", tty, true),
            ("a dumb terminal", Said { term: Some("dumb"), ..tty }, false),
            ("force without terminal", Said { force_color: Some("1"), ..nothing }, true),
            ("clicolor force without terminal", Said { clicolor_force: Some("1"), ..nothing }, true),
            ("force 0 says nothing", Said { force_color: Some("0"), ..nothing }, false),
            ("no_color beats force", Said { no_color: Some("1"), force_color: Some("1"), ..tty }, false),
            ("an empty no_color says nothing", Said { no_color: Some(""), ..tty }, true),
            ("ours beats no_color", Said { runbook_color: Some("always"), no_color: Some("1"), ..nothing }, true),
            ("ours beats force", Said { runbook_color: Some("never"), force_color: Some("1"), ..tty }, false),
            ("ours set to auto says nothing", Said { runbook_color: Some("auto"), no_color: Some("1"), ..tty }, false),
            ("the flag beats ours", Said { flag: Some(false), runbook_color: Some("always"), ..tty }, false),
            ("the flag beats all", Said { flag: Some(true), no_color: Some("1"), ..nothing }, true),
            ("force beats a dumb terminal", Said { term: Some("dumb"), force_color: Some("1"), ..tty }, true),
        ];
        for (case, said, wanted) in table {
            assert_eq!(colors(said), wanted, "{case}");
        }
    }
}
