//! What is served where.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use crate::health::{Health, Reason};
use crate::metrics::Metrics;
use crate::monitor::Monitor;

/// What the answers are made of.
pub struct Site {
    /// What the worker knows of itself.
    pub monitor: Arc<Monitor>,
    /// What it has counted.
    pub metrics: Arc<Metrics>,
    /// Whether it lives and is ready.
    pub health: Health,
}

impl Site {
    /// Answers one request. Nothing here waits.
    pub(super) fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/metrics" => respond(StatusCode::OK, Metrics::CONTENT_TYPE, self.metrics.render()),
            "/health" => self.health(),
            "/health/live" => verdict("live", &self.health.against_life()),
            "/health/ready" => verdict("ready", &self.health.against_readiness()),
            "/health/detailed" => json(StatusCode::OK, &self.health.report()),
            _ => plain(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    /// Readiness for whoever looks at one word.
    fn health(&self) -> Response<Full<Bytes>> {
        match self.health.against_readiness().first() {
            None => plain(StatusCode::OK, "ok"),
            Some(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        }
    }
}

/// What was asked about, and what speaks against it.
fn verdict(about: &str, reasons: &[Reason]) -> Response<Full<Bytes>> {
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &serde_json::json!({ about: reasons.is_empty(), "reasons": reasons }))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(text) => respond(status, "application/json", text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
