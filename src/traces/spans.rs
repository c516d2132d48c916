//! Spans in the words of OpenTelemetry's semantic conventions; what has none there begins with `worker.`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::statements::Ended;
use super::tried::Work;
use crate::config::Settings;
use crate::fault::{Cause, Fault};
use crate::outcome::{Outcome, Told};

/// The most bytes of a sentence in a span.
const LONGEST_SENTENCE: usize = 1024;

/// What all spans of a worker have in common.
pub(super) struct Words {
    scope: InstrumentationScope,
    group: Arc<str>,
    database: Arc<str>,
    host: Arc<str>,
    port: i64,
}

/// A batch's own span.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

impl Ids {
    /// A trace of its own: a batch has records of many.
    pub(super) fn draw() -> Self {
        Self { trace: TraceId::from_bytes(fastrand::u128(1..).to_be_bytes()), span: draw_span() }
    }

    /// As others link it. What is asked for is sampled.
    pub(super) fn context(self) -> SpanContext {
        SpanContext::new(self.trace, self.span, TraceFlags::SAMPLED, false, TraceState::NONE)
    }
}

fn draw_span() -> SpanId {
    SpanId::from_bytes(fastrand::u64(1..).to_be_bytes())
}

impl Words {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            scope: InstrumentationScope::builder("booking-worker")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            group: settings.kafka.group_id.as_str().into(),
            database: settings.database.name.as_str().into(),
            host: settings.database.host.as_str().into(),
            port: settings.database.port.into(),
        }
    }

    /// A record that was applied: its producer's trace continued, under the ids that its log line and the ledger
    /// have.
    pub(super) fn record(&self, told: &Told<'_>, outcome: &Outcome, work: &Work<'_>, batch: Ids) -> SpanData {
        let (context, trace) = (told.context, &told.context.trace);
        let mut attributes = self.messaging(work.topic, 16);
        attributes
            .push(KeyValue::new("messaging.destination.partition.id", context.partition.number.to_string()));
        attributes.push(KeyValue::new("messaging.kafka.offset", context.offset));
        if told.record.key().is_some_and(|key| std::str::from_utf8(key).is_ok()) {
            attributes.push(KeyValue::new("messaging.kafka.message.key", told.record.key_text()));
        }
        if told.record.payload().is_none() {
            attributes.push(KeyValue::new("messaging.kafka.message.tombstone", true));
        }
        attributes.push(KeyValue::new("worker.subject", told.subject.to_owned()));
        attributes.push(KeyValue::new("worker.outcome", outcome.name()));
        if let Some(reason) = outcome.reason() {
            attributes.push(KeyValue::new("worker.reason", reason));
        }
        if work.retried {
            attributes.push(KeyValue::new("worker.retried", true));
        }
        let mut status = Status::Unset;
        if let Outcome::Dead(invalid) = outcome {
            attributes.push(KeyValue::new("error.type", invalid.reason));
            status = error(&invalid.detail);
        }
        let baggage = context.baggage.for_log(context.log_keys).members();
        attributes.extend(baggage.map(|(key, value)| KeyValue::new(format!("baggage.{key}"), value)));
        // The producer's span, as the conventions ask, and the batch's, where the statements are.
        let links = trace.remote.iter().cloned().chain([batch.context()]);
        let state = trace.remote.as_ref().map(|remote| remote.trace_state().clone()).unwrap_or_default();
        SpanData {
            span_context: SpanContext::new(trace.trace_id, trace.span_id, trace.flags(), false, state),
            parent_span_id: trace.remote.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: trace.remote.is_some(),
            links: all(links),
            status,
            ..self.span(SpanKind::Consumer, format!("process {}", work.topic).into(), work.taken, attributes)
        }
    }

    /// One try at a batch, a trace of its own that links the spans of its records.
    pub(super) fn batch(&self, ids: Ids, begun: SystemTime, work: &Work<'_>, links: SpanLinks) -> SpanData {
        let mut attributes = self.messaging(work.topic, 8);
        let count = i64::try_from(work.records).unwrap_or(i64::MAX);
        attributes.push(KeyValue::new("messaging.batch.message_count", count));
        if let Some(partition) = work.partition {
            attributes.push(KeyValue::new("messaging.destination.partition.id", partition.to_string()));
        }
        if work.retried {
            attributes.push(KeyValue::new("worker.retried", true));
        }
        let mut status = Status::Unset;
        // To let an earlier record go first is no failure.
        if let Some(fault) = work.fault.filter(|fault| !matches!(fault, Fault::GivesWay(_))) {
            attributes.push(KeyValue::new("error.type", error_type(fault)));
            status = error(&fault.to_string());
        }
        let name = format!("process {} batch", work.topic).into();
        SpanData {
            span_context: ids.context(),
            links,
            status,
            ..self.span(SpanKind::Consumer, name, begun, attributes)
        }
    }

    /// A statement of a batch's transaction; never its parameters.
    pub(super) fn statement(&self, batch: Ids, ended: Ended) -> SpanData {
        let operation = ended.statement.operation;
        let mut attributes = vec![
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.namespace", self.database.clone()),
            KeyValue::new("db.operation.name", operation),
            KeyValue::new("server.address", self.host.clone()),
            KeyValue::new("server.port", self.port),
        ];
        if let Some(table) = table(ended.statement.sql) {
            attributes.push(KeyValue::new("db.collection.name", table));
        }
        let mut status = Status::Unset;
        if let Some(code) = ended.error {
            status = error(&code);
            attributes.push(KeyValue::new("error.type", code));
        }
        let ids = Ids { span: draw_span(), ..batch };
        SpanData {
            span_context: ids.context(),
            parent_span_id: batch.span,
            end_time: ended.end,
            status,
            ..self.span(SpanKind::Client, Cow::Borrowed(operation), ended.begun, attributes)
        }
    }

    fn messaging(&self, topic: &Arc<str>, room: usize) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(room);
        attributes.extend([
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "process"),
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.destination.name", topic.clone()),
            KeyValue::new("messaging.consumer.group.name", self.group.clone()),
        ]);
        attributes
    }

    /// A span that ends now, without parent, links or error.
    fn span(
        &self,
        span_kind: SpanKind,
        name: Cow<'static, str>,
        begun: SystemTime,
        attributes: Vec<KeyValue>,
    ) -> SpanData {
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind,
            name,
            start_time: begun,
            end_time: SystemTime::now(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// Links to these spans.
pub(super) fn all(contexts: impl Iterator<Item = SpanContext>) -> SpanLinks {
    let mut links = SpanLinks::default();
    links.links = contexts.map(Link::with_context).collect();
    links
}

fn error(sentence: &str) -> Status {
    Status::error(
        sentence.get(..sentence.floor_char_boundary(LONGEST_SENTENCE)).unwrap_or_default().to_owned(),
    )
}

/// The SQLSTATE, or a word where the server has not answered.
pub(super) fn error_type(fault: &Fault) -> String {
    let (cause, word) = match fault {
        Fault::Transient(cause) => (Some(cause), "transient"),
        Fault::Record(cause) => (Some(cause), "record"),
        Fault::StaleStatement(cause) => (Some(cause), "stale_statement"),
        Fault::Recorded(cause) => (Some(cause), "recorded"),
        Fault::CommitUnknown(cause) => (Some(cause), "commit_unknown"),
        Fault::Fatal(cause) => (Some(cause), "fatal"),
        Fault::Overtaken => (None, "overtaken"),
        Fault::GivesWay(_) => (None, "gives_way"),
    };
    let code = cause.and_then(|cause: &Cause| cause.code.as_ref());
    code.map_or_else(|| word.to_owned(), |code| code.code().to_owned())
}

/// The one table that a statement changes or, where it changes none, begins with.
fn table(sql: &'static str) -> Option<&'static str> {
    let after = |word: &str| {
        let name = sql.lines().find_map(|line| line.trim_start().strip_prefix(word))?;
        name.split([' ', ';']).next().filter(|name| name.contains('.') && !name.contains('('))
    };
    ["INSERT INTO ", "UPDATE ", "DELETE FROM ", "FROM "].into_iter().find_map(after)
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn a_statements_table_is_read_from_its_text() {
        for (sql, expected) in [
            (include_str!("../store/ledger_insert.sql"), Some("worker.ledger")),
            (include_str!("../store/positions_advance.sql"), Some("worker.positions")),
            (include_str!("../store/held/waiting.sql"), Some("worker.held")),
            (include_str!("../store/held/forget.sql"), Some("worker.held")),
            (include_str!("../booking/create/insert.sql"), Some("public.bookings")),
            (include_str!("../booking/create/resolve.sql"), None),
            ("COMMIT", None),
        ] {
            assert_eq!(table(sql), expected, "{sql}");
        }
    }
}
