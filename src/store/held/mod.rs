//! `worker.held`: records set aside, whole, so that a retry or a person needs nothing else.

mod claim;
mod entries;
mod headers;
mod order;
mod passed_over;
mod patience;

pub use claim::{Changes, Claim, Claimed, claim};
pub use entries::{Entries, Reread, TakenBack, forget};
pub use headers::{OwnedHeader, headers_of};
pub use order::{Behind, behind, waiting, wake};
pub use passed_over::PassedOver;
pub use patience::Patience;
