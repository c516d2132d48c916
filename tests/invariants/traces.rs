//! Trace context from the record's headers to the log line and the ledger.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::support::{Message, World, about, booking, shown};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_records_trace_is_its_producers_or_a_new_one() {
    let world = World::new(1).await;
    let good = format!("00-{TRACE}-{PARENT}-01");
    let upper = format!("00-{}-{PARENT}-01", TRACE.to_uppercase());
    let zero = "0".repeat(32);
    // The headers of a record, and whether it continues the producer's trace.
    let cases: Vec<(Vec<(&str, String)>, bool)> = vec![
        (vec![("traceparent", good.clone())], true),
        (vec![("TraceParent", good.clone()), ("TRACESTATE", "rojo=1,congo=t61rcWkgMzE".into())], true),
        (vec![("traceparent", format!("00-{TRACE}-{PARENT}-00"))], true),
        (vec![("traceparent", format!("cc-{TRACE}-{PARENT}-01-later"))], true),
        // A bad tracestate is dropped alone.
        (vec![("traceparent", good.clone()), ("tracestate", "a=1\r\nforged: yes".into())], true),
        (vec![], false),
        (vec![("tracestate", "a=1".into())], false),
        (vec![("traceparent", String::new())], false),
        (vec![("traceparent", good.clone()), ("traceparent", good.clone())], false),
        (vec![("traceparent", "00-1-1-01".into())], false),
        (vec![("traceparent", format!("00-{zero}-{PARENT}-01"))], false),
        (vec![("traceparent", format!("00-{TRACE}-0000000000000000-01"))], false),
        (vec![("traceparent", format!("ff-{TRACE}-{PARENT}-01"))], false),
        (vec![("traceparent", format!("00-{TRACE}-{PARENT}-01-more"))], false),
        (vec![("traceparent", upper)], false),
        (vec![("traceparent", format!(" {good}"))], false),
    ];
    let messages: Vec<Message> = cases
        .iter()
        .enumerate()
        .map(|(index, (headers, _))| {
            let message = Message::event(&booking(&format!("b{index}"))).header("baggage", "tenant=acme");
            headers.iter().fold(message, |message, (name, value)| message.header(name, value))
        })
        .collect();
    let places = world.produce_all(&world.bookings, &messages).await;
    let worker = world.worker();
    world.settled().await;
    let ledger = world.ledger().await;
    let lines = worker.stop().await;
    let (mut spans, mut new) = (HashSet::new(), HashSet::new());
    for (((headers, continued), entry), place) in cases.iter().zip(&ledger).zip(places) {
        let line = about(&lines, &world.bookings, place);
        let (trace, span) = (shown(line, "traceId").unwrap(), shown(line, "spanId").unwrap());
        let stored = entry.trace_id.as_deref().unwrap();
        assert_eq!(stored.len(), 16);
        let hex = stored.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        assert_eq!(hex, trace, "the ledger and the log name one trace: {headers:?}");
        assert_eq!(trace == TRACE, *continued, "{headers:?}");
        assert_eq!((trace.len(), span.len()), (32, 16));
        assert!(trace != zero && span != PARENT, "{line}");
        assert!(spans.insert(span.to_owned()), "each record has a span of its own");
        assert!(*continued || new.insert(trace.to_owned()), "a new trace is nobody else's");
    }
    assert_eq!(ledger.len(), cases.len());
}
