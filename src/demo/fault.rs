//! What can be made to go wrong, for whom, and which versions bring it along.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

use super::colour::Colour;
use super::state::INITIAL_VERSION;

/// A fault of an app or of the balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Fault {
    /// Every 20th request is answered 500.
    #[value(name = "err5")]
    Err5,
    /// 3 of every 50 requests are answered 500.
    #[value(name = "err6")]
    Err6,
    /// Every 2nd request is answered 500.
    #[value(name = "err50")]
    Err50,
    /// Every 20th request is answered 500 while more than 40 requests arrive in a second.
    ErrLoad,
    /// Every 10th request takes 3 s longer.
    Slow,
    /// Every answer takes 3 s longer, health checks included.
    Slowall,
    /// The app exits at once when it is started.
    Crash,
    /// The app exits some seconds after its start, or after this is switched on.
    Latecrash,
    /// The app is ready, but degraded.
    Degraded,
    /// The app never becomes ready.
    Neverready,
    /// Every 2nd readiness check fails.
    FlakyReady,
    /// The app reports version v1.0.0, whatever it is.
    LiesAboutVersion,
    /// The app reports the identity of the other colour.
    WrongColor,
    /// The database check takes 80 ms.
    Slowdb,
    /// The app ignores a graceful stop and holds 7 connections until it is killed.
    Stuck,
    /// The demo's memory grows by 200 MB a minute, up to 256 MB.
    Leak,
    /// The app writes an ERROR line per request, although the request succeeds.
    Noisy,
    /// The balancer accepts the file on `check` and fails on `reload`.
    BalReloadFails,
    /// The balancer's file is read-only and cannot be opened by the balancer.
    BalConfUnwritable,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// The fault acts from now on.
    On,
    /// The fault stops acting, unless the version brings it along.
    Off,
}

/// Whose fault it is. Faults of the balancer have no colour and ignore this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FaultTarget {
    /// The blue app.
    Blue,
    /// The green app.
    Green,
    /// Both apps.
    All,
}

