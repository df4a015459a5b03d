//! The two colours.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two places an app can run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Serves first in a fresh demo.
    Blue,
    /// Idle in a fresh demo.
    Green,
}

impl Colour {
    /// Both, blue first.
    pub const ALL: [Colour; 2] = [Colour::Blue, Colour::Green];

    /// `blue` or `green`.
    pub fn name(self) -> &'static str {
        match self {
            Colour::Blue => "blue",
            Colour::Green => "green",
        }
    }

    /// The colour that is not this one.
    pub fn other(self) -> Colour {
        match self {
            Colour::Blue => Colour::Green,
            Colour::Green => Colour::Blue,
        }
    }

    /// The colour of that name, if there is one.
    pub fn parse(name: &str) -> Option<Colour> {
        Colour::ALL.into_iter().find(|colour| colour.name() == name)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
