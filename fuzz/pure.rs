//! The pure half of the tool, compiled by itself. That this builds also shows that nothing in it needs the other half.

#![allow(dead_code, reason = "some of it is there for the other half")]

#[path = "../src/text/mod.rs"]
pub mod text;

#[path = "../src/decide/mod.rs"]
pub mod decide;

#[path = "../src/inspect/mod.rs"]
pub mod inspect;

#[path = "../src/runbook/mod.rs"]
pub mod runbook;

#[path = "../src/template/mod.rs"]
pub mod template;

#[path = "../src/policy/mod.rs"]
pub mod policy;

#[path = "../src/check/mod.rs"]
pub mod check;

#[path = "../src/plan/mod.rs"]
pub mod plan;

#[path = "../src/machine/mod.rs"]
pub mod machine;

#[path = "../src/log/mod.rs"]
pub mod log;

#[path = "../src/report/mod.rs"]
pub mod report;
