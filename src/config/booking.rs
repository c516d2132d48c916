//! The `BOOKING_` settings: the rules for new bookings that a hotel may ask for.

use serde::Deserialize;

use super::catalogue::{BOOKING_CAPACITY, BOOKING_OVERLAP};
use super::findings::Findings;
use super::parse::one_of;

/// Which new bookings are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BookingSettings {
    /// Those whose room is taken for any of their nights.
    pub refuse_overlap: bool,
    /// Those with more guests than their room's capacity.
    pub refuse_over_capacity: bool,
}

#[derive(Default, Deserialize)]
struct Texts {
    overlap: Option<String>,
    capacity: Option<String>,
}

impl BookingSettings {
    pub(super) fn read(findings: &mut Findings) -> Option<Self> {
        let texts: Texts = findings.texts("BOOKING_");
        let overlap = findings.required(&BOOKING_OVERLAP, texts.overlap.as_deref(), refuses);
        let capacity = findings.required(&BOOKING_CAPACITY, texts.capacity.as_deref(), refuses);
        Some(Self { refuse_overlap: overlap?, refuse_over_capacity: capacity? })
    }
}

fn refuses(text: &str) -> Result<bool, String> {
    one_of(text, &[("allow", false), ("refuse", true)])
}
