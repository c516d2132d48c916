//! Sends what waits, on a thread of its own, and says in the log when spans are lost: once, and once when it is over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Compression, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

use super::queue::Queue;
use super::transport::{Noticed, Transport};
use crate::config::TracesSettings;

/// How long all must go well before that is said.
const CALM: Duration = Duration::from_secs(5);

/// The worker's name, where no setting gives another.
const SERVICE: &str = "booking-worker";

/// The thread's work.
pub(super) struct Export {
    exporter: SpanExporter,
    noticed: Arc<Mutex<Noticed>>,
    queue: Arc<Queue>,
    stop: watch::Receiver<bool>,
    delay: Duration,
    timeout: Duration,
    endpoint: String,
    /// When spans were last lost, where that has been said.
    trouble: Option<Instant>,
    /// Lost spans that have been looked at.
    seen: u64,
    /// Lost spans when trouble began.
    before: u64,
}

impl Export {
    /// Starts the thread; the receiver is closed when it has sent what waited after `stop`.
    pub(super) fn start(
        settings: &TracesSettings,
        queue: Arc<Queue>,
        stop: watch::Receiver<bool>,
    ) -> Result<watch::Receiver<()>> {
        let noticed = Arc::default();
        let export = Self {
            exporter: exporter(settings, Arc::clone(&noticed))?,
            noticed,
            queue,
            stop,
            delay: settings.queue.schedule_delay,
            timeout: settings.queue.export_timeout,
            endpoint: settings.collector.endpoint.clone(),
            trouble: None,
            seen: 0,
            before: 0,
        };
        let (alive, ended) = watch::channel(());
        // Its own, so that neither encoding nor a slow collector takes anything from the lanes.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || {
                runtime.block_on(export.run());
                drop(alive);
            })
            .context("the thread")?;
        Ok(ended)
    }

    async fn run(mut self) {
        loop {
            let stopping = self.wait().await;
            loop {
                let spans = self.queue.take();
                if spans.is_empty() {
                    break;
                }
                self.send(spans).await;
                if !stopping && !self.queue.fills_a_request() {
                    break;
                }
            }
            self.look();
            if stopping {
                return;
            }
        }
    }

    /// Waits until there is something to do; true when that is the last of it.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => true,
            () = self.queue.full.notified() => false,
            () = tokio::time::sleep(self.delay) => false,
        }
    }

    /// One request, repeated by the exporter where the collector asks for that or cannot be reached.
    async fn send(&mut self, spans: Vec<SpanData>) {
        let count = spans.len();
        let sent = tokio::time::timeout(self.timeout, self.exporter.export(spans)).await;
        self.queue.sent();
        let noticed = std::mem::take(&mut *self.noticed.lock().unwrap_or_else(PoisonError::into_inner));
        let (lost, error) = match (sent, noticed) {
            (Ok(Ok(())), Noticed { rejected: None, .. }) => return self.look(),
            (Ok(Ok(())), Noticed { rejected: Some((spans, message)), .. }) => {
                let lost = usize::try_from(spans).unwrap_or(count).min(count);
                (lost, format!("the collector rejected spans: {message}"))
            }
            (Ok(Err(error)), noticed) => (count, noticed.error.unwrap_or_else(|| error.to_string())),
            (Err(_), _) => (count, "the collector did not take the spans in time".to_owned()),
        };
        self.queue.lose(lost);
        self.complain(&error);
    }

    /// Looks whether spans were dropped because too many waited, or whether trouble is over.
    fn look(&mut self) {
        if self.queue.lost() > self.seen {
            self.complain("more spans than the collector takes: the queue is full (OTEL_BSP_MAX_QUEUE_SIZE)");
        } else if self.trouble.is_some_and(|last| last.elapsed() >= CALM) {
            self.trouble = None;
            let lost = self.seen - self.before;
            tracing::info!(endpoint = self.endpoint, lost, "traces are exported again");
        }
    }

    fn complain(&mut self, error: &str) {
        if self.trouble.is_none() {
            self.before = self.seen;
            tracing::warn!(
                endpoint = self.endpoint,
                error,
                "spans are lost: the collector does not take them; records are applied all the same"
            );
        }
        self.trouble = Some(Instant::now());
        self.seen = self.queue.lost();
    }
}

fn exporter(settings: &TracesSettings, noticed: Arc<Mutex<Noticed>>) -> Result<SpanExporter> {
    let collector = &settings.collector;
    let headers = collector.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
    // All is given here: what is given counts before what the exporter would read from the environment.
    let mut builder = SpanExporter::builder()
        .with_http()
        .with_http_client(Transport::new(collector, noticed)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&collector.endpoint)
        .with_timeout(collector.timeout)
        .with_headers(headers);
    if collector.compressed {
        builder = builder.with_compression(Compression::Gzip);
    }
    let mut exporter = builder.build()?;
    exporter.set_resource(&resource(settings));
    Ok(exporter)
}

/// What the spans say of this process: its own, unless a setting says another.
fn resource(settings: &TracesSettings) -> Resource {
    let attribute = |name: &str, value: &str| KeyValue::new(name.to_owned(), value.to_owned());
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.name", SERVICE),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance()),
        ])
        .with_attributes(settings.resource.iter().map(|(name, value)| attribute(name, value)))
        .with_attributes(settings.service_name.iter().map(|name| attribute("service.name", name)))
        .build()
}

/// A random UUID (version 4), as the conventions ask: no two processes share it.
fn instance() -> String {
    let random = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{random:032x}");
    let part = |range| digits.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
