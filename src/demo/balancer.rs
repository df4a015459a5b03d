//! The balancer: a reverse proxy over the upstream file, with reload, check and true draining.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fault::{Fault, Switchboard};
use super::gate::Handler;
use super::ports::Addresses;
use super::response::{Body, json, lock};
use super::status::{BalancerStatus, UpstreamStatus};
use super::upstream::{Rotation, Server, Upstream, parse};

const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// As nginx's `proxy_read_timeout`.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Balancer {
    config: PathBuf,
    ports: Addresses,
    faults: Arc<Mutex<Switchboard>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    loaded: Loaded,
    rotation: Rotation,
    loads: u64,
    last_reload_error: Option<String>,
    requests: u64,
    errors: u64,
    /// Kept over reloads, so that a canary's numbers add up.
    counts: BTreeMap<SocketAddr, Counts>,
}

#[derive(Debug)]
struct Loaded {
    upstream: Upstream,
    hash: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    errors: u64,
    in_flight: u64,
}

impl Balancer {
    /// Loads the file. Without a good one there is no balancer, as with nginx.
    pub(super) fn new(config: PathBuf, ports: Addresses, faults: Arc<Mutex<Switchboard>>) -> Result<Balancer, String> {
        let loaded = load(&config)?;
        let inner = Inner {
            rotation: Rotation::over(&loaded.upstream),
            loaded,
            loads: 1,
            last_reload_error: None,
            requests: 0,
            errors: 0,
            counts: BTreeMap::new(),
        };
        Ok(Balancer { config, ports, faults, inner: Mutex::new(inner) })
    }

    /// Says whether the file could be loaded, and changes nothing.
    pub(super) fn check(&self) -> Result<(), String> {
        self.read().map(drop)
    }

    /// Switches to the file as it is now; on any error the old configuration keeps serving.
    pub(super) fn reload(&self) -> Result<(), String> {
        let outcome = self.read().and_then(|loaded| {
            if lock(&self.faults).hits_balancer(Fault::BalReloadFails) {
                return Err("reload failed: the new workers did not start (injected by fault bal-reload-fails)".into());
            }
            Ok(loaded)
        });
        let mut inner = lock(&self.inner);
        inner.last_reload_error = outcome.as_ref().err().cloned();
        let loaded = outcome.map_err(|error| format!("{error}; the old configuration keeps serving"))?;
        inner.rotation = Rotation::over(&loaded.upstream);
        inner.loaded = loaded;
        inner.loads += 1;
        Ok(())
    }

    /// Forgets the counters.
    pub(super) fn forget_counts(&self) {
        let mut inner = lock(&self.inner);
        (inner.requests, inner.errors, inner.loads, inner.last_reload_error) = (0, 0, 1, None);
        inner.counts.retain(|_, counts| counts.in_flight > 0);
        for counts in inner.counts.values_mut() {
            (counts.requests, counts.errors) = (counts.in_flight, 0);
        }
    }

    pub(super) fn status(&self) -> BalancerStatus {
        let inner = lock(&self.inner);
        let servers = &inner.loaded.upstream.servers;
        let line = |address: SocketAddr, weight, down| {
            let counts = inner.counts.get(&address).copied().unwrap_or_default();
            UpstreamStatus {
                address: address.to_string(),
                color: self.ports.colour_of(address.port()),
                weight,
                down,
                requests: counts.requests,
                errors: counts.errors,
                in_flight: counts.in_flight,
            }
        };
        let is_gone = |address: &SocketAddr| servers.iter().all(|server| server.address != *address);
        let busy = inner.counts.iter().filter(|(_, counts)| counts.in_flight > 0).map(|(address, _)| *address);
        BalancerStatus {
            upstream: inner.loaded.upstream.name.clone(),
            config_hash: inner.loaded.hash.clone(),
            loads: inner.loads,
            last_reload_error: inner.last_reload_error.clone(),
            requests: inner.requests,
            errors: inner.errors,
            upstreams: servers.iter().map(|server| line(server.address, server.weight, server.down)).collect(),
            draining: busy.filter(is_gone).map(|address| line(address, 0, false)).collect(),
        }
    }

