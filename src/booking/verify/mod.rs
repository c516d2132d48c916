//! What bookings and ledger must say of each other, for `worker verify`.

use crate::statement::statement;
use crate::verify::Domain;

/// The checks of bookings.
#[must_use]
pub fn domain() -> Domain {
    Domain {
        name: "bookings",
        effects: &["accepted", "cancelled"],
        outcomes: statement!("outcomes.sql"),
        rows: statement!("rows.sql"),
        findings: statement!("findings.sql"),
    }
}
