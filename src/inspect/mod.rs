//! What files, process environments and changes say: bytes somebody else read become facts.
//!
//! It knows neither the language nor the machine, and it touches nothing.

pub mod diff;
pub mod dotenv;
pub mod git;
pub mod glob;
pub mod projects;
pub mod secrets;
