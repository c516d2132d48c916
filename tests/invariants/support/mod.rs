//! What the tests share: the stack, a world of its own per test, worker processes, records to produce.

pub mod bare_root;
mod batches;
pub mod browser;
pub mod certificates;
pub mod collector;
mod command;
pub mod compare;
mod consistency;
mod events;
mod flood;
mod headers;
mod held;
pub mod http;
mod lanes;
mod ledger;
mod lines;
pub mod load;
mod lock;
pub mod metrics;
mod observe;
mod oracle;
mod process;
pub mod proxy;
mod published;
pub mod schema;
pub mod servers;
mod world;

pub use command::Said;
pub use events::{Message, booking, cancellation};
pub use flood::{Stop, booking_of, names};
pub use held::Held;
pub use ledger::Entry;
pub use lines::{about, of_records, shown};
pub use lock::Lock;
pub use process::Worker;
pub use published::Published;
pub use world::{World, stack};

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a test waits for a condition, while nothing changes, before it fails.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// How long it waits in all.
const LONGEST: Duration = Duration::from_mins(5);

/// Asks until the answer is there; fails with what was waited for when the deadline passes. As long as what is said
/// instead of the answer changes, there is progress, and the deadline is put off.
pub async fn eventually<T, E: Debug>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>, E>) -> T {
    let latest = Instant::now() + LONGEST;
    let mut deadline = Instant::now() + DEADLINE;
    let mut before = String::new();
    loop {
        let last = match ask().await {
            Ok(Some(answer)) => return answer,
            Ok(None) => "not yet".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        if last != before {
            deadline = latest.min(Instant::now() + DEADLINE);
            before.clone_from(&last);
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}: {last}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
