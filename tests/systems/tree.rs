//! The shipped runbooks with one more step before every step: a place to switch a fault on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A copy of the shipped runbooks in which `HOOK` runs before every step; `RUNBOOK_STEP` tells it where it is.
pub(crate) fn hooked(dir: &Path, hook: &Path) -> PathBuf {
    let tree = dir.join("runbooks");
    for sub in ["", "lib", "targets"] {
        let (from, to) = (crate::run::shipped().join(sub), tree.join(sub));
        fs::create_dir_all(&to).expect("a directory");
        for entry in fs::read_dir(from).expect("the shipped runbooks").flatten() {
            if let Ok(text) = fs::read_to_string(entry.path()) {
                fs::write(to.join(entry.file_name()), with_hooks(&text, hook)).expect("written");
            }
        }
    }
    tree
}

/// Puts an executable file there.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
}

/// The id of the hook's step is that of the step it stands before, with this in front.
pub(crate) const AT: &str = "at_";

fn with_hooks(text: &str, hook: &Path) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        if let Some(id) = line.trim_start().strip_prefix("- id: ").filter(|_| is_step(&lines[..number], line)) {
            let (indent, hook) = (&line[..line.len() - line.trim_start().len()], hook.display());
            out += &format!("{indent}- id: {AT}{id}\n{indent}  exec: [{hook}]\n{indent}  effect: read\n\n");
        }
        out += line;
        out.push('\n');
    }
    out
}

/// Phases have ids too; what makes a step is the list it stands in.
fn is_step(before: &[&str], line: &str) -> bool {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let list = before.iter().rev().find(|l| !l.trim().is_empty() && depth(l) < depth(line));
    list.is_some_and(|l| matches!(l.trim(), "steps:" | "always:"))
}

#[test]
fn hooks_stand_before_steps_and_not_before_phases() {
    let text = "phases:\n  - id: one\n    steps:\n      - id: two\n        wait: 1s\nalways:\n  - id: three\n";
    let hooked = with_hooks(text, Path::new("/hook"));
    assert!(
        hooked.contains("      - id: at_two\n        exec: [/hook]\n        effect: read\n\n      - id: two\n"),
        "{hooked}"
    );
    assert!(hooked.contains("  - id: at_three\n") && !hooked.contains("at_one"), "{hooked}");
}
