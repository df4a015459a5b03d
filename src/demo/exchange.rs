//! One request, one answer, one connection: the client side of the control port and of the load.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::DemoError;

/// Why there was no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// Nobody listens there.
    Refused,
    /// The connection broke, or what came was not HTTP.
    Broken(String),
    /// Longer than allowed.
    TimedOut(Duration),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Refused => f.write_str("connection refused"),
            NoAnswer::Broken(reason) => f.write_str(reason),
            NoAnswer::TimedOut(limit) => write!(f, "no answer within {} s", limit.as_secs_f64()),
        }
    }
}

/// Sends one request without a body and reads the whole answer within `limit`.
pub(super) async fn exchange(
    method: Method,
    to: SocketAddr,
    path: &str,
    header: Option<(&'static str, &'static str)>,
    limit: Duration,
) -> Result<Response<Bytes>, NoAnswer> {
    let conversation = converse(method, to, path, header);
    timeout(limit, conversation).await.unwrap_or(Err(NoAnswer::TimedOut(limit)))
}

async fn converse(
    method: Method,
    to: SocketAddr,
    path: &str,
    header: Option<(&'static str, &'static str)>,
) -> Result<Response<Bytes>, NoAnswer> {
    let stream = TcpStream::connect(to).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => NoAnswer::Refused,
        _ => broken(error),
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let connection = tokio::spawn(connection);
    let mut request =
        Request::builder().method(method).uri(path).header(HOST, to.to_string()).header(CONNECTION, "close");
    if let Some((name, value)) = header {
        request = request.header(name, HeaderValue::from_static(value));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(broken)?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(broken)?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}

/// Runs one future to its end on a small runtime of its own. Must not be called inside another runtime.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| DemoError::system("start the event loop", error))?;
    Ok(runtime.block_on(future))
}

/// Lets this process open as many sockets as it may: slow answers pile up to thousands of connections.
pub(super) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it the demo still works, with less room.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn broken(error: impl fmt::Display) -> NoAnswer {
    NoAnswer::Broken(error.to_string())
}
