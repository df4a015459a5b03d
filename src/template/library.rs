//! The filters, tests, functions and constants of the language. Nothing is there that is not listed here.

use minijinja::value::Value;
use minijinja::{Environment, Error, filters, functions, tests};

use super::compare;
use super::error::{Complaint, ErrorKind};
use super::values::{self, Raw, type_name};

/// Bytes for sizes, seconds for durations.
pub(crate) const CONSTANTS: [(&str, f64); 7] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// All filters by name.
pub(crate) const FILTERS: [&str; 38] = [
    "abs",
    "capitalize",
    "count",
    "default",
    "duration",
    "first",
    "float",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "size",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
];

/// All tests by name.
pub(crate) const TESTS: [&str; 23] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "undefined",
];

/// All functions by name.
pub(crate) const FUNCTIONS: [&str; 1] = ["range"];

/// Adds the whole library to an empty environment. `| raw` works only where `in_script`.
pub(crate) fn install(env: &mut Environment<'_>, in_script: bool) {
    for (name, value) in CONSTANTS {
        env.add_global(name, if value >= 1.0 { Value::from(value as i64) } else { Value::from(value) });
    }
    env.add_function("range", functions::range);
    install_engine_filters(env);
    install_engine_tests(env);
    install_own_tests(env);
    env.add_filter("join", join);
    env.add_filter("tojson", tojson);
    env.add_filter("string", |value: Value| Ok::<_, Error>(values::text(&value)?));
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("duration", duration);
    env.add_filter("size", size);
    env.add_filter("min", |list: Value| extreme(&list, |found, item| compare::order(item, found).map(|o| o.is_lt())));
    env.add_filter("max", |list: Value| extreme(&list, |found, item| compare::order(item, found).map(|o| o.is_gt())));
    env.add_filter("sort", sort);
    env.add_filter("raw", move |value: Value| raw(&value, in_script));
}

fn install_engine_filters(env: &mut Environment<'_>) {
    env.add_filter("lower", filters::lower);
    env.add_filter("upper", filters::upper);
    env.add_filter("title", filters::title);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("replace", filters::replace);
    env.add_filter("trim", filters::trim);
    env.add_filter("split", filters::split);
    env.add_filter("lines", filters::lines);
    env.add_filter("indent", filters::indent);
    env.add_filter("length", filters::length);
    env.add_filter("count", filters::length);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("reverse", filters::reverse);
    env.add_filter("items", filters::items);
    env.add_filter("list", filters::list);
    env.add_filter("unique", filters::unique);
    env.add_filter("sum", filters::sum);
    env.add_filter("map", filters::map);
    env.add_filter("select", filters::select);
    env.add_filter("reject", filters::reject);
    env.add_filter("selectattr", filters::selectattr);
    env.add_filter("rejectattr", filters::rejectattr);
    env.add_filter("default", filters::default);
    env.add_filter("round", filters::round);
    env.add_filter("abs", filters::abs);
    env.add_filter("urlencode", filters::urlencode);
}

fn install_engine_tests(env: &mut Environment<'_>) {
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("boolean", tests::is_boolean);
    env.add_test("number", tests::is_number);
    env.add_test("integer", tests::is_integer);
    env.add_test("float", tests::is_float);
    env.add_test("string", tests::is_string);
    env.add_test("sequence", tests::is_sequence);
    env.add_test("mapping", tests::is_mapping);
    env.add_test("iterable", tests::is_iterable);
    env.add_test("odd", tests::is_odd);
    env.add_test("even", tests::is_even);
    env.add_test("divisibleby", tests::is_divisibleby);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("in", |item: Value, container: Value| Ok::<_, Error>(compare::contains(&item, &container)?));
}

/// Strict comparisons under the names that `select` and `selectattr` use.
fn install_own_tests(env: &mut Environment<'_>) {
    for (name, operator) in [("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")] {
        let test = move |a: Value, b: Value| Ok::<_, Error>(compare::compare(operator, &a, &b)?);
        env.add_test(name, test);
        env.add_test(operator, test);
    }
}

fn join(list: Value, separator: Option<String>) -> Result<String, Error> {
    if list.as_str().is_some() {
        return Err(wrong("`join` needs a list", &list).into());
    }
    let texts: Result<Vec<String>, Complaint> = items(&list)?.iter().map(values::text).collect();
    Ok(texts?.join(&separator.unwrap_or_default()))
}

