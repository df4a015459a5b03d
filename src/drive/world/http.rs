//! HTTP actions: one request, its answer, its body streamed into the output file.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, Url};

use super::attempt::{Attempt, spoil, untouched};
use super::live::Stream;
use super::mask::{MASK, Masker};
use super::output::Sink;
use crate::machine::action::{Datum, Done, Ended, HttpAction, HttpAnswer};
use crate::runbook::reach::Reach;

/// For the whole request, where the step says nothing.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// A longer body fails the step: an endless one must not fill the disk.
const LONGEST_BODY: u64 = 64 * 1024 * 1024;

/// A metrics page or answer beyond this is not read.
const LONGEST_READING: usize = 8 * 1024 * 1024;

/// Clients by what cannot be said per request, made when first needed: reading the CA certificates takes milliseconds.
#[derive(Clone)]
pub(super) struct Clients {
    made: Arc<Mutex<HashMap<Kind, Client>>>,
    reach: Arc<Reach>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    follow: u8,
    /// What travels with it must not be redirected to another host.
    stay: Option<Stay>,
    /// CA certificates are needed; a plain request works on a machine that has none.
    tls: bool,
}

/// Why a request must not leave the host it was made to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Stay {
    Secret,
    /// Headers may be credentials, and a body may be anything.
    Content,
}

impl Stay {
    fn of(action: &HttpAction) -> Option<Stay> {
        let harmless =
            |name: &str| ["accept", "accept-language", "user-agent"].iter().any(|h| name.eq_ignore_ascii_case(h));
        if action.headers.iter().any(|(_, value)| matches!(value, Datum::Secret(_))) {
            Some(Stay::Secret)
        } else if action.body.is_some() || action.headers.iter().any(|(name, _)| !harmless(name)) {
            Some(Stay::Content)
        } else {
            None
        }
    }

    fn words(self) -> &'static str {
        match self {
            Stay::Secret => "redirected to another host, which must not get the secret in the headers",
            Stay::Content => "redirected to another host, which must not get the headers and body of this request",
        }
    }
}

/// Make the request and take the answer.
pub(super) async fn run(attempt: &Attempt, clients: &Clients, action: &HttpAction) -> Done {
    let request = match prepare(attempt, clients, action) {
        Ok(request) => request,
        Err(ended) => return untouched(ended),
    };
    let limit = action.timeout_us.map_or(TIMEOUT, Duration::from_micros);
    let mut sink = attempt.sink(Stream::Stdout);
    let mut done = Done::default();
    let exchanged = tokio::select! {
        () = attempt.live.woken.notified() => Err(Problem::Ended(Ended::Cancelled)),
        result = tokio::time::timeout(limit, exchange(request, &attempt.site.masker, &mut sink, &mut done.http)) => {
            result.unwrap_or(Err(Problem::Ended(Ended::TimedOut)))
        }
    };
    match exchanged {
        Ok(()) => {}
        Err(Problem::Ended(ended)) => done.ended = ended,
        Err(Problem::Http(error)) => {
            done.changed = error.is_connect().then_some(false);
            done.ended = Ended::Failed(format!("{} {}: {}", action.method, action.url, in_plain_words(&error)));
        }
        Err(Problem::Lost(error)) => {
            attempt.output_lost(&error);
            done.ended = Ended::Failed(format!("the body could not be stored: {error}"));
        }
    }
    attempt.finish_stream(sink, Stream::Stdout, &mut done);
    let masked = |value: &String| value.contains(MASK);
    let answer = done.http.as_ref().filter(|_| attempt.capture && !attempt.site.masker.is_empty());
    if answer.is_some_and(|answer| answer.headers.iter().any(|(_, value)| masked(value)) || masked(&answer.url)) {
        spoil(&mut done, "a header of its answer contains");
    }
    done
}

/// The status and body of one answer, kept nowhere; for metrics.
///
/// # Errors
/// In words: nobody there, no TLS, a body longer than 8 MiB.
pub(super) async fn fetch(attempt: &Attempt, clients: &Clients, action: &HttpAction) -> Result<(u16, Vec<u8>), String> {
    let words = |error: reqwest::Error| format!("{}: {}", action.url, in_plain_words(&error));
    let request = prepare(attempt, clients, action).map_err(|ended| match ended {
        Ended::Failed(why) | Ended::Unavailable(why) => why,
        _ => "cancelled".to_owned(),
    })?;
    let mut response = request.send().await.map_err(words)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_READING {
            return Err(format!("{}: the answer is longer than {} MiB", action.url, LONGEST_READING >> 20));
        }
    }
    Ok((response.status().as_u16(), body))
}

enum Problem {
    Ended(Ended),
    Http(reqwest::Error),
    Lost(io::Error),
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Problem {
        Problem::Http(error)
    }
}

fn prepare(attempt: &Attempt, clients: &Clients, action: &HttpAction) -> Result<RequestBuilder, Ended> {
    let wrong = |what: &str| Ended::Failed(format!("{what} in {} {}", action.method, action.url));
    let url = Url::parse(&action.url).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only http and https are spoken, not what stands"));
    }
    clients.reach.host(url.host_str().unwrap_or_default()).map_err(|why| wrong(&format!("{why}: not requested")))?;
    let method = Method::from_bytes(action.method.as_bytes()).map_err(|_| wrong("unknown method"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &action.headers {
        let value = attempt.site.secrets.bytes(value)?;
        let value =
            HeaderValue::from_bytes(&value).map_err(|_| wrong(&format!("header `{name}` has an impossible value")))?;
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(&format!("`{name}` cannot be a header")))?;
        headers.append(name, value);
    }
    let kind =
        Kind { follow: action.follow, stay: Stay::of(action), tls: url.scheme() == "https" || action.follow > 0 };
    let client = clients.get(kind).or_else(|error| match url.scheme() {
        "http" => clients.get(Kind { tls: false, ..kind }),
        _ => Err(error),
    });
    let client = client.map_err(|error| {
        Ended::Unavailable(format!(
            "TLS cannot be used here: {}; install ca-certificates or set SSL_CERT_FILE",
            in_plain_words(&error)
        ))
    })?;
    let request = client.request(method, url).headers(headers);
    Ok(match &action.body {
        Some(body) => request.body(body.clone()),
        None => request,
    })
}

