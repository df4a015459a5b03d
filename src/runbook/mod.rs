//! Runbook documents.

pub mod model;
