//! Secrets stand whole in `env`, `stdin`, `secret_files`, in a header, or in a secret input of another runbook; nowhere
//! else.

use crate::check::facts::Facts;
use crate::check::included::Included;
use crate::check::uses::{Role, Use};
use crate::runbook::model::{InputKind, Kind, Runbook};
use crate::text::{Code, Diagnostic};

pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for usage in &facts.uses {
        let whole = usage.role == Role::Carrier && is_whole(&usage.text.value);
        for read in &usage.refs {
            let Some(name) = secret(facts.runbook, &read.path).filter(|_| !whole && !read.tested) else { continue };
            let message = match usage.role {
                Role::Carrier => format!("the secret `{name}` must be the whole value"),
                _ => format!("the secret `{name}` may not stand in `{}`", usage.key),
            };
            let problem = Diagnostic::error(Code::SECRET_PLACE, message, usage.place(read));
            found.push(problem.help(advice(usage, name)));
        }
    }
    for (block, step) in facts.steps() {
        if let (Kind::Run(run), Some(Included::Sound(book))) = (&step.kind, facts.included.get(&block)) {
            for (name, text) in &run.inputs {
                let given = facts.uses.iter().find(|u| u.block == block && std::ptr::eq(u.text, text));
                let secret = given.and_then(|u| u.refs.iter().find_map(|r| secret(facts.runbook, &r.path)));
                let declared = book.inputs.iter().find(|i| i.name == *name);
                if let (Some(secret), Some(declared)) = (secret, declared.filter(|d| d.kind != InputKind::Secret)) {
                    let message = format!("the secret `{secret}` is given to an input that is not a secret");
                    let problem = Diagnostic::error(Code::SECRET_PLACE, message, text.place.clone());
                    found.push(problem.also(declared.place.clone(), "declare it with `type: secret`"));
                }
            }
        }
    }
}

pub(super) fn secret<'p>(book: &Runbook, path: &'p [String]) -> Option<&'p str> {
    let [root, name, ..] = path else { return None };
    let is_secret = |i: &&crate::runbook::model::Input| i.name == *name && i.kind == InputKind::Secret;
    (root == "inputs" && book.inputs.iter().any(|i| is_secret(&i))).then_some(name)
}

/// Whether a template is one hole and nothing else.
pub(super) fn is_whole(value: &str) -> bool {
    let inner = value.strip_prefix("{{").and_then(|v| v.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.'))
}

fn advice(usage: &Use<'_>, name: &str) -> String {
    let variable = name.to_ascii_uppercase();
    match usage.role {
        Role::Script => {
            format!("write `env: {{ {variable}: \"{{{{ inputs.{name} }}}}\" }}` and \"${variable}\" in the script")
        }
        Role::Carrier => format!("keep the fixed part in the secret itself: `\"{{{{ inputs.{name} }}}}\"`"),
        _ => {
            format!("give it to a process through `env:`, as `{variable}: \"{{{{ inputs.{name} }}}}\"`, or to a header")
        }
    }
}
