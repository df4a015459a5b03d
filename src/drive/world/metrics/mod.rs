//! Reading metrics: all queries of one sample side by side, each with its own answer. A source that does not answer is a
//! reading without a value, not a failed attempt: what it means is for the decision tables to say.

mod page;
mod prometheus;
mod series;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::attempt::{Attempt, untouched};
use super::command;
use super::http::{self, Clients};
use crate::machine::action::{
    Action, CAPTURE_LIMIT, Captured, Done, Ended, HttpAction, HttpAnswer, Query, ReadValue, Reading, SampleAction,
    Source,
};

/// Read everything once.
pub(super) async fn run(attempt: &Arc<Attempt>, clients: &Clients, action: &SampleAction) -> Done {
    let read = tokio::select! {
        () = attempt.live.woken.notified() => None,
        readings = all(attempt, clients, action) => Some(readings),
    };
    match read {
        None => untouched(Ended::Cancelled),
        Some(readings) => Done { readings, changed: Some(false), ..Done::default() },
    }
}

async fn all(attempt: &Arc<Attempt>, clients: &Clients, action: &SampleAction) -> Vec<Reading> {
    let limit = Duration::from_micros(action.timeout_us);
    let mut values = vec![unreadable("its reader died".into()); action.queries.len()];
    let mut tasks = JoinSet::new();
    let (commands, others): (Vec<_>, Vec<_>) =
        action.queries.iter().cloned().enumerate().partition(|(_, query)| is_command(&query.from));
    for (position, query) in others {
        let (attempt, clients, limit) = (Arc::clone(attempt), clients.clone(), limit_of(&query, limit));
        tasks.spawn(async move {
            let late = unreadable(format!("no answer within {} ms", limit.as_millis()));
            let read = tokio::time::timeout(limit, over_http(&attempt, &clients, &query.from)).await;
            Some((position, read.unwrap_or(late)))
        });
    }
    for (position, query) in commands {
        match beside(attempt) {
            Ok(own) => {
                let limit = limit_of(&query, limit);
                tasks.spawn_blocking(move || Some((position, by_command(&own, &query, limit).into())));
            }
            Err(error) => values[position] = unreadable(format!("this machine is out of resources: {error}")),
        }
    }
    while let Some(read) = tasks.join_next().await {
        if let Ok(Some((position, read))) = read {
            values[position] = masked(attempt, read);
        }
    }
    let reading =
        |(query, read): (&Query, Read)| Reading { name: query.name.clone(), value: read.value, at_us: read.at_us };
    action.queries.iter().zip(values).map(reading).collect()
}

/// What was read, and since when it is so if the source says that.
#[derive(Debug, Clone, PartialEq)]
struct Read {
    value: ReadValue,
    at_us: Option<u64>,
}

impl From<ReadValue> for Read {
    fn from(value: ReadValue) -> Read {
        Read { value, at_us: None }
    }
}

fn unreadable(why: String) -> Read {
    ReadValue::Unreadable(why).into()
}

/// The same attempt for one of several commands that run side by side.
fn beside(attempt: &Attempt) -> std::io::Result<Attempt> {
    Ok(Attempt {
        site: Arc::clone(&attempt.site),
        live: attempt.live.helper()?,
        number: attempt.number,
        capture: attempt.capture,
        keep: attempt.keep,
        marks: Vec::new(),
    })
}

fn limit_of(query: &Query, of_all: Duration) -> Duration {
    query.timeout_us.map_or(of_all, Duration::from_micros)
}

fn is_command(source: &Source) -> bool {
    matches!(source, Source::Act(action) if !matches!(**action, Action::Http(_)))
}

async fn over_http(attempt: &Attempt, clients: &Clients, source: &Source) -> Read {
    match source {
        Source::Prometheus { url, query, over_us, step_us, reduce, buckets } => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let now = now.map_or(0, |since| since.as_micros() as i64);
            let url = match prometheus::request(url, query, *over_us, *step_us, now) {
                Ok(url) => url,
                Err(why) => return unreadable(why),
            };
            match http::fetch(attempt, clients, &get(url)).await {
                // Before any of it is cut and quoted.
                Ok((status, body)) => {
                    let body = attempt.site.masker.bytes(&body).unwrap_or(body);
                    match *buckets {
                        true => prometheus::read_buckets(status, &body),
                        false => prometheus::read(status, &body, *reduce),
                    }
                }
                Err(why) => unreadable(why),
            }
        }
        Source::Page { url, select, each } => match page(attempt, clients, url).await {
            Ok(page) if *each => series::counters(&page, select),
            Ok(page) => page::sum(&page, select),
            Err(why) => unreadable(why),
        },
        Source::PageBuckets { url, select, each } => match page(attempt, clients, url).await {
            Ok(page) if *each => series::histograms(&page, select),
            Ok(page) => page::buckets(&page, select),
            Err(why) => unreadable(why),
        },
        Source::Act(action) => match &**action {
            Action::Http(request) => ReadValue::Done(Box::new(asked(attempt, clients, request).await)).into(),
            _ => unreadable("it is not read over HTTP".into()),
        },
    }
}

/// What a request yields, as a step would have it.
async fn asked(attempt: &Attempt, clients: &Clients, request: &HttpAction) -> Done {
    let (status, body) = match http::fetch(attempt, clients, request).await {
        Ok(answer) => answer,
        Err(why) => return untouched(Ended::Failed(attempt.site.masker.text(&why).into_owned())),
    };
    let bytes = body.len() as u64;
    let text = String::from_utf8(body).ok().filter(|_| bytes <= CAPTURE_LIMIT);
    let text = text.map(|text| attempt.site.masker.text(&text).into_owned());
    Done {
        http: Some(HttpAnswer { status, headers: Vec::new(), url: request.url.clone() }),
        stdout: Some(Captured { bytes, text, ..Captured::default() }),
        changed: Some(false),
        ..Done::default()
    }
}

async fn page(attempt: &Attempt, clients: &Clients, url: &str) -> Result<String, String> {
    match http::fetch(attempt, clients, &get(url.to_owned())).await? {
        (200..=299, body) => String::from_utf8(attempt.site.masker.bytes(&body).unwrap_or(body))
            .map_err(|_| format!("{url} is not text")),
        (status, _) => Err(format!("{url} answers {status}")),
    }
}

fn get(url: String) -> HttpAction {
    HttpAction { method: "GET".into(), url, headers: Vec::new(), body: None, follow: 0, timeout_us: None }
}

/// What a script or program yields; its output is kept nowhere else.
fn by_command(attempt: &Attempt, query: &Query, limit: Duration) -> ReadValue {
    let Source::Act(action) = &query.from else { return ReadValue::Empty };
    let done = command::run(attempt, &command::with_limit(action, limit));
    let slim = |stream: Option<Captured>| stream.map(|s| Captured { file: String::new(), ..s });
    ReadValue::Done(Box::new(Done { stdout: slim(done.stdout), stderr: None, tail: String::new(), ..done }))
}

/// Texts stand in the log, so nothing secret may be in them.
fn masked(attempt: &Attempt, read: Read) -> Read {
    let mask = |text: String| attempt.site.masker.text(&text).into_owned();
    let value = match read.value {
        ReadValue::Unreadable(why) => ReadValue::Unreadable(mask(why)),
        ReadValue::Series(all) => series::renamed(all, mask),
        other => other,
    };
    Read { value, ..read }
}

/// At most 200 characters of what somebody else wrote.
pub(super) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
