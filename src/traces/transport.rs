//! HTTP to the collector: a client that keeps what the exporter's own errors leave out, and never follows a redirect.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use rustls::{ClientConfig, RootCertStore};

use crate::config::CollectorSettings;
use crate::record::clean_text;
use crate::tls;

/// The most bytes of an answer; a collector's is empty or a sentence.
const LARGEST_ANSWER: usize = 64 << 10;

/// What the last request met that its result does not tell.
#[derive(Default)]
pub(super) struct Noticed {
    /// Why the collector could not be reached.
    pub(super) error: Option<String>,
    /// Spans that the collector took but threw away, and why.
    pub(super) rejected: Option<(u64, String)>,
}

/// The client. Its `Debug` is asked for by the exporter, and shows nothing.
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    noticed: Arc<Mutex<Noticed>>,
}

impl Transport {
    pub(super) fn new(settings: &CollectorSettings, noticed: Arc<Mutex<Noticed>>) -> Result<Self> {
        let scheme = settings.endpoint.split(':').next().unwrap_or_default();
        let tls = if scheme.eq_ignore_ascii_case("https") {
            tls::verifying(settings.certificate.as_deref(), "OTEL_EXPORTER_OTLP_CERTIFICATE")?
        } else {
            tls::builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        };
        let client = Client::builder(TokioExecutor::new()).build(connector(tls));
        Ok(Self { client, timeout: settings.timeout, noticed })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await?.to_bytes();
        if head.status.is_success() {
            self.notice(|noticed| noticed.rejected = rejected(&body));
        }
        Ok(Response::from_parts(head, body))
    }

    fn notice(&self, what: impl FnOnce(&mut Noticed)) {
        what(&mut self.noticed.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answered = tokio::time::timeout(self.timeout, self.send(request.map(Full::new))).await;
        let answered = answered.unwrap_or_else(|_| Err("the collector did not answer in time".into()));
        let error = answered.as_ref().err().map(|error| with_sources(&**error));
        self.notice(|noticed| noticed.error = error);
        answered
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transport")
    }
}

fn connector(tls: ClientConfig) -> HttpsConnector<HttpConnector> {
    HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build()
}

/// What a collector says that takes a request and drops a part of it.
fn rejected(body: &[u8]) -> Option<(u64, String)> {
    let partial = ExportTraceServiceResponse::decode(body).ok()?.partial_success?;
    let spans = u64::try_from(partial.rejected_spans).ok().filter(|spans| *spans > 0)?;
    Some((spans, clean_text(&partial.error_message)))
}

fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
