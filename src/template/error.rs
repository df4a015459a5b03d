//! What can be wrong with a template, said with the bytes of the template it is about.

use std::fmt;
use std::ops::Range;

/// The family of a template error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The template or expression cannot be read.
    Syntax,
    /// A name or attribute does not exist.
    Undefined,
    /// A value has the wrong type for what is done with it.
    Type,
    /// A secret stands where its value would be shown, copied or computed with.
    Secret,
    /// A value stands in a script where no form of reference is safe.
    Place,
    /// Too large, too long or too deep.
    Limit,
    /// Anything else.
    Other,
}

/// An error in a template: what is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// The family of the error.
    pub kind: ErrorKind,
    /// What is wrong; lower case, no trailing period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The offending bytes of the template source.
    pub range: Range<usize>,
}

impl EvalError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, range: Range<usize>) -> EvalError {
        EvalError { kind, message: message.into(), help: None, range }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> EvalError {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn shifted(mut self, by: usize) -> EvalError {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for EvalError {}

/// A complaint about a value, made where the place in the source is not known yet; it travels through the engine as the
/// source of its error. `site` is an index into the sites of the rewritten template.
#[derive(Debug, Clone)]
pub(crate) struct Complaint {
    pub(crate) site: Option<usize>,
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Complaint {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Complaint {
        Complaint { site: None, kind, message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Complaint {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn at(mut self, site: usize) -> Complaint {
        self.site = Some(site);
        self
    }

    pub(crate) fn secret(name: &str) -> Complaint {
        Complaint::new(ErrorKind::Secret, format!("the secret `{name}` may not be used here")).help(SECRET_ADVICE)
    }
}

/// What to do with a secret instead.
pub(crate) const SECRET_ADVICE: &str = "a secret may only be given to a step through `env:` or a secret file";

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}

impl From<Complaint> for minijinja::Error {
    fn from(complaint: Complaint) -> minijinja::Error {
        let kind = match complaint.kind {
            ErrorKind::Undefined => minijinja::ErrorKind::UndefinedError,
            _ => minijinja::ErrorKind::InvalidOperation,
        };
        minijinja::Error::new(kind, complaint.message.clone()).with_source(complaint)
    }
}
