//! Headers as real producers write them: W3C Baggage and trace context, or none at all.

use fastrand::Rng;

/// A record's headers, in order.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// Today's web client, a producer with the full set, one that writes `Baggage`, and one without any.
pub(crate) fn some(random: &mut Rng, number: u64) -> Headers {
    match random.u8(0..100) {
        0..45 => vec![("baggage", format!("trace-id={}", letters(random, 9)))],
        45..75 => {
            let mut headers = vec![("baggage", rig(number)), ("traceparent", traceparent(random))];
            if random.bool() {
                headers.push(("tracestate", "rig=00f067aa0ba902b7".to_owned()));
            }
            headers
        }
        75..88 => vec![("Baggage", rig(number)), ("baggage", "channel=mobile".to_owned())],
        _ => Vec::new(),
    }
}

/// Headers of a record that belongs to a diverted namespace.
pub(crate) fn diverted(random: &mut Rng, number: u64) -> Headers {
    let baggage = format!("{},okteto-divert=jane", rig(number));
    vec![("baggage", baggage), ("traceparent", traceparent(random))]
}

/// `length` lower-case letters and digits.
pub(crate) fn letters(random: &mut Rng, length: usize) -> String {
    (0..length).map(|_| random.digit(36)).collect()
}

fn rig(number: u64) -> String {
    format!("trace-id=rig{number:06},tenant=acme;scope=rig,note=caf%C3%A9")
}

fn traceparent(random: &mut Rng) -> String {
    // Neither id may be zero.
    let trace = random.u128(1..);
    let span = random.u64(1..);
    format!("00-{trace:032x}-{span:016x}-01")
}
