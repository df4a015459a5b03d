//! Answers of Prometheus' HTTP API: <https://prometheus.io/docs/prometheus/latest/querying/api/>

use serde_json::Value;

use super::page::number;
use crate::machine::action::{ReadValue, Reduce};

/// The address of one request.
pub(super) fn request(
    base: &str,
    query: &str,
    over_us: Option<u64>,
    step_us: Option<u64>,
    now_us: i64,
) -> Result<String, String> {
    let seconds = |us: i64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    let mut pairs = vec![("query", query.to_owned())];
    let call = match over_us {
        None => "query",
        Some(over) => {
            let step = step_us.unwrap_or(over / 60).max(1_000);
            pairs.push(("start", seconds(now_us - over as i64)));
            pairs.push(("end", seconds(now_us)));
            pairs.push(("step", seconds(step as i64)));
            "query_range"
        }
    };
    let address = format!("{}/api/v1/{call}", base.trim_end_matches('/'));
    match reqwest::Url::parse_with_params(&address, pairs) {
        Ok(url) => Ok(url.into()),
        Err(error) => Err(format!("{}: {error}", super::short(&address))),
    }
}

/// The number an answer means.
pub(super) fn read(status: u16, body: &[u8], reduce: Reduce) -> ReadValue {
    let answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(_) => return ReadValue::Unreadable(format!("status {status}, and the answer is not Prometheus' JSON")),
    };
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("no reason given");
        return ReadValue::Unreadable(format!("status {status}: {}", super::short(why)));
    }
    match numbers(&answer["data"]) {
        Ok(numbers) => reduced(&numbers, reduce),
        Err(why) => ReadValue::Unreadable(why),
    }
}

fn numbers(data: &Value) -> Result<Vec<f64>, String> {
    let series = || data["result"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs: Vec<&Value> = match data["resultType"].as_str() {
        Some("scalar") => vec![&data["result"]],
        Some("vector") => series().iter().map(|one| &one["value"]).collect(),
        Some("matrix") => series().iter().filter_map(|one| one["values"].as_array()).flatten().collect(),
        Some(other) => return Err(format!("the query yields a {}, not numbers", super::short(other))),
        None => return Err("the answer says nothing of its type".into()),
    };
    pairs
        .iter()
        .map(|pair| pair[1].as_str().ok_or_else(|| "a sample is not a number".into()).and_then(number))
        .collect()
}

fn reduced(numbers: &[f64], reduce: Reduce) -> ReadValue {
    let count = numbers.len();
    if count == 0 {
        return ReadValue::Empty;
    }
    let value = match reduce {
        Reduce::Only if count > 1 => {
            return ReadValue::Unreadable(format!("the query yields {count} series; aggregate them, or say `reduce:`"));
        }
        Reduce::Only | Reduce::Last => numbers[count - 1],
        Reduce::Count => count as f64,
        // NaN among the numbers must not vanish, as it would in `f64::min`.
        _ if numbers.iter().any(|n| n.is_nan()) => f64::NAN,
        Reduce::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Reduce::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Reduce::Sum => numbers.iter().sum(),
        Reduce::Mean => numbers.iter().sum::<f64>() / count as f64,
        Reduce::P95 => crate::decide::quantile(numbers, 0.95).unwrap_or(f64::NAN),
    };
    if value.is_finite() { ReadValue::Number(value) } else { ReadValue::NotANumber }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(values: &[&str]) -> Vec<u8> {
        let result: Vec<Value> = values.iter().map(|v| serde_json::json!({"metric": {}, "value": [1.5, v]})).collect();
        serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string().into()
    }

    #[test]
    fn an_empty_vector_is_empty_and_a_zero_is_a_zero() {
        assert_eq!(read(200, &vector(&[]), Reduce::Only), ReadValue::Empty);
        assert_eq!(read(200, &vector(&[]), Reduce::Sum), ReadValue::Empty);
        assert_eq!(read(200, &vector(&["0"]), Reduce::Only), ReadValue::Number(0.0));
    }

    #[test]
    fn nan_is_never_a_number() {
        for reduce in [Reduce::Only, Reduce::Last, Reduce::Min, Reduce::Max, Reduce::Mean, Reduce::Sum] {
            assert_eq!(read(200, &vector(&["NaN"]), reduce), ReadValue::NotANumber, "{reduce:?}");
        }
        assert_eq!(read(200, &vector(&["1", "NaN"]), Reduce::Max), ReadValue::NotANumber);
        assert_eq!(read(200, &vector(&["+Inf"]), Reduce::Only), ReadValue::NotANumber);
    }

    #[test]
    fn several_series_need_a_reducer() {
        let two = vector(&["1", "4"]);
        assert!(matches!(read(200, &two, Reduce::Only), ReadValue::Unreadable(why) if why.contains("2 series")));
        for (reduce, wanted) in [
            (Reduce::Min, 1.0),
            (Reduce::Max, 4.0),
            (Reduce::Sum, 5.0),
            (Reduce::Mean, 2.5),
            (Reduce::Count, 2.0),
            (Reduce::Last, 4.0),
        ] {
            assert_eq!(read(200, &two, reduce), ReadValue::Number(wanted), "{reduce:?}");
        }
    }

    #[test]
    fn a_range_gives_its_samples_to_the_reducer() {
        let body = serde_json::json!({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[1, "2"], [2, "6"], [3, "4"]]}]}});
        let body: Vec<u8> = body.to_string().into();
        assert_eq!(read(200, &body, Reduce::Last), ReadValue::Number(4.0));
        assert_eq!(read(200, &body, Reduce::Max), ReadValue::Number(6.0));
    }

    #[test]
    fn an_error_is_told_in_the_servers_words() {
        let body = br#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#;
        let wanted = ReadValue::Unreadable("status 400: parse error: unexpected end".into());
        assert_eq!(read(400, body, Reduce::Only), wanted);
        assert!(
            matches!(read(502, b"<html>bad gateway", Reduce::Only), ReadValue::Unreadable(why) if why.contains("502"))
        );
    }

    #[test]
    fn queries_are_escaped_and_ranges_have_three_bounds() {
        let instant = request("http://p:9090/", "sum(rate(x{a=\"b\"}[1m]))", None, None, 0).unwrap();
        assert_eq!(instant, "http://p:9090/api/v1/query?query=sum%28rate%28x%7Ba%3D%22b%22%7D%5B1m%5D%29%29");
        let range = request("http://p:9090", "up", Some(60_000_000), Some(5_000_000), 100_500_000).unwrap();
        assert_eq!(range, "http://p:9090/api/v1/query_range?query=up&start=40.500000&end=100.500000&step=5.000000");
    }
}
