//! The Trace Context matrix, and what holds for any bytes at all.

use proptest::prelude::*;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn continued(traceparent: &[u8], tracestate: &[&str]) -> TraceContext {
    TraceContext::continue_from([traceparent], tracestate.iter().map(|value| value.as_bytes()))
}

fn header() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

fn state(tracestate: &[&str]) -> String {
    continued(header().as_bytes(), tracestate).remote.expect("a remote parent").trace_state().header()
}

#[test]
fn a_well_formed_parent_is_continued() {
    let context = continued(header().as_bytes(), &["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]);
    let remote = context.remote.clone().expect("a remote parent");
    assert_eq!(context.trace_id_text().as_str(), TRACE);
    assert_eq!(context.trace_id.to_string(), TRACE);
    assert_eq!(context.span_id_text().as_str(), context.span_id.to_string());
    assert_eq!(remote.trace_id(), context.trace_id);
    assert_eq!(remote.span_id().to_string(), PARENT);
    assert_ne!(remote.span_id(), context.span_id);
    assert!(remote.is_remote() && remote.is_sampled());
    assert_eq!(remote.trace_state().header(), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
}

#[test]
fn a_later_try_continues_the_first_where_no_producer_has_a_trace() {
    let first = continued(b"", &[]);
    let span = SpanContext::new(first.trace_id, first.span_id, TraceFlags::SAMPLED, true, TraceState::NONE);
    let mut later = continued(b"", &[]);
    later.or_continue(&span);
    assert_eq!((later.trace_id, later.sampled), (first.trace_id, true));
    assert_eq!(later.remote, Some(span.clone()));
    assert_ne!(later.span_id, first.span_id);
    let mut produced = continued(header().as_bytes(), &[]);
    let before = produced.clone();
    produced.or_continue(&span);
    assert_eq!(produced, before);
}

#[test]
fn traceparents_are_judged_by_the_text_of_the_specification() {
    let zero_trace = "0".repeat(32);
    let matrix = [
        (header(), true),
        (format!("00-{TRACE}-{PARENT}-00"), true),
        (format!("00-{TRACE}-{PARENT}-ff"), true),
        (format!("01-{TRACE}-{PARENT}-01"), true),
        (format!("cc-{TRACE}-{PARENT}-01-what-follows"), true),
        (format!("cc-{TRACE}-{PARENT}-01-"), true),
        (format!("cc-{TRACE}-{PARENT}-01.what"), false),
        (format!("cc-{TRACE}-{PARENT}-0"), false),
        (format!("ff-{TRACE}-{PARENT}-01"), false),
        (format!("00-{TRACE}-{PARENT}-01-"), false),
        (format!("00-{TRACE}-{PARENT}-01 "), false),
        (format!(" 00-{TRACE}-{PARENT}-01"), false),
        (format!("00-{zero_trace}-{PARENT}-01"), false),
        (format!("00-{TRACE}-0000000000000000-01"), false),
        (format!("00-{}-{PARENT}-01", TRACE.to_uppercase()), false),
        (format!("0A-{TRACE}-{PARENT}-01"), false),
        (format!("00-{TRACE}-{PARENT}-0x"), false),
        (format!("00_{TRACE}-{PARENT}-01"), false),
        (format!("00-{TRACE}_{PARENT}-01"), false),
        (format!("00-{TRACE}-{PARENT}_01"), false),
        ("00-1-1-01".to_owned(), false),
        (String::new(), false),
        (format!("00-{}é-{PARENT}-01", &TRACE[2..]), false),
    ];
    for (header, good) in matrix {
        let context = continued(header.as_bytes(), &["a=1"]);
        assert_eq!(context.remote.is_some(), good, "{header:?}");
        assert_eq!(context.trace_id.to_string() == TRACE, good, "{header:?}");
        assert!(context.trace_id != TraceId::INVALID && context.span_id != SpanId::INVALID);
    }
}

#[test]
fn unknown_flags_are_not_carried_onward() {
    let context = continued(format!("00-{TRACE}-{PARENT}-ff").as_bytes(), &[]);
    assert_eq!(context.remote.expect("a remote parent").trace_flags(), TraceFlags::SAMPLED);
}

#[test]
fn several_parents_or_none_begin_a_new_trace() {
    let header = header();
    let twice = TraceContext::continue_from([header.as_bytes(), header.as_bytes()], []);
    let none = TraceContext::continue_from([], [b"a=1".as_slice()]);
    assert_eq!((twice.remote, none.remote), (None, None));
    assert_ne!(twice.trace_id, none.trace_id);
}

#[test]
fn a_bad_tracestate_is_dropped_alone() {
    assert_eq!(state(&["a=1, b=2 ,,", "", "c@d=3"]), "a=1,b=2,c@d=3");
    for bad in ["a", "=1", "a=", "A=1", "a=1\r\nx: y", "a=é", "a=1,a=2", "a=1=2", "é=1", "a=\u{7f}"] {
        assert_eq!(state(&["x=1", bad]), "", "{bad:?}");
    }
}

#[test]
fn a_long_tracestate_loses_long_members_first_and_then_the_last() {
    let long = format!("long={}", "x".repeat(200));
    let short: Vec<String> = (0..31).map(|index| format!("k{index:02}={}", "z".repeat(20))).collect();
    assert_eq!(state(&[&long, &short.join(",")]), short[..20].join(","));
    assert_eq!(state(&[&long, "a=1"]), format!("{long},a=1"));
    let medium: Vec<String> = (0..9).map(|index| format!("k{index}={}", "y".repeat(97))).collect();
    assert_eq!(state(&[&medium.join(",")]), medium[..5].join(","));
    let many: Vec<String> = (0..33).map(|index| format!("k{index}=v")).collect();
    assert_eq!(state(&[&many[..32].join(",")]), many[..32].join(","));
    assert_eq!(state(&[&many.join(",")]), "");
}

proptest! {
    #[test]
    fn any_bytes_yield_a_usable_context(
        parent in prop::collection::vec(any::<u8>(), 0..80),
        parent_like in "[0-9a-f]{2}-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}[-x]{0,2}",
        states in prop::collection::vec("[a-z0-9@=, \t]{0,300}|\\PC{0,20}|.{0,9}", 0..4),
    ) {
        for parent in [parent.as_slice(), parent_like.as_bytes()] {
            let context = TraceContext::continue_from([parent], states.iter().map(String::as_bytes));
            prop_assert!(context.trace_id != TraceId::INVALID && context.span_id != SpanId::INVALID);
            if let Some(remote) = context.remote {
                let state = remote.trace_state().header();
                prop_assert!(remote.is_valid() && state.len() <= MAX_TRACESTATE_BYTES);
                prop_assert!(state.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }
    }
}