impl Clients {
    pub(super) fn new(reach: Reach) -> Clients {
        Clients { made: Arc::default(), reach: Arc::new(reach) }
    }

    fn get(&self, kind: Kind) -> reqwest::Result<Client> {
        let mut clients = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        static PROVIDER: Once = Once::new();
        // Fails only where a provider is installed already, which serves as well.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let client = Client::builder()
            .user_agent(concat!("runbook/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // A proxy of the operator's environment would see everything and reach what may not be reached.
            .no_proxy()
            .referer(false)
            .dns_resolver(Resolver(Arc::clone(&self.reach)))
            .redirect(redirects(kind, Arc::clone(&self.reach)));
        let client = if kind.tls { client } else { client.tls_certs_only([]) };
        let client = client.build()?;
        clients.insert(kind, client.clone());
        Ok(client)
    }
}

/// Looks names up and gives on only the addresses that may be connected to, so that no answer of a name server comes
/// between the check and the connection.
struct Resolver(Arc<Reach>);

/// An address that is out of reach.
#[derive(Debug)]
struct OutOfReach(String);

impl std::fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for OutOfReach {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let refused = found.iter().find_map(|found| reach.address(name.as_str(), found.ip()).err());
            let reachable = |found: &SocketAddr| reach.address(name.as_str(), found.ip()).is_ok();
            let kept: Vec<SocketAddr> = found.into_iter().filter(reachable).collect();
            match refused {
                Some(why) if kept.is_empty() => Err(OutOfReach(format!("{why}: not requested")).into()),
                _ => Ok(Box::new(kept.into_iter()) as Addrs),
            }
        })
    }
}

fn redirects(kind: Kind, reach: Arc<Reach>) -> Policy {
    if kind.follow == 0 {
        return Policy::none();
    }
    Policy::custom(move |redirect| {
        let (from, to) = (redirect.previous().last(), redirect.url());
        let leaves = from.is_some_and(|from| from.origin() != to.origin());
        let downgrade = from.is_some_and(|from| from.scheme() == "https") && to.scheme() == "http";
        if redirect.previous().len() > usize::from(kind.follow) {
            redirect.error(format!("more than {} redirects", kind.follow))
        } else if downgrade {
            redirect.error("redirected from https to http")
        } else if !matches!(to.scheme(), "http" | "https") {
            let why = format!("redirected to {}, which is not spoken", to.scheme());
            redirect.error(why)
        } else if let Some(stay) = kind.stay.filter(|_| leaves) {
            redirect.error(stay.words())
        } else if let Err(why) = reach.host(to.host_str().unwrap_or_default()) {
            redirect.error(format!("redirected: {why}: not requested"))
        } else {
            redirect.follow()
        }
    })
}

async fn exchange(
    request: RequestBuilder,
    masker: &Masker,
    sink: &mut Sink,
    answer: &mut Option<HttpAnswer>,
) -> Result<(), Problem> {
    let mut response = request.send().await?;
    *answer = Some(answer_of(&response, masker));
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await? {
        bytes += chunk.len() as u64;
        if bytes > LONGEST_BODY {
            let why = format!("{}: the body is longer than {} MiB", response.url(), LONGEST_BODY >> 20);
            return Err(Problem::Ended(Ended::Failed(why)));
        }
        sink.write(&chunk).map_err(Problem::Lost)?;
    }
    Ok(())
}

fn answer_of(response: &Response, masker: &Masker) -> HttpAnswer {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = masker.text(&value).into_owned();
        match headers.iter_mut().find(|(known, _)| known == name.as_str()) {
            Some((_, values)) => {
                values.push_str(", ");
                values.push_str(&value);
            }
            None => headers.push((name.as_str().to_owned(), value)),
        }
    }
    let url = masker.text(response.url().as_str()).into_owned();
    HttpAnswer { status: response.status().as_u16(), headers, url }
}

/// The cause, not the layers above it.
fn in_plain_words(error: &reqwest::Error) -> String {
    let causes: Vec<&dyn Error> = std::iter::successors(error.source(), |&cause| cause.source()).collect();
    if let Some(out) = causes.iter().find_map(|cause| cause.downcast_ref::<OutOfReach>()) {
        return out.to_string();
    }
    let refused =
        causes.iter().filter_map(|cause| cause.downcast_ref::<io::Error>()).find_map(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Some("connection refused"),
            io::ErrorKind::ConnectionReset => Some("connection reset by the other side"),
            io::ErrorKind::HostUnreachable => Some("host unreachable"),
            io::ErrorKind::NetworkUnreachable => Some("network unreachable"),
            _ => None,
        });
    if let Some(refused) = refused {
        return refused.to_owned();
    }
    if error.is_timeout() {
        return format!("connecting timed out after {}s", CONNECT.as_secs());
    }
    let mut words: Vec<String> = causes.iter().map(ToString::to_string).collect();
    words.dedup();
    if words.iter().any(|cause| cause.contains("failed to lookup address") || cause == "dns error") {
        let host = error.url().and_then(Url::host_str).unwrap_or_default();
        return format!("name `{host}` does not resolve");
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}
