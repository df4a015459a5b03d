//! The names an expression can see.

use serde_json::{Map, Value};

/// The roots in scope (`inputs`, `vars`, `target`, `steps`, `run`, `stdout` ...) and their values.
#[derive(Debug, Clone, Default)]
pub struct Context {
    roots: Map<String, Value>,
}

impl Context {
    /// A context without any names.
    pub fn new() -> Context {
        Context::default()
    }

    /// Gives `name` a value, replacing an earlier one.
    pub fn set(&mut self, name: impl Into<String>, value: Value) -> &mut Context {
        self.roots.insert(name.into(), value);
        self
    }

    /// The value of the root `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.roots.get(name)
    }

    /// The names of all roots.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.roots.keys().map(String::as_str)
    }

    /// Follows a path as far as it goes: the number of segments found and the value there.
    pub(crate) fn follow(&self, path: &[String]) -> (usize, Option<&Value>) {
        let Some(mut value) = path.first().and_then(|root| self.roots.get(root)) else { return (0, None) };
        for (depth, segment) in path.iter().enumerate().skip(1) {
            let next = match value {
                _ if is_secret(value).is_some() => None,
                Value::Object(map) => map.get(segment),
                Value::Array(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match next {
                Some(found) => value = found,
                None => return (depth, Some(value)),
            }
        }
        (path.len(), Some(value))
    }
}

/// How a secret is written in data: `{"$secret": "name"}`. The value itself is never in a context.
pub fn secret(name: &str) -> Value {
    let mut map = Map::new();
    map.insert("$secret".into(), Value::String(name.into()));
    Value::Object(map)
}

/// The name of the secret if `value` is one.
pub fn is_secret(value: &Value) -> Option<&str> {
    match value {
        Value::Object(map) if map.len() == 1 => map.get("$secret")?.as_str(),
        _ => None,
    }
}
