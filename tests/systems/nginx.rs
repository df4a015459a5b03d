//! nginx in front of two processes.
