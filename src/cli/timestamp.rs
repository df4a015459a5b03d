//! `runbook timestamp RUN --tsa URL`: an authority elsewhere states that the log existed by now.

use super::args::{Common, Output, TimestampArgs};
use super::error::CliError;
use super::verify::{find_dir, good_so_far};
use crate::log::Verdict;
use crate::report::exit;
use crate::store::{Home, TimestampError, put_timestamp, timestamp_query};
use serde_json::json;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
/// An answer with a few certificates has some kilobytes.
const LONGEST_ANSWER: usize = 1 << 20;

pub(crate) fn run(common: &Common, args: TimestampArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let dir = find_dir(&home, &args.run)?;
    let report = good_so_far(&home, &dir, &home.trust()?)?;
    if report.verdict != Verdict::Complete {
        return Err(CliError::Unverified(format!("only a finished log is worth a time stamp\n{report}")));
    }
    let (query, stamp) = timestamp_query(&dir)?;
    let answer = ask(&args.tsa, query)?;
    let time = put_timestamp(&stamp, &answer)?;
    if common.output == Output::Json {
        super::print(&format!("{:#}\n", json!({ "time": time, "file": stamp })))?;
        return Ok(exit::DONE);
    }
    super::print(&format!(
        "stamped {time} in {}\n`runbook verify {} --tsa-ca FILE` checks it with the authority's certificates\n",
        stamp.display(),
        args.run
    ))?;
    Ok(exit::DONE)
}

fn ask(url: &str, query: Vec<u8>) -> Result<Vec<u8>, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CliError::System(format!("cannot start the event loop: {e}")))?;
    let answer = runtime.block_on(post(url, query));
    answer.map_err(|why| CliError::System(format!("no time stamp from {}: {why}", url.escape_debug())))
}

async fn post(url: &str, query: Vec<u8>) -> Result<Vec<u8>, String> {
    let words = |error: reqwest::Error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        causes.last().map(ToString::to_string).unwrap_or_default()
    };
    // Fails only where a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().timeout(TIMEOUT);
    // A plain request works on a machine that has no certificates.
    let client = if url.starts_with("http:") { client.tls_certs_only([]) } else { client };
    let client = client.build().map_err(words)?;
    let request = client.post(url).header("content-type", "application/timestamp-query").body(query);
    let mut response = request.send().await.map_err(words)?;
    if !response.status().is_success() {
        return Err(format!("it answered {}", response.status()));
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        answer.extend(chunk);
        if answer.len() > LONGEST_ANSWER {
            return Err("its answer is longer than 1 MiB".to_string());
        }
    }
    Ok(answer)
}

impl From<TimestampError> for CliError {
    fn from(error: TimestampError) -> CliError {
        let words = error.to_string();
        match error {
            TimestampError::Store(error) => error.into(),
            TimestampError::Stamped(_) => CliError::Usage(words),
            _ => CliError::System(words),
        }
    }
}
