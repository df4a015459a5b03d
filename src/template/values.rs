//! Between JSON and the engine's values; how values become text; what a secret is inside an expression.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, Value, ValueKind};
use serde_json::{Map, Number, Value as Json};

use super::context::{is_secret, secret};
use super::error::{Complaint, ErrorKind};

/// Largest whole float that is still exact as an integer.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Deepest nesting of a result.
const MAX_DEPTH: usize = 128;

/// A secret inside an expression: it can be passed on and nothing else. Any other use raises `touched`.
#[derive(Debug)]
pub(crate) struct Secret {
    pub(crate) name: String,
    touched: Arc<AtomicBool>,
}

impl Secret {
    fn touch(&self) {
        self.touched.store(true, Memory::Relaxed);
    }
}

impl Object for Secret {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        self.touch();
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.touch();
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.touch();
        false
    }

    fn custom_cmp(self: &Arc<Self>, _other: &DynObject) -> Option<Ordering> {
        self.touch();
        None
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.touch();
        f.write_str("<secret>")
    }
}

/// The marker of `| raw`: text that becomes script text.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) String);

impl Object for Raw {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A map that keeps the order of its keys.
#[derive(Debug)]
struct Ordered(Vec<(String, Value)>);

impl Object for Ordered {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(name.as_str())).collect())
    }
}

/// JSON to the engine's value; `touched` is raised when a secret in it is used.
pub(crate) fn from_json(json: &Json, touched: &Arc<AtomicBool>) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => from_number(n),
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => items.iter().map(|v| from_json(v, touched)).collect(),
        Json::Object(map) => match is_secret(json) {
            Some(name) => Value::from_object(Secret { name: name.into(), touched: touched.clone() }),
            None => Value::from_object(Ordered(map.iter().map(|(k, v)| (k.clone(), from_json(v, touched))).collect())),
        },
    }
}

fn from_number(number: &Number) -> Value {
    match (number.as_i64(), number.as_u64()) {
        (Some(i), _) => Value::from(i),
        (None, Some(u)) => Value::from(u),
        // A JSON number that is neither is a float.
        (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// The engine's value to JSON; secrets become their `{"$secret": name}` form again.
pub(crate) fn to_json(value: &Value) -> Result<Json, Complaint> {
    to_json_at(value, 0)
}

fn to_json_at(value: &Value, depth: usize) -> Result<Json, Complaint> {
    if depth > MAX_DEPTH {
        return Err(Complaint::new(ErrorKind::Limit, "the value is nested too deeply"));
    }
    if let Some(found) = value.downcast_object_ref::<Secret>() {
        return Ok(secret(&found.name));
    }
    refuse_raw(value)?;
    match value.kind() {
        ValueKind::Undefined => Err(undefined()),
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value).map(Json::Number),
        ValueKind::String => Ok(Json::String(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|e| other(&e))?;
            items.map(|v| to_json_at(&checked(v)?, depth + 1)).collect::<Result<Vec<_>, _>>().map(Json::Array)
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter().map_err(|e| other(&e))? {
                let key = checked(key)?;
                let item = value.get_item(&key).map_err(|e| other(&e))?;
                map.insert(text(&key)?, to_json_at(&item, depth + 1)?);
            }
            Ok(Json::Object(map))
        }
        _ => Err(Complaint::new(ErrorKind::Type, "the expression is not a plain value")),
    }
}

/// Items of the engine's own lists may stand for errors found while making them.
fn checked(value: Value) -> Result<Value, Complaint> {
    match value.kind() {
        ValueKind::Invalid => Err(Complaint::new(ErrorKind::Other, value.to_string())),
        _ => Ok(value),
    }
}

/// A finite JSON number; a whole float is an integer, so that `4 / 2` is `2`.
fn number(value: &Value) -> Result<Number, Complaint> {
    if value.is_integer() {
        let signed = i64::try_from(value.clone()).ok().map(Number::from);
        let number = signed.or_else(|| u64::try_from(value.clone()).ok().map(Number::from));
        return number.ok_or_else(|| Complaint::new(ErrorKind::Limit, "the number does not fit into 64 bits"));
    }
    let float = f64::try_from(value.clone()).map_err(|e| other(&e))?;
    if float.fract() == 0.0 && float.abs() < EXACT {
        return Ok(Number::from(float as i64));
    }
    Number::from_f64(float).ok_or_else(|| Complaint::new(ErrorKind::Type, "the number is not finite"))
}

/// The text of a scalar. Null, lists, maps, secrets and undefined values have none.
pub(crate) fn text(value: &Value) -> Result<String, Complaint> {
    refuse_secret(value)?;
    refuse_raw(value)?;
    let complaint = |message: &str, help: &str| Err(Complaint::new(ErrorKind::Type, message).help(help));
    match value.kind() {
        ValueKind::Undefined => Err(undefined()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bool => Ok(value.is_true().to_string()),
        ValueKind::Number => number(value).map(|n| n.to_string()),
        ValueKind::None => complaint("null has no text", "give it a value, or ask first: `x if x is not none else ''`"),
        ValueKind::Seq | ValueKind::Iterable => {
            complaint("a list has no text of its own", "use `| join(' ')` or `| tojson`")
        }
        ValueKind::Map => complaint("a map has no text of its own", "use one of its keys, or `| tojson`"),
        _ => complaint("this value has no text", "use a string or a number"),
    }
}

/// An error for the value of a secret.
pub(crate) fn refuse_secret(value: &Value) -> Result<(), Complaint> {
    match value.downcast_object_ref::<Secret>() {
        Some(found) => Err(Complaint::secret(&found.name)),
        None => Ok(()),
    }
}

fn refuse_raw(value: &Value) -> Result<(), Complaint> {
    match value.downcast_object_ref::<Raw>() {
        Some(_) => Err(Complaint::new(ErrorKind::Type, "`| raw` must be the last filter")),
        None => Ok(()),
    }
}

pub(crate) fn undefined() -> Complaint {
    Complaint::new(ErrorKind::Undefined, "this value is undefined")
}

pub(crate) fn other(error: &minijinja::Error) -> Complaint {
    Complaint::new(ErrorKind::Other, error.detail().map_or_else(|| error.to_string(), str::to_owned))
}

/// The type of a value in the words of this language.
pub(crate) fn type_name(value: &Value) -> &'static str {
    if value.downcast_object_ref::<Secret>().is_some() {
        return "a secret";
    }
    match value.kind() {
        ValueKind::Undefined => "undefined",
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a map",
        _ => "another kind of value",
    }
}
