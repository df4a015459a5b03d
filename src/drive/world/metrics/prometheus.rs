//! Answers of Prometheus' HTTP API: <https://prometheus.io/docs/prometheus/latest/querying/api/>

use serde_json::Value;

use super::page::{histogram, number, oldest};
use super::{Read, unreadable};
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
pub(super) fn read(status: u16, body: &[u8], reduce: Reduce) -> Read {
    match data(status, body).and_then(|data| samples(&data)) {
        Ok(series) => reduced(&series, reduce),
        Err(why) => unreadable(why),
    }
}

/// The buckets of one histogram.
pub(super) fn read_buckets(status: u16, body: &[u8]) -> Read {
    data(status, body).and_then(|data| buckets(&data)).unwrap_or_else(unreadable)
}

fn data(status: u16, body: &[u8]) -> Result<Value, String> {
    let mut answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(_) => return Err(format!("status {status}, and the answer is not Prometheus' JSON")),
    };
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("no reason given");
        return Err(format!("status {status}: {}", super::short(why)));
    }
    // It could not read all there is: from a store that does not answer, for example.
    if let Some(warning) = answer["warnings"].as_array().and_then(|all| all.first()) {
        let why = warning.as_str().unwrap_or("without words");
        return Err(format!("Prometheus warns that this is not all: {}", super::short(why)));
    }
    Ok(answer["data"].take())
}

/// One value at one time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at_us: Option<u64>,
    value: f64,
}

fn sample(pair: &Value) -> Result<Sample, String> {
    let value = pair[1].as_str().ok_or_else(|| "a sample is not a number".into()).and_then(number)?;
    let at_us = pair[0].as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| (seconds * 1e6).round() as u64);
    Ok(Sample { at_us, value })
}

/// The samples of each series, oldest first.
fn samples(data: &Value) -> Result<Vec<Vec<Sample>>, String> {
    let pairs: Vec<Vec<&Value>> = match data["resultType"].as_str() {
        Some("scalar") => vec![vec![&data["result"]]],
        Some("vector") => series(data).map(|one| vec![&one["value"]]).collect(),
        Some("matrix") => {
            series(data).filter_map(|one| one["values"].as_array()).map(|all| all.iter().collect()).collect()
        }
        Some(other) => return Err(format!("the query yields a {}, not numbers", super::short(other))),
        None => return Err("the answer says nothing of its type".into()),
    };
    pairs.into_iter().map(|one| one.into_iter().map(sample).collect()).collect()
}