    fn read(&self) -> Result<Loaded, String> {
        if lock(&self.faults).hits_balancer(Fault::BalConfUnwritable) {
            let path = self.config.display();
            return Err(format!("cannot open {path}: permission denied (injected by fault bal-conf-unwritable)"));
        }
        load(&self.config)
    }

    /// Connects to a server, and to one other when that one refuses. Nothing has been sent by then, so this is safe
    /// for every method.
    async fn connect(self: &Arc<Self>) -> Result<(Ticket, TcpStream), StatusCode> {
        let (servers, mut tried) = (lock(&self.inner).loaded.upstream.servers.clone(), Vec::new());
        while tried.len() < 2 {
            let Some((index, ticket)) = self.choose(&servers, &tried) else { break };
            match timeout(CONNECT_LIMIT, TcpStream::connect(ticket.address)).await {
                Ok(Ok(stream)) => return Ok((ticket, stream)),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => ticket.count_error(),
                Ok(Err(_)) => {
                    ticket.count_error();
                    break;
                }
                Err(_) => {
                    ticket.count_error();
                    return Err(StatusCode::GATEWAY_TIMEOUT);
                }
            }
            tried.push(index);
        }
        Err(StatusCode::BAD_GATEWAY)
    }

    /// A reload between two tries may have changed the list; the second try then goes by the new one.
    fn choose(self: &Arc<Self>, servers: &[Server], tried: &[usize]) -> Option<(usize, Ticket)> {
        let inner = &mut *lock(&self.inner);
        let tried = if inner.loaded.upstream.servers == servers { tried } else { &[] };
        let index = inner.rotation.next(&inner.loaded.upstream.servers, tried)?;
        let address = inner.loaded.upstream.servers[index].address;
        let counts = inner.counts.entry(address).or_default();
        counts.requests += 1;
        counts.in_flight += 1;
        Some((index, Ticket { balancer: Arc::clone(self), address }))
    }

    async fn forward(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, StatusCode> {
        let (ticket, stream) = self.connect().await?;
        let answer = timeout(ANSWER_LIMIT, ask(stream, request)).await;
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                ticket.count_error();
                return Err(StatusCode::BAD_GATEWAY);
            }
            Err(_) => {
                ticket.count_error();
                return Err(StatusCode::GATEWAY_TIMEOUT);
            }
        };
        if response.status().is_server_error() {
            ticket.count_error();
        }
        strip_hop_by_hop(response.headers_mut());
        if let Ok(value) = HeaderValue::from_str(&ticket.address.to_string()) {
            response.headers_mut().insert("x-upstream", value);
        }
        // The ticket travels with the body: the request is in flight until the last byte has passed.
        Ok(response.map(|body| {
            let keep = move |frame| {
                let _ = &ticket;
                frame
            };
            body.map_frame(keep).boxed()
        }))
    }
}

impl Handler for Balancer {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        lock(&self.inner).requests += 1;
        let response = match self.forward(request).await {
            Ok(response) => response,
            Err(status) => json(status, &json!({"error": status.canonical_reason(), "by": "balancer"})),
        };
        if response.status().is_server_error() {
            lock(&self.inner).errors += 1;
        }
        response
    }
}

/// A request on its way to a server; counted out when dropped.
struct Ticket {
    balancer: Arc<Balancer>,
    address: SocketAddr,
}

impl Ticket {
    fn count_error(&self) {
        lock(&self.balancer.inner).counts.entry(self.address).or_default().errors += 1;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inner = lock(&self.balancer.inner);
        let counts = inner.counts.entry(self.address).or_default();
        counts.in_flight = counts.in_flight.saturating_sub(1);
    }
}

fn load(path: &PathBuf) -> Result<Loaded, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let upstream = parse(&text).map_err(|error| format!("{} {error}", path.display()))?;
    let digest = Sha256::digest(text.as_bytes());
    Ok(Loaded { upstream, hash: digest.iter().map(|byte| format!("{byte:02x}")).collect() })
}

/// One connection per request: nothing is shared between requests that a stopping app could cut.
async fn ask(stream: TcpStream, mut request: Request<Incoming>) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends by itself when the answer is complete, or when nobody wants it any more.
    tokio::spawn(connection);
    strip_hop_by_hop(request.headers_mut());
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    sender.send_request(request).await
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    for name in [CONNECTION, KEEP_ALIVE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}
