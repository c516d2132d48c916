//! A collector of traces: OTLP over HTTP, as well or as badly behaved as a test asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{self as otlp};
use prost::Message as _;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::eventually;

/// A certificate in PEM.
pub struct Certificate(pub String);

/// What the collector does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Takes it.
    Accept,
    /// Refuses it with this status.
    Refuse(u16),
    /// Refuses one request with this status, and takes those after it.
    RefuseOnce(u16),
    /// Takes it, and says that it threw so many spans away.
    Reject(i64),
    /// Reads it and never answers.
    Silence,
}

/// The collector. It ends with the runtime of its test.
pub struct Collector {
    port: u16,
    state: Arc<State>,
}

struct State {
    answer: Mutex<Answer>,
    requests: Mutex<Vec<Request>>,
}

impl State {
    /// What the collector does with this request.
    fn next_answer(&self) -> Answer {
        let mut answer = self.answer.lock().unwrap();
        let next = if let Answer::RefuseOnce(_) = *answer { Answer::Accept } else { *answer };
        std::mem::replace(&mut *answer, next)
    }
}

/// A request that was read to its end, taken or not.
#[derive(Debug, Clone)]
pub struct Request {
    /// The request line and the headers, names in small letters.
    pub head: String,
    pub answer: Answer,
    /// What the process says of itself.
    pub resource: BTreeMap<String, String>,
    pub spans: Vec<Span>,
    pub body: Vec<u8>,
}

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty where it has none.
    pub parent: String,
    pub name: String,
    pub kind: SpanKind,
    pub attributes: BTreeMap<String, String>,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
    pub dropped_links: u32,
    /// What went wrong; none where the status is no error.
    pub error: Option<String>,
    pub state: String,
    /// Nanoseconds since 1970.
    pub time: std::ops::Range<u64>,
}

impl Span {
    /// An attribute's text; empty where there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", |value| value)
    }

    /// Trace and span, as a link names them.
    pub fn ids(&self) -> (String, String) {
        (self.trace.clone(), self.id.clone())
    }

    /// Whether it is a record's.
    pub fn is_record(&self) -> bool {
        self.attributes.contains_key("worker.outcome")
    }

    /// Whether it is a batch's.
    pub fn is_batch(&self) -> bool {
        self.attributes.contains_key("messaging.batch.message_count")
    }

    /// Whether it is a statement's.
    pub fn is_statement(&self) -> bool {
        self.attributes.contains_key("db.system.name")
    }
}

impl Collector {
    /// Listens, and takes what comes.
    pub async fn start() -> Self {
        Self::on(0).await
    }

    /// The same on this port.
    pub async fn on(port: u16) -> Self {
        Self::with(port, None).await
    }

    /// One that speaks TLS, by a certificate of its own.
    pub async fn over_tls() -> (Self, Certificate) {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let collector = Self::with(0, Some(TlsAcceptor::from(Arc::new(config)))).await;
        (collector, Certificate(certified.cert.pem()))
    }

    async fn with(port: u16, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { answer: Mutex::new(Answer::Accept), requests: Mutex::default() });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (state, tls) = (shared.clone(), tls.clone());
                // A client that hangs up is none of the test's business.
                tokio::spawn(async move {
                    match tls {
                        None => drop(serve(client, &state).await),
                        Some(tls) => {
                            if let Ok(client) = tls.accept(client).await {
                                drop(serve(client, &state).await);
                            }
                        }
                    }
                });
            }
        });
        Self { port, state }
    }

    /// What it does from now on.
    pub fn answers(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    /// Its address, as `OTEL_EXPORTER_OTLP_ENDPOINT` wants it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Every span that it took.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        requests
            .filter(|request| request.answer == Answer::Accept)
            .flat_map(|request| request.spans)
            .collect()
    }

    /// Waits until as many spans are there as are asked for, and returns them.
    pub async fn eventually(&self, count: usize, wanted: impl Fn(&Span) -> bool) -> Vec<Span> {
        eventually(&format!("{count} spans"), async || {
            let found: Vec<Span> = self.spans().into_iter().filter(&wanted).collect();
            if found.len() >= count { Ok(Some(found)) } else { Err(format!("{found:#?}")) }
        })
        .await
    }
}

async fn serve(client: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if client.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
        client.read_exact(&mut body).await?;
        let answer = state.next_answer();
        state.requests.lock().unwrap().push(Request::read(head, answer, body));
        let (status, body) = match answer {
            Answer::Silence => return std::future::pending().await,
            Answer::Accept => (200, Vec::new()),
            Answer::Refuse(status) | Answer::RefuseOnce(status) => (status, Vec::new()),
            Answer::Reject(rejected_spans) => (200, partial(rejected_spans)),
        };
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write_all(&[head.into_bytes(), body].concat()).await?;
        client.flush().await?;
    }
}

fn partial(rejected_spans: i64) -> Vec<u8> {
    let error_message = "too old\u{1b}[2J".to_owned();
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

impl Request {
    fn read(head: String, answer: Answer, body: Vec<u8>) -> Self {
        let (mut resource, mut spans) = (BTreeMap::new(), Vec::new());
        if !head.contains("content-encoding") {
            for of_resource in ExportTraceServiceRequest::decode(&*body).unwrap().resource_spans {
                resource.extend(texts(of_resource.resource.unwrap().attributes));
                let of_scopes = of_resource.scope_spans.into_iter();
                spans.extend(of_scopes.flat_map(|of_scope| of_scope.spans).map(Span::from));
            }
        }
        Self { head, answer, resource, spans, body }
    }
}

impl From<otlp::Span> for Span {
    fn from(span: otlp::Span) -> Self {
        let status = span.status.clone().unwrap_or_default();
        Self {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            kind: span.kind(),
            name: span.name,
            attributes: texts(span.attributes),
            links: span
                .links
                .iter()
                .map(|Link { trace_id, span_id, .. }| (hex(trace_id), hex(span_id)))
                .collect(),
            dropped_links: span.dropped_links_count,
            error: (status.code() == StatusCode::Error).then_some(status.message),
            state: span.trace_state,
            time: span.start_time_unix_nano..span.end_time_unix_nano,
        }
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |attribute: KeyValue| {
        let value = match attribute.value.unwrap().value.unwrap() {
            any_value::Value::StringValue(text) => text,
            any_value::Value::IntValue(number) => number.to_string(),
            any_value::Value::BoolValue(truth) => truth.to_string(),
            other => panic!("{}: {other:?}", attribute.key),
        };
        (attribute.key, value)
    };
    attributes.into_iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
