//! What bookings and ledger must say of each other, for `worker verify`.

use crate::verify::Domain;

/// The checks of bookings.
#[must_use]
pub fn domain() -> Domain {
    Domain {
        name: "bookings",
        effects: &["accepted", "cancelled"],
        outcomes: include_str!("outcomes.sql"),
        rows: include_str!("rows.sql"),
        findings: include_str!("findings.sql"),
    }
}
