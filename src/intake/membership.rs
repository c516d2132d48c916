//! Whether this worker is a member of its group, in either protocol.

use std::ffi::CStr;

use rdkafka::bindings as native;
use rdkafka::consumer::Consumer as _;

use super::rebalance::WorkerConsumer;

/// Whether the group has taken this worker: it is of a generation and has a name there, and with it its share of the
/// partitions, be it none. Neither is lost in a rebalance; one of them is where the group has given the worker up.
///
/// The callbacks do not tell: a spare worker hears of no share under KIP-848, nor of losing it under either protocol. Nor
/// do librdkafka's statistics: under KIP-848 a spare member's `join_state` stays `init`.
#[expect(unsafe_code, reason = "rdkafka's safe accessor keeps what it has read to itself")]
pub(super) fn is_member(consumer: &WorkerConsumer) -> bool {
    // SAFETY: the consumer is alive, and with it librdkafka's handle. What is returned is null or this function's to
    // destroy; the name in it ends with NUL and lives as long.
    unsafe {
        let membership = native::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if membership.is_null() {
            return false;
        }
        let generation = native::rd_kafka_consumer_group_metadata_generation_id(membership);
        let name = native::rd_kafka_consumer_group_metadata_member_id(membership);
        let is_named = !name.is_null() && !CStr::from_ptr(name).is_empty();
        native::rd_kafka_consumer_group_metadata_destroy(membership);
        generation > 0 && is_named
    }
}
