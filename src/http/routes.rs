//! What is served where.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use super::page;
use crate::health::{Health, Reason};
use crate::metrics::Metrics;

/// What a browser may do with the page: show it. Its style stands in it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// What the answers are made of.
pub struct Site {
    /// What it has counted.
    pub metrics: Arc<Metrics>,
    /// Whether the worker lives and is ready, and what it knows of itself.
    pub health: Arc<Health>,
}

impl Site {
    fn page(&self) -> Response<Full<Bytes>> {
        let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", page::render(self));
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// Answers one request. Nothing here waits.
    pub(super) fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/" => self.page(),
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
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
