//! Comparisons that refuse to guess: values of different types have no order and are not silently unequal.

use std::cmp::Ordering;

use minijinja::value::{Value, ValueKind};

use super::error::{Complaint, ErrorKind};
use super::values::{self, refuse_secret, type_name, undefined};

/// Evaluates `left operator right` for `< <= > >= == !=`.
///
/// `==` and `!=` also take two lists, two maps, and null with anything. Secrets, undefined values, NaN and values of
/// different types are errors.
pub(crate) fn compare(operator: &str, left: &Value, right: &Value) -> Result<bool, Complaint> {
    match operator {
        "==" => equal(left, right),
        "!=" => equal(left, right).map(|same| !same),
        _ => order(left, right).map(|order| match operator {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        }),
    }
}

/// Evaluates `item in container`: a string in a string, a key in a map, an item in a list that has items of its type.
pub(crate) fn contains(item: &Value, container: &Value) -> Result<bool, Complaint> {
    usable(item, container)?;
    match (item.kind(), container.kind()) {
        (ValueKind::String, ValueKind::String) => {
            Ok(container.as_str().unwrap_or_default().contains(item.as_str().unwrap_or_default()))
        }
        (ValueKind::String, ValueKind::Map) => Ok(container.get_item(item).is_ok_and(|found| !found.is_undefined())),
        (kind, ValueKind::Seq | ValueKind::Iterable) => {
            let items: Vec<Value> = container.try_iter().map_err(|e| values::other(&e))?.collect();
            let alike: Vec<&Value> = items.iter().filter(|other| other.kind() == kind).collect();
            match (alike.first(), items.first()) {
                (None, Some(other)) if kind != ValueKind::None => Err(mismatch(item, other)),
                _ => alike.into_iter().try_fold(false, |found, other| Ok(found || equal(item, other)?)),
            }
        }
        _ => Err(Complaint::new(
            ErrorKind::Type,
            format!("{} cannot be looked for in {}", type_name(item), type_name(container)),
        )),
    }
}

/// The order of two numbers or two strings.
pub(crate) fn order(left: &Value, right: &Value) -> Result<Ordering, Complaint> {
    usable(left, right)?;
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) => numbers(left, right),
        (ValueKind::String, ValueKind::String) => Ok(left.as_str().cmp(&right.as_str())),
        _ => Err(mismatch(left, right)),
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, Complaint> {
    usable(left, right)?;
    let list = |kind| matches!(kind, ValueKind::Seq | ValueKind::Iterable);
    match (left.kind(), right.kind()) {
        (ValueKind::None, ValueKind::None) => Ok(true),
        (ValueKind::None, _) | (_, ValueKind::None) => Ok(false),
        (ValueKind::Number, ValueKind::Number) => numbers(left, right).map(Ordering::is_eq),
        (l, r) if l == r || list(l) && list(r) => Ok(left == right),
        _ => Err(mismatch(left, right)),
    }
}

fn usable(left: &Value, right: &Value) -> Result<(), Complaint> {
    for value in [left, right] {
        refuse_secret(value)?;
        if value.is_undefined() {
            return Err(undefined());
        }
    }
    Ok(())
}

fn numbers(left: &Value, right: &Value) -> Result<Ordering, Complaint> {
    if let (true, true) = (left.is_integer(), right.is_integer())
        && let (Ok(l), Ok(r)) = (i128::try_from(left.clone()), i128::try_from(right.clone()))
    {
        return Ok(l.cmp(&r));
    }
    let float = |v: &Value| f64::try_from(v.clone()).unwrap_or(f64::NAN);
    let (l, r) = (float(left), float(right));
    l.partial_cmp(&r).ok_or_else(|| Complaint::new(ErrorKind::Type, "NaN cannot be compared"))
}

fn mismatch(left: &Value, right: &Value) -> Complaint {
    let complaint =
        Complaint::new(ErrorKind::Type, format!("{} cannot be compared with {}", type_name(left), type_name(right)));
    let kinds = [left.kind(), right.kind()];
    match kinds.contains(&ValueKind::String) && kinds.contains(&ValueKind::Number) {
        true => complaint.help("make both sides numbers with `| int` or `| float`, or both strings"),
        false => complaint,
    }
}