fn series(data: &Value) -> impl Iterator<Item = &Value> {
    data["result"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn buckets(data: &Value) -> Result<Read, String> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    let mut at_us = None;
    if data["resultType"] != "vector" {
        return Err("the query yields no buckets; `sum by (le) (rate(..._bucket[1m]))` does".into());
    }
    for one in series(data) {
        let le = one["metric"]["le"].as_str().and_then(|bound| number(bound).ok()).filter(|bound| !bound.is_nan());
        let le = le.ok_or("a series has no readable `le`; `sum by (le) (rate(..._bucket[1m]))` has")?;
        if buckets.iter().any(|(known, _)| *known == le) {
            return Err("the query yields several histograms; add them up: `sum by (le) (...)`".into());
        }
        let Sample { at_us: stamped_us, value } = sample(&one["value"])?;
        buckets.push((le, value));
        at_us = oldest(at_us, stamped_us);
    }
    Ok(Read { value: histogram(buckets, "the histogram"), at_us })
}

/// The samples as one number. A series is as old as its newest sample, and several as the oldest of them.
fn reduced(series: &[Vec<Sample>], reduce: Reduce) -> Read {
    let newest_us = series.iter().map(|one| one.iter().filter_map(|sample| sample.at_us).max());
    let at_us = if reduce == Reduce::Last { newest_us.flatten().max() } else { newest_us.flatten().min() };
    let samples = &series.concat();
    let count = samples.len();
    let numbers: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    if count == 0 {
        return ReadValue::Empty.into();
    }
    let value = match reduce {
        Reduce::Only if count > 1 => {
            return unreadable(format!("the query yields {count} series; aggregate them, or say `reduce:`"));
        }
        Reduce::Only => numbers[0],
        Reduce::Last => match newest(samples) {
            Some(value) => value,
            None => {
                return unreadable("the query yields several series with a newest sample each; aggregate them".into());
            }
        },
        Reduce::Count => count as f64,
        // NaN among the numbers must not vanish, as it would in `f64::min`.
        _ if numbers.iter().any(|n| n.is_nan()) => f64::NAN,
        Reduce::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Reduce::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Reduce::Sum => numbers.iter().sum(),
        Reduce::Mean => numbers.iter().sum::<f64>() / count as f64,
        Reduce::P95 => crate::decide::quantile(&numbers, 0.95).unwrap_or(f64::NAN),
    };
    let value = if value.is_finite() { ReadValue::Number(value) } else { ReadValue::NotANumber };
    Read { value, at_us }
}

/// The value of the newest sample; none where several are the newest and say different things.
fn newest(samples: &[Sample]) -> Option<f64> {
    let at_us = samples.iter().map(|sample| sample.at_us).max()?;
    let mut newest = samples.iter().filter(|sample| sample.at_us == at_us).map(|sample| sample.value);
    let first = newest.next()?;
    newest.all(|value| value == first || value.is_nan() && first.is_nan()).then_some(first)
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
        assert_eq!(read(200, &vector(&[]), Reduce::Only).value, ReadValue::Empty);
        assert_eq!(read(200, &vector(&[]), Reduce::Sum).value, ReadValue::Empty);
        assert_eq!(read(200, &vector(&["0"]), Reduce::Only).value, ReadValue::Number(0.0));
    }

    #[test]
    fn nan_is_never_a_number() {
        for reduce in [Reduce::Only, Reduce::Last, Reduce::Min, Reduce::Max, Reduce::Mean, Reduce::Sum] {
            assert_eq!(read(200, &vector(&["NaN"]), reduce).value, ReadValue::NotANumber, "{reduce:?}");
        }
        assert_eq!(read(200, &vector(&["1", "NaN"]), Reduce::Max).value, ReadValue::NotANumber);
        assert_eq!(read(200, &vector(&["+Inf"]), Reduce::Only).value, ReadValue::NotANumber);
    }

    #[test]
    fn several_series_need_a_reducer() {
        let two = vector(&["1", "4"]);
        assert!(matches!(read(200, &two, Reduce::Only).value, ReadValue::Unreadable(why) if why.contains("2 series")));
        for (reduce, wanted) in
            [(Reduce::Min, 1.0), (Reduce::Max, 4.0), (Reduce::Sum, 5.0), (Reduce::Mean, 2.5), (Reduce::Count, 2.0)]
        {
            assert_eq!(read(200, &two, reduce).value, ReadValue::Number(wanted), "{reduce:?}");
        }
    }

    #[test]
    fn a_range_gives_its_samples_to_the_reducer() {
        let body = serde_json::json!({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[1, "2"], [2, "6"], [3, "4"]]}]}});
        let body: Vec<u8> = body.to_string().into();
        assert_eq!(read(200, &body, Reduce::Last).value, ReadValue::Number(4.0));
        assert_eq!(read(200, &body, Reduce::Max).value, ReadValue::Number(6.0));
    }

    fn matrix(series: &[&[(f64, &str)]]) -> Vec<u8> {
        let values = |points: &&[(f64, &str)]| serde_json::json!({"metric": {}, "values": points.to_vec()});
        let result: Vec<Value> = series.iter().map(values).collect();
        serde_json::json!({"status": "success", "data": {"resultType": "matrix", "result": result}}).to_string().into()
    }

    #[test]
    fn the_last_of_several_series_is_the_newest_by_time() {
        let gone = matrix(&[&[(10.0, "9"), (40.0, "8")], &[(10.0, "1"), (20.0, "2")]]);
        assert_eq!(read(200, &gone, Reduce::Last), Read { value: ReadValue::Number(8.0), at_us: Some(40_000_000) });
        let both = matrix(&[&[(10.0, "9"), (40.0, "8")], &[(10.0, "1"), (40.0, "2")]]);
        let several = read(200, &both, Reduce::Last).value;
        assert!(matches!(&several, ReadValue::Unreadable(why) if why.contains("aggregate them")), "{several:?}");
    }

    #[test]
    fn several_series_are_as_old_as_the_one_that_is_oldest() {
        let instant = instant(&[
            serde_json::json!({"metric": {"i": "a"}, "value": [300.0, "1"]}),
            serde_json::json!({"metric": {"i": "b"}, "value": [60.0, "2"]}),
        ]);
        assert_eq!(read(200, &instant, Reduce::Sum), Read { value: ReadValue::Number(3.0), at_us: Some(60_000_000) });
        let range = matrix(&[&[(10.0, "9"), (40.0, "8")], &[(10.0, "1"), (20.0, "2")]]);
        assert_eq!(read(200, &range, Reduce::Max), Read { value: ReadValue::Number(9.0), at_us: Some(20_000_000) });
    }

    #[test]
    fn an_answer_that_is_not_all_there_is_is_no_data() {
        let part = br#"{"status":"success","warnings":["store 10.0.0.3 is unavailable"],
            "data":{"resultType":"vector","result":[{"metric":{},"value":[1.5,"0.5"]}]}}"#;
        let wanted = "Prometheus warns that this is not all: store 10.0.0.3 is unavailable";
        assert_eq!(read(200, part, Reduce::Only).value, ReadValue::Unreadable(wanted.into()));
    }

    fn bucket(le: &str, value: &str) -> Value {
        serde_json::json!({"metric": {"le": le}, "value": [5.0, value]})
    }

    fn instant(result: &[Value]) -> Vec<u8> {
        serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string().into()
    }

    #[test]
    fn buckets_are_told_by_their_bounds() {
        let read = read_buckets(200, &instant(&[bucket("+Inf", "2.5"), bucket("0.1", "1.5"), bucket("1", "2")]));
        let wanted = vec![(Some(0.1), 1.5), (Some(1.0), 2.0), (None, 2.5)];
        assert_eq!(read, Read { value: ReadValue::Buckets(wanted), at_us: Some(5_000_000) });
        assert_eq!(read_buckets(200, &instant(&[])).value, ReadValue::Empty);
    }

    #[test]
    fn what_is_not_one_histogram_is_never_read_as_seconds() {
        let cases = [
            (instant(&[bucket("1", "2"), bucket("1", "3")]), "several histograms"),
            (instant(&[bucket("1", "2")]), "no bucket with le"),
            (vector(&["7"]), "no readable `le`"),
            (matrix(&[&[(1.0, "7")]]), "yields no buckets"),
        ];
        for (body, why) in cases {
            let read = read_buckets(200, &body).value;
            assert!(matches!(&read, ReadValue::Unreadable(said) if said.contains(why)), "{read:?}");
        }
    }

    #[test]
    fn an_error_is_told_in_the_servers_words() {
        let body = br#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#;
        let wanted = ReadValue::Unreadable("status 400: parse error: unexpected end".into());
        assert_eq!(read(400, body, Reduce::Only).value, wanted);
        assert!(
            matches!(read(502, b"<html>bad gateway", Reduce::Only).value, ReadValue::Unreadable(why) if why.contains("502"))
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
