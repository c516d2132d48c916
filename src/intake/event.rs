//! What the polling thread hears of beside records: from the callbacks, from the lanes, from the search for brokers.

use crate::lane::End;
use crate::record::Partition;

/// What happens beside the records.
pub(super) enum Event {
    /// Partitions have come; they are paused.
    Assigned(Vec<Partition>),
    /// A lane has found where it begins.
    Found { partition: Partition, epoch: u64, position: i64 },
    /// A lane has ended.
    Ended { partition: Partition, epoch: u64, end: Ended },
    /// The brokers answer again.
    BrokersAnswer,
    /// The group membership is not what it should be.
    Broken(String),
}

/// How a partition's lane ended.
pub(super) enum Ended {
    /// After it had begun.
    Lane(End),
    /// Before: its position does not fit the topic.
    Halted,
}
