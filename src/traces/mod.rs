//! Traces for an OpenTelemetry collector: a span of each sampled record, of its batch, and of the batch's statements.
//!
//! Spans are built here and not by the SDK's tracer: a record's ids stand in its log line, in the ledger and in the
//! status event before anybody knows whether its batch commits, and the tracer (`opentelemetry_sdk` 0.33) takes no
//! ids from outside. So nothing is built until the commit is known, nor what the queue has no room for.
//!
//! The way of a span: `sampler` decides which records have one; `tried` follows one transaction, whose statements
//! `statements` notes; `spans` puts them into the semantic conventions' words; `queue` bounds what waits; `export`,
//! on a thread of its own, hands them to the OTLP exporter, which sends them through `transport`.

mod export;
mod queue;
mod sampler;
mod spans;
mod statements;
mod transport;
mod tried;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Settings;
use crate::fault::Cause;
use crate::trace_context::TraceContext;
use export::Export;
use queue::Queue;
use sampler::Sampler;
use spans::Words;

pub(crate) use statements::Statements;
pub(crate) use tried::{Tried, Work};

/// The traces of one worker.
pub struct Traces {
    sampler: Sampler,
    words: Words,
    queue: Arc<Queue>,
    /// Most records that a batch's span links.
    link_limit: usize,
    stop: watch::Sender<bool>,
    /// Closed when the last span is sent.
    ended: watch::Receiver<()>,
}

impl Traces {
    /// Starts the thread that sends spans; none where traces are off.
    ///
    /// # Errors
    /// A certificate file without certificates, or no thread.
    pub fn start(settings: &Settings) -> Result<Option<Arc<Self>>, Cause> {
        let Some(traces) = &settings.traces else { return Ok(None) };
        let failed = |error: anyhow::Error| Cause::new(format!("traces: {error:#}"));
        let queue = Arc::new(Queue::new(traces.queue.size, traces.queue.batch_size));
        let (stop, stopped) = watch::channel(false);
        let ended = Export::start(traces, queue.clone(), stopped).map_err(failed)?;
        tracing::info!(endpoint = traces.collector.endpoint, "traces are on");
        Ok(Some(Arc::new(Self {
            sampler: Sampler::new(traces.sampler),
            words: Words::of(settings),
            queue,
            link_limit: traces.link_limit,
            stop,
            ended,
        })))
    }

    /// Decides whether a record has a span. What is told onward has to say the same.
    pub(crate) fn sample(&self, trace: &mut TraceContext) {
        trace.sampled = self.sampler.samples(trace);
    }

    /// Sends what waits, but waits no longer than this for the collector.
    pub async fn finish(&self, limit: Duration) {
        self.stop.send_replace(true);
        let mut ended = self.ended.clone();
        // Nothing is ever sent: it changes only by closing.
        if tokio::time::timeout(limit, ended.changed()).await.is_err() {
            let spans = self.queue.unsent();
            tracing::warn!(spans, "the collector did not take the last spans in time; they are lost");
        }
    }
}