/// Compact JSON; with an argument, indented JSON.
fn tojson(value: Value, pretty: Option<bool>) -> Result<String, Error> {
    let json = values::to_json(&value)?;
    if let Some(name) = first_secret(&json) {
        return Err(Complaint::secret(name).into());
    }
    let text = if pretty.unwrap_or(false) { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
    text.map_err(|e| Complaint::new(ErrorKind::Other, e.to_string()).into())
}

/// The name of some secret inside a value.
pub(crate) fn first_secret(json: &serde_json::Value) -> Option<&str> {
    use serde_json::Value as Json;
    match json {
        Json::Object(map) => super::context::is_secret(json).or_else(|| map.values().find_map(first_secret)),
        Json::Array(list) => list.iter().find_map(first_secret),
        _ => None,
    }
}

/// A whole number from a number (cut towards zero) or from text with blanks around it.
fn int(value: Value) -> Result<Value, Error> {
    if value.is_integer() {
        return Ok(value);
    }
    if let Some(text) = value.as_str() {
        let number = text.trim().parse::<i64>();
        return number.map(Value::from).map_err(|_| not_text_of("a whole number", text).into());
    }
    let float = as_float(&value)?.trunc();
    match float.abs() < 9.2e18 {
        true => Ok(Value::from(float as i64)),
        false => Err(Complaint::new(ErrorKind::Limit, "the number does not fit into 64 bits").into()),
    }
}

/// A finite number from a number or from text with blanks around it.
fn float(value: Value) -> Result<f64, Error> {
    let Some(text) = value.as_str() else { return Ok(as_float(&value)?) };
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(not_text_of("a number", text).into()),
    }
}

fn as_float(value: &Value) -> Result<f64, Complaint> {
    values::refuse_secret(value)?;
    if value.is_undefined() {
        return Err(values::undefined());
    }
    match f64::try_from(value.clone()) {
        Ok(number) if value.is_number() && number.is_finite() => Ok(number),
        _ => Err(wrong("a number or its text is needed", value)),
    }
}

const DURATIONS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
const SIZES: [(&str, f64); 9] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("B", 1.0),
];

/// Seconds from `1h30m`, `5m`, `250ms`.
fn duration(value: Value) -> Result<f64, Error> {
    measured(&value, &DURATIONS, "a duration such as `5m` or `1h30m`")
}

/// Bytes from `10 GiB`, `64KiB`, `5 MB`.
fn size(value: Value) -> Result<f64, Error> {
    measured(&value, &SIZES, "a size such as `10 GiB`")
}

fn measured(value: &Value, units: &[(&str, f64)], what: &str) -> Result<f64, Error> {
    let Some(text) = value.as_str() else { return Ok(as_float(value)?) };
    let sum = measure(text, units).filter(|sum| sum.is_finite());
    sum.ok_or_else(|| not_text_of(what, text).into())
}

fn measure(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let tail = rest[digits..].trim_start();
        let (unit, factor) = units.iter().find(|(unit, _)| tail.starts_with(unit))?;
        sum += number * factor;
        rest = tail[unit.len()..].trim_start();
    }
    Some(sum)
}

fn extreme(list: &Value, better: impl Fn(&Value, &Value) -> Result<bool, Complaint>) -> Result<Value, Error> {
    let mut items = items(list)?.into_iter();
    let Some(mut found) = items.next() else {
        return Err(Complaint::new(ErrorKind::Type, "an empty list has no smallest or largest item").into());
    };
    for item in items {
        if better(&found, &item)? {
            found = item;
        }
    }
    Ok(found)
}

/// Sorts numbers or strings; a mixed list has no order. Once all items compare with the first, the order is total.
fn sort(list: Value) -> Result<Vec<Value>, Error> {
    let mut items = items(&list)?;
    for item in &items {
        compare::order(&items[0], item)?;
    }
    items.sort_by(|a, b| compare::order(a, b).unwrap_or(std::cmp::Ordering::Equal));
    Ok(items)
}

fn raw(value: &Value, in_script: bool) -> Result<Value, Error> {
    if !in_script {
        let complaint = Complaint::new(ErrorKind::Type, "`| raw` has a meaning only in a shell script");
        return Err(complaint.help("leave it out: here a value is never escaped").into());
    }
    Ok(Value::from_object(Raw(values::text(value)?)))
}

fn items(list: &Value) -> Result<Vec<Value>, Complaint> {
    values::refuse_secret(list)?;
    if list.is_undefined() {
        return Err(values::undefined());
    }
    list.try_iter().map(Iterator::collect).map_err(|_| wrong("a list is needed", list))
}

fn wrong(needed: &str, value: &Value) -> Complaint {
    Complaint::new(ErrorKind::Type, format!("{needed}, this is {}", type_name(value)))
}

fn not_text_of(what: &str, text: &str) -> Complaint {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Complaint::new(ErrorKind::Type, format!("{shown:?} is not {what}"))
}
