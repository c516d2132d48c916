//! W3C Trace Context as a record brings it: the producer's span, and the ids of the record's own.
//!
//! Parsed here, by <https://www.w3.org/TR/trace-context-2/>, because the ready-made propagator
//! (`opentelemetry_sdk` 0.33) accepts ids of any length (`00-1-1-01`), and its `TraceState` lets control
//! characters through, which would be sent onward as a header.

#[cfg(test)]
mod tests;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The most bytes of `tracestate` that are carried onward, as the specification asks at least.
pub const MAX_TRACESTATE_BYTES: usize = 512;
/// The most members of a `tracestate`; one with more is malformed.
const MAX_TRACESTATE_MEMBERS: usize = 32;
/// A longer member goes first when a `tracestate` must shrink.
const LONG_TRACESTATE_MEMBER: usize = 128;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The trace of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The producer's trace, or a new one.
    pub trace_id: TraceId,
    /// The record's own span, freshly drawn.
    pub span_id: SpanId,
    /// The producer's span, with its flags and `tracestate`; `None` when the trace is new.
    pub remote: Option<SpanContext>,
    /// Whether the trace is sampled, as is told onward: the producer's word, until the sampler has decided.
    pub sampled: bool,
}

impl TraceContext {
    /// Continues the trace that the record's headers name, or begins a new one.
    ///
    /// Both arguments are all values of their header, in order. A `traceparent` counts only when there
    /// is exactly one and it is well formed; a `tracestate` that is not is dropped alone.
    #[must_use]
    pub fn continue_from<'a>(
        traceparent: impl IntoIterator<Item = &'a [u8]>,
        tracestate: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut parents = traceparent.into_iter();
        let remote = match (parents.next(), parents.next()) {
            (Some(only), None) => parse_traceparent(only),
            _ => None,
        };
        let span_id = SpanId::from_bytes(fastrand::u64(1..).to_be_bytes());
        let Some((trace_id, parent_id, flags)) = remote else {
            let trace_id = TraceId::from_bytes(fastrand::u128(1..).to_be_bytes());
            return Self { trace_id, span_id, remote: None, sampled: false };
        };
        let state = parse_tracestate(tracestate).unwrap_or_default();
        let remote = Some(SpanContext::new(trace_id, parent_id, flags, true, state));
        Self { trace_id, span_id, remote, sampled: flags.is_sampled() }
    }

    /// Continues the trace of the record's first try, where the headers name none.
    pub fn or_continue(&mut self, first_try: &SpanContext) {
        if self.remote.is_none() {
            self.trace_id = first_try.trace_id();
            self.sampled = first_try.is_sampled();
            self.remote = Some(first_try.clone());
        }
    }

    /// The flags to send onward.
    #[must_use]
    pub fn flags(&self) -> TraceFlags {
        TraceFlags::default().with_sampled(self.sampled)
    }

    /// The trace's id as text, for log lines.
    #[must_use]
    pub fn trace_id_text(&self) -> HexId<32> {
        HexId::new(&self.trace_id.to_bytes())
    }

    /// The id of the record's own span as text, for log lines.
    #[must_use]
    pub fn span_id_text(&self) -> HexId<16> {
        HexId::new(&self.span_id.to_bytes())
    }
}

/// An identifier as lowercase hexadecimal text, several times as fast as its `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HexId<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> HexId<LENGTH> {
    fn new(bytes: &[u8]) -> Self {
        let mut text = [b'0'; LENGTH];
        for ([high, low], byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
            *high = DIGITS[usize::from(byte >> 4)];
            *low = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; a version above 00 may go on after a further dash.
fn parse_traceparent(header: &[u8]) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, rest) = header.split_at_checked(55)?;
    let [v1, v2, b'-', fields @ ..] = known else { return None };
    let (trace_id, fields) = fields.split_at_checked(32)?;
    let [b'-', fields @ ..] = fields else { return None };
    let (parent_id, fields) = fields.split_at_checked(16)?;
    let [b'-', f1, f2] = fields else { return None };

    let [version] = hex(&[*v1, *v2])?;
    let goes_on = version > 0 && rest.first() == Some(&b'-');
    if version == 0xff || !(rest.is_empty() || goes_on) {
        return None;
    }
    let trace_id = TraceId::from_bytes(hex(trace_id)?);
    let parent_id = SpanId::from_bytes(hex(parent_id)?);
    let [flags] = hex(&[*f1, *f2])?;
    // Flags other than "sampled" must not be carried onward before they mean something.
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    (trace_id != TraceId::INVALID && parent_id != SpanId::INVALID).then_some((trace_id, parent_id, flags))
}

/// Lowercase hexadecimal of exactly `LENGTH` bytes.
fn hex<const LENGTH: usize>(text: &[u8]) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != LENGTH {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// All headers as one list, shrunk to [`MAX_TRACESTATE_BYTES`]; `None` when one member is malformed.
fn parse_tracestate<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Option<TraceState> {
    let mut members = Vec::new();
    let mut length = 0;
    for header in headers {
        for member in std::str::from_utf8(header).ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let repeated = || members.iter().any(|(earlier, _)| *earlier == key);
            if members.len() == MAX_TRACESTATE_MEMBERS || !is_state(key, value) || repeated() {
                return None;
            }
            length += member.len() + 1;
            members.push((key, value));
        }
    }
    if length > MAX_TRACESTATE_BYTES {
        shrink(&mut members);
    }
    TraceState::from_key_value(members).ok()
}

/// What [`TraceState`] does not check itself: a key and printable ASCII.
fn is_state(key: &str, value: &str) -> bool {
    !key.is_empty() && !value.is_empty() && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Drops members as the specification advises: long ones first, then from the end.
fn shrink(members: &mut Vec<(&str, &str)>) {
    members.retain(|(key, value)| key.len() + 1 + value.len() <= LONG_TRACESTATE_MEMBER);
    let mut length = 0;
    let fitting = members.iter().take_while(|(key, value)| {
        length += key.len() + value.len() + "=,".len();
        length <= MAX_TRACESTATE_BYTES + ",".len()
    });
    let fitting = fitting.count();
    members.truncate(fitting);
}
