//! The control endpoint: requests in, operations of the server out.
//!
//! Questions are GET. Operations are POST and carry the header `X-Runbook-Demo`, which a web page of another origin
//! cannot send unasked.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::colour::Colour;
use super::fault::{Fault, FaultTarget, Switch};
use super::gate::Handler;
use super::response::{Body, json, query, text};
use super::server::{Outcome, Server};

/// The header every operation carries.
pub(super) const OPERATION_HEADER: (&str, &str) = ("x-runbook-demo", "1");

#[derive(Debug)]
pub(super) struct Control {
    server: Arc<Server>,
}

impl Control {
    pub(super) fn new(server: Arc<Server>) -> Control {
        Control { server }
    }

    async fn operate(&self, request: &Request<Incoming>) -> Option<Outcome> {
        let outcome = match request.uri().path() {
            "/start" => self.start(request),
            "/stop" => self.stop(request).await,
            "/fault" => self.fault(request),
            "/reload" => self.server.balancer.reload().map(|()| "the balancer serves the new configuration".to_owned()),
            "/visit" => self.visit(request),
            "/check" => self.server.balancer.check().map(|()| "the configuration is good".to_owned()),
            "/reset" => self.server.reset().await,
            "/shutdown" => {
                self.server.shutdown.notify_one();
                Ok("going down".to_owned())
            }
            _ => return None,
        };
        Some(outcome)
    }

    fn start(&self, request: &Request<Incoming>) -> Outcome {
        self.server.start(colour(request)?, query(request.uri(), "version"))
    }

    async fn stop(&self, request: &Request<Incoming>) -> Outcome {
        self.server.stop(colour(request)?, milliseconds(request, "drain_ms")?).await
    }

    fn visit(&self, request: &Request<Incoming>) -> Outcome {
        let rps = query(request.uri(), "rps").unwrap_or_default();
        let rps = rps.parse().map_err(|_| "rps must be a number of requests per second".to_owned())?;
        self.server.visit(rps, milliseconds(request, "for_ms")?.unwrap_or_default())
    }

    fn fault(&self, request: &Request<Incoming>) -> Outcome {
        let name = query(request.uri(), "name").unwrap_or_default();
        let fault = Fault::parse(name).ok_or_else(|| format!("no fault is called \"{name}\""))?;
        let target = choice::<FaultTarget>(request, "colour")?;
        let state = choice::<Switch>(request, "state")?;
        self.server.switch(fault, target, state, milliseconds(request, "after_ms")?)
    }
}

impl Handler for Control {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/status") => page(&self.server.status()),
            (&Method::GET, "/metrics") => text(StatusCode::OK, self.server.metrics()),
            (&Method::GET, "/balancer/status") => page(&self.server.balancer.status()),
            (&Method::POST, _) if !request.headers().contains_key(OPERATION_HEADER.0) => {
                let error = format!("operations carry the header {}", OPERATION_HEADER.0);
                json(StatusCode::FORBIDDEN, &json!({"error": error}))
            }
            (&Method::POST, _) => match self.operate(&request).await {
                Some(Ok(message)) => json(StatusCode::OK, &json!({"message": message})),
                Some(Err(error)) => json(StatusCode::CONFLICT, &json!({"error": error})),
                None => nothing_here(),
            },
            _ => nothing_here(),
        }
    }
}

fn page(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_value(value) {
        Ok(value) => json(StatusCode::OK, &value),
        Err(error) => json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error.to_string()})),
    }
}

fn nothing_here() -> Response<Body> {
    json(StatusCode::NOT_FOUND, &json!({"error": "no such operation"}))
}

fn colour(request: &Request<Incoming>) -> Result<Colour, String> {
    let name = query(request.uri(), "colour").unwrap_or_default();
    Colour::parse(name).ok_or_else(|| format!("\"{name}\" is neither blue nor green"))
}

fn choice<T: ValueEnum>(request: &Request<Incoming>, key: &str) -> Result<T, String> {
    let given = query(request.uri(), key).unwrap_or_default();
    T::from_str(given, false).map_err(|_| format!("\"{given}\" is not a {key}"))
}

fn milliseconds(request: &Request<Incoming>, key: &str) -> Result<Option<Duration>, String> {
    let parse = |text: &str| text.parse().map(Duration::from_millis);
    query(request.uri(), key).map(parse).transpose().map_err(|_| format!("{key} must be a number of milliseconds"))
}