impl Fault {
    /// The name used on the command line and over the control port.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it does, in one sentence.
    pub fn meaning(self) -> String {
        self.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    /// Whether it is the balancer's.
    pub fn is_of_balancer(self) -> bool {
        matches!(self, Fault::BalReloadFails | Fault::BalConfUnwritable)
    }

    pub(super) fn parse(name: &str) -> Option<Fault> {
        Fault::from_str(name, false).ok()
    }

    /// The fault that a version brings along: what follows its first dash, as in `v1.1.3-crash`.
    pub(super) fn implied_by(version: &str) -> Option<Fault> {
        match version.split_once('-')?.1 {
            "lies" => Some(Fault::LiesAboutVersion),
            suffix => Fault::parse(suffix).filter(|fault| !fault.is_of_balancer()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Switch {
    pub(super) fn is_on(self) -> bool {
        self == Switch::On
    }
}

impl FaultTarget {
    /// The colours meant.
    pub fn colours(self) -> &'static [Colour] {
        match self {
            FaultTarget::Blue => &[Colour::Blue],
            FaultTarget::Green => &[Colour::Green],
            FaultTarget::All => &Colour::ALL,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            FaultTarget::Blue => "blue",
            FaultTarget::Green => "green",
            FaultTarget::All => "all",
        }
    }
}

/// Which faults are switched on; versions add theirs.
#[derive(Debug)]
pub(super) struct Switchboard {
    apps: BTreeSet<(Colour, Fault)>,
    balancer: BTreeSet<Fault>,
    latecrash_after: Duration,
}

/// How long an app with `latecrash` lives unless told otherwise.
pub(super) const LATECRASH_AFTER: Duration = Duration::from_secs(20);

impl Switchboard {
    pub(super) fn new() -> Switchboard {
        Switchboard { apps: BTreeSet::new(), balancer: BTreeSet::new(), latecrash_after: LATECRASH_AFTER }
    }

    pub(super) fn switch(&mut self, fault: Fault, target: FaultTarget, to: Switch) {
        if fault.is_of_balancer() {
            turn(&mut self.balancer, fault, to);
        } else {
            for &colour in target.colours() {
                turn(&mut self.apps, (colour, fault), to);
            }
        }
    }

    pub(super) fn set_latecrash_after(&mut self, after: Duration) {
        self.latecrash_after = after;
    }

    pub(super) fn latecrash_after(&self) -> Duration {
        self.latecrash_after
    }

    /// Whether an app of this colour and version suffers from `fault`.
    pub(super) fn hits(&self, colour: Colour, version: &str, fault: Fault) -> bool {
        self.apps.contains(&(colour, fault)) || Fault::implied_by(version) == Some(fault)
    }

    pub(super) fn hits_balancer(&self, fault: Fault) -> bool {
        self.balancer.contains(&fault)
    }

    /// The version an app reports.
    pub(super) fn reported_version<'a>(&self, colour: Colour, version: &'a str) -> &'a str {
        if self.hits(colour, version, Fault::LiesAboutVersion) { INITIAL_VERSION } else { version }
    }

    /// The colour an app reports.
    pub(super) fn reported_colour(&self, colour: Colour, version: &str) -> Colour {
        if self.hits(colour, version, Fault::WrongColor) { colour.other() } else { colour }
    }

    /// Everything that acts on an app, switched on or brought along.
    pub(super) fn of_app(&self, colour: Colour, version: &str) -> Vec<String> {
        let hits = |fault: &&Fault| self.hits(colour, version, **fault);
        Fault::value_variants().iter().filter(hits).map(|fault| fault.name()).collect()
    }

    pub(super) fn of_balancer(&self) -> Vec<String> {
        self.balancer.iter().map(|fault| fault.name()).collect()
    }
}

fn turn<T: Ord>(set: &mut BTreeSet<T>, item: T, to: Switch) {
    match to {
        Switch::On => set.insert(item),
        Switch::Off => set.remove(&item),
    };
}

/// The releases a fresh demo knows about. Any well-formed version can be started all the same.
pub(super) const RELEASES: [(&str, &str); 16] = [
    (INITIAL_VERSION, "good; what a fresh demo runs"),
    ("v1.1.0", "good"),
    ("v1.1.1-err5", "5% of requests answered 500"),
    ("v1.1.2-slow", "10% of answers 3 s late"),
    ("v1.1.3-crash", "exits at start"),
    ("v1.1.4-latecrash", "exits 20 s after start"),
    ("v1.1.5-leak", "memory grows by 200 MB a minute, up to 256 MB"),
    ("v1.1.8-stuck", "ignores a graceful stop and holds 7 connections"),
    ("v1.1.9-degraded", "ready, but degraded"),
    ("v1.1.10-slowdb", "database check takes 80 ms"),
    ("v1.1.11-noisy", "ERROR lines without failing requests"),
    ("v1.1.12-err-load", "5% errors above 40 requests/s only"),
    ("v1.1.13-lies", "reports version v1.0.0"),
    ("v1.1.14-flaky-ready", "every second readiness check fails"),
    ("v1.1.15-neverready", "never becomes ready"),
    ("v1.1.16-wrong-color", "reports the other colour's identity"),
];

/// `v1.2.3`, `1.2.3` and either with a suffix such as `-crash`.
pub(super) fn is_version(text: &str) -> bool {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let (numbers, suffix) = bare.split_once('-').unwrap_or((bare, "none"));
    let is_number = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    let is_suffix_byte = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && (1..=40).contains(&suffix.len())
        && suffix.bytes().all(is_suffix_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_that_names_a_fault_brings_it_along() {
        for (version, _) in RELEASES {
            assert!(is_version(version), "{version}");
            assert_eq!(Fault::implied_by(version).is_some(), version.contains('-'), "{version}");
        }
        assert_eq!(Fault::implied_by("v1.2.0-addcol"), None, "an unknown suffix is just a name");
        assert_eq!(Fault::implied_by("v1.2.0-bal-reload-fails"), None, "an app cannot break the balancer");
    }

    #[test]
    fn every_fault_says_what_it_does() {
        for fault in Fault::value_variants() {
            assert_eq!(Fault::parse(&fault.name()), Some(*fault));
            assert!(fault.meaning().len() > 10, "{fault}");
        }
    }

    #[test]
    fn a_version_is_three_numbers_and_perhaps_a_suffix() {
        for good in ["v1.0.0", "1.2.3", "v1.1.12-err-load", "v2.0.0-rc.1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "v", "v1.0", "1.2.3.4", "v1.x.0", "v1.0.0-", "v1.0.0 ", "v1.0.0-a/b", "latest"] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn switching_off_leaves_what_the_version_brings_along() {
        let mut board = Switchboard::new();
        board.switch(Fault::Degraded, FaultTarget::All, Switch::On);
        board.switch(Fault::Degraded, FaultTarget::Green, Switch::Off);
        assert!(board.hits(Colour::Blue, "v1.0.0", Fault::Degraded));
        assert!(!board.hits(Colour::Green, "v1.0.0", Fault::Degraded));
        assert!(board.hits(Colour::Green, "v1.1.9-degraded", Fault::Degraded));
    }
}
