//! The strict JSON of a record: one spelling per value, so that nothing in a line can change without changing its meaning.

use std::fmt;
use std::io;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::Serialize as _;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};

/// The longest line of a log in bytes, its line feed included.
pub const MAX_LINE: usize = 1 << 20;

/// Appends the compact form of a value. DEL and the C1 control characters are escaped too: a log may be shown with `cat`.
pub(crate) fn write(value: &Value, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(out, Compact);
    // Writing a value with text keys into memory has no way to fail.
    value.serialize(&mut serializer).unwrap_or_default();
}

/// Appends a text as a JSON string.
pub(crate) fn write_str(text: &str, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(out, Compact);
    text.serialize(&mut serializer).unwrap_or_default();
}

/// Whether a value holds a number that is not an integer, at any depth.
pub(crate) fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(map) => map.values().any(has_float),
        _ => false,
    }
}

/// Reads one line without its line feed.
///
/// # Errors
/// The text says in which way the line is not in the one allowed form.
pub(crate) fn parse(line: &[u8]) -> Result<Map<String, Value>, String> {
    if line.len() >= MAX_LINE {
        return Err("the line is longer than 1 MiB".to_string());
    }
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_string())?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut deserializer).map_err(|e| e.to_string())?;
    deserializer.end().map_err(|e| e.to_string())?;
    let mut again = Vec::with_capacity(line.len());
    write(&value, &mut again);
    match value {
        _ if again != line => Err("not in compact form".to_string()),
        Value::Object(map) => Ok(map),
        _ => Err("not an object".to_string()),
    }
}

struct Compact;

impl Formatter for Compact {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, control) in fragment.char_indices().filter(|(_, c)| c.is_control()) {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            write!(writer, "\\u{:04x}", u32::from(control))?;
            plain = at + control.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }
}

/// Builds a value, refusing duplicate keys and numbers that are not integers.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number is not an integer (decimals are written as strings)"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key '{}'", key.escape_debug())));
            }
            let value = access.next_value_seed(Strict)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_way_to_spell_a_line_differently_is_refused() {
        let cases = [
            (r#"{"a":1,"a":1}"#, "duplicate key 'a'"),
            (r#"{"a":{"b":1,"b":2}}"#, "duplicate key 'b'"),
            (r#"{"a": 1}"#, "not in compact form"),
            (r#"{"a":"\u0041"}"#, "not in compact form"),
            (r#"{"a":"\/"}"#, "not in compact form"),
            ("{\"a\":1}\r", "not in compact form"),
            ("\u{feff}{\"a\":1}", "expected value"),
            (r#"{"a":1.0}"#, "not an integer"),
            (r#"{"a":1e3}"#, "not an integer"),
            (r#"{"a":-0}"#, "not an integer"),
            (r#"{"a":99999999999999999999}"#, "not an integer"),
            ("{\"a\":\"\u{1b}\"}", "control character"),
            ("{\"a\":\"\u{9b}\"}", "not in compact form"),
            ("{\"a\":\"\u{7f}\"}", "not in compact form"),
            (r#"{"a":1}{"#, "trailing characters"),
            (r#"[1]"#, "not an object"),
            ("", "EOF"),
        ];
        for (line, message) in cases {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(message), "{line:?}: {error}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err(), "not UTF-8");
        assert!(parse(&vec![b'['; 100_000]).unwrap_err().contains("recursion limit"));
        assert!(parse(&vec![b' '; MAX_LINE]).unwrap_err().contains("longer than 1 MiB"));
    }

    proptest! {
        #[test]
        fn any_text_survives_writing_and_reading(text in any::<String>(), key in any::<String>()) {
            let mut line = Vec::new();
            write(&serde_json::json!({ key: text.clone(), "same": [text.clone()] }), &mut line);
            prop_assert!(!String::from_utf8(line.clone()).unwrap().chars().any(char::is_control));
            let map = parse(&line).unwrap();
            prop_assert_eq!(map["same"][0].as_str(), Some(text.as_str()));
        }
    }
}
