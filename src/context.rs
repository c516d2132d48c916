//! What travels with a record beside its payload: coordinates, baggage, trace.

use crate::baggage::{Baggage, LogKeys};
use crate::record::{Partition, Record};
use crate::trace_context::TraceContext;

/// Where a record stands and what its headers carry.
pub struct Context<'a> {
    /// The record's partition.
    pub partition: &'a Partition,
    /// The record's offset.
    pub offset: i64,
    /// Its W3C Baggage.
    pub baggage: Baggage,
    /// Its W3C trace: the producer's span, continued.
    pub trace: TraceContext,
    /// The baggage keys that may be logged.
    pub log_keys: &'a LogKeys,
}

impl<'a> Context<'a> {
    /// Reads a record's headers. A fault in a header costs that header, never the record.
    #[must_use]
    pub fn of(record: &Record, partition: &'a Partition, log_keys: &'a LogKeys) -> Self {
        Self {
            partition,
            offset: record.offset,
            baggage: Baggage::parse(record.header_values("baggage")),
            trace: TraceContext::continue_from(
                record.header_values("traceparent"),
                record.header_values("tracestate"),
            ),
            log_keys,
        }
    }
}

/// Opens the span of one record: coordinates, baggage and trace, and the fields given.
///
/// It is opened at ERROR level so that no log filter can part an error line from its record.
#[macro_export]
macro_rules! record_span {
    ($context:expr, $($fields:tt)*) => {{
        let context: &$crate::context::Context<'_> = $context;
        let baggage = Some(context.baggage.for_log(context.log_keys)).filter(|baggage| !baggage.is_empty());
        ::tracing::error_span!(
            "record",
            $($fields)*,
            topic = &*context.partition.topic,
            partition = context.partition.number,
            offset = context.offset,
            baggage = baggage.as_ref().map(|baggage| ::tracing::field::display(baggage.text())),
            baggageMembers = baggage.as_ref().map(|baggage| ::tracing::field::display(baggage.members_json())),
            traceId = context.trace.trace_id_text().as_str(),
            spanId = context.trace.span_id_text().as_str(),
        )
    }};
}
