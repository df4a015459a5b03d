//! A listener that can be drained: it stops accepting at once, and lets requests in flight finish.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::response::Body;

/// Connections get this long to send the request they were opened for, before idle ones are closed.
const LAME_DUCK: Duration = Duration::from_millis(50);

/// Pause after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What stands behind a gate and answers.
pub(super) trait Handler: Send + Sync + 'static {
    fn handle(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The listener is closed; connections go on.
    Closing,
    /// Connections end after the answer they owe.
    Draining,
    /// Connections are cut.
    Killed,
}

/// The handle of an open listener. Dropping it cuts every connection.
///
/// Each task behind the gate watches the stage, so the stage having no watcher left means that everything has ended.
#[derive(Debug)]
pub(super) struct Gate {
    stage: watch::Sender<Stage>,
}

impl Gate {
    /// Starts accepting. Must be called inside the runtime.
    pub(super) fn open(listener: TcpListener, handler: Arc<impl Handler>) -> Gate {
        let (stage, watcher) = watch::channel(Stage::Open);
        tokio::spawn(accept(listener, handler, watcher));
        Gate { stage }
    }

    /// Whether new connections are accepted.
    pub(super) fn is_open(&self) -> bool {
        *self.stage.borrow() == Stage::Open
    }

    /// Stops accepting, waits up to `limit` for requests in flight, then cuts the rest. True if nothing had to be cut.
    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let orderly = async {
            self.advance(Stage::Closing);
            tokio::time::sleep(LAME_DUCK.min(limit)).await;
            self.advance(Stage::Draining);
            self.ended().await;
        };
        let clean = timeout(limit.max(LAME_DUCK * 2), orderly).await.is_ok();
        self.kill().await;
        clean
    }

    /// Closes the listener and cuts every connection, as the death of a process does.
    pub(super) async fn kill(&self) {
        self.advance(Stage::Killed);
        self.ended().await;
    }

    /// Waits until the listener and every connection have ended.
    pub(super) async fn ended(&self) {
        self.stage.closed().await;
    }

    /// Stages only go forward: a late drain must not revive what was killed.
    fn advance(&self, to: Stage) {
        self.stage.send_if_modified(|stage| {
            let forward = (*stage as u8) < (to as u8);
            if forward {
                *stage = to;
            }
            forward
        });
    }
}

async fn accept<H: Handler>(listener: TcpListener, handler: Arc<H>, mut stage: watch::Receiver<Stage>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => start(stream, &handler, &stage),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            changed = stage.changed() => {
                if changed.is_err() || *stage.borrow_and_update() == Stage::Killed {
                    return;
                }
                break;
            }
        }
    }
    // The kernel has completed the handshake of these; closing the listener now would reset them.
    while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, listener.accept()).await {
        start(stream, &handler, &stage);
    }
}

fn start<H: Handler>(stream: TcpStream, handler: &Arc<H>, stage: &watch::Receiver<Stage>) {
    // Answers are small and wanted now; a socket that cannot do this works all the same.
    let _ = stream.set_nodelay(true);
    tokio::spawn(converse(stream, Arc::clone(handler), stage.clone()));
}

async fn converse<H: Handler>(stream: TcpStream, handler: Arc<H>, mut stage: watch::Receiver<Stage>) {
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.handle(request).await) }
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    loop {
        let now = *stage.borrow_and_update();
        match now {
            Stage::Open | Stage::Closing => {}
            Stage::Draining => connection.as_mut().graceful_shutdown(),
            Stage::Killed => return,
        }
        tokio::select! {
            // A broken connection is the client's affair; it has its own view of it.
            _ = connection.as_mut() => return,
            changed = stage.changed() => if changed.is_err() { return },
        }
    }
}
