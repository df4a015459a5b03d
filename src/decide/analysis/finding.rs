//! What the analysis of a table finds, each with values at which it can be seen.

use std::fmt;

/// Something about a table that its author should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// How much it matters.
    pub weight: Weight,
    /// The rows it is about, counted from 0; the one to mark first.
    pub rows: Vec<usize>,
    /// The condition of the first row, counted from 0, where it is about one.
    pub condition: Option<usize>,
    /// The metric it is about, where it is about one.
    pub metric: Option<String>,
    /// What is the matter, for people.
    pub message: String,
    /// Values at which it can be seen.
    pub witness: Vec<Witness>,
}

/// What is the matter with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// Values that no row covers: `otherwise` decides.
    Gap,
    /// Two rows with different actions hold at once; the more severe one counts.
    Overlap,
    /// A row that no values satisfy.
    NeverFires,
    /// A row that never decides, because others decide wherever it holds.
    Shadowed,
    /// A limit at or above the last finite bucket of a quantile: above it nothing is known.
    BeyondBuckets,
    /// A plain number above 1 as the limit of a share.
    PercentMissing,
    /// A table, or all rows of some metrics, that let every value pass.
    CannotFail,
    /// A condition that every value satisfies.
    AlwaysTrue,
    /// Values at which only rows hold that must hold for some time: until then nothing is decided.
    OnlyPending,
    /// `min_samples` is too small to tell a limit from noise.
    TooFewSamples,
    /// A share or a quantile is judged, and nothing says how many observations it takes.
    NoMinSamples,
    /// `min_samples` asks for observations that nobody counts.
    NothingCounted,
    /// A rate per second is compared with percent.
    RateAsShare,
    /// A metric is judged as a share, and nothing says that it is one.
    UnsaidShare,
    /// A table that always ends at its first look, since a metric cannot have a value then.
    EndsAtOnce,
    /// A row that takes longer, or more samples, than there are.
    OutOfTime,
    /// A row that another one decides before, each time: that one takes less time and holds wherever this one does.
    Outrun,
    /// The table has too many combinations to look at all of them.
    TooLarge,
}

/// How much a finding matters. The order is from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Worth knowing; often meant so.
    Note,
    /// Likely a mistake.
    Warning,
    /// The table does not do what it says.
    Error,
}

/// One value of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The metric.
    pub metric: String,
    /// What of it: empty for its value, otherwise `slope over 3m`, `against the baseline` and the like.
    pub aspect: String,
    /// The value, as people write it.
    pub value: String,
    /// The same as a number in the base unit; a multiple of the other value where it is relative. None for texts.
    pub number: Option<f64>,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, weight: Weight, message: String) -> Finding {
        Finding { kind, weight, rows: Vec::new(), condition: None, metric: None, message, witness: Vec::new() }
    }

    pub(super) fn rows(self, rows: Vec<usize>) -> Finding {
        Finding { rows, ..self }
    }

    pub(super) fn metric(self, metric: &str) -> Finding {
        Finding { metric: Some(metric.into()), ..self }
    }

    pub(super) fn condition(self, condition: usize) -> Finding {
        Finding { condition: Some(condition), ..self }
    }

    pub(super) fn seen_at(self, witness: Vec<Witness>) -> Finding {
        Finding { witness, ..self }
    }

    /// The values at which it can be seen, as one phrase: `error_ratio = 3%, p95 = 1s`.
    pub fn example(&self) -> String {
        self.witness.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aspect.as_str() {
            "" => write!(f, "{} = {}", self.metric, self.value),
            aspect => write!(f, "{} {aspect} = {}", self.metric, self.value),
        }
    }
}
