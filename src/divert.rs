//! Okteto Divert: which records belong to this worker's namespace.

use crate::baggage::Baggage;

/// The baggage member that names the namespace a record belongs to.
const MEMBER: &str = "okteto-divert";

/// The namespace whose records this worker applies.
#[derive(Debug, Clone, Default)]
pub struct Divert {
    environment: Option<String>,
}

impl Divert {
    /// A worker of this diverted environment; of the shared one where there is none.
    #[must_use]
    pub fn new(environment: Option<String>) -> Self {
        Self { environment }
    }

    /// Whether a record with this baggage is this worker's to apply: in the shared environment the records
    /// without the member, in a diverted one those whose member names it.
    #[must_use]
    pub fn owns(&self, baggage: &Baggage) -> bool {
        namespace(baggage) == self.environment()
    }

    /// The diverted environment; none for the shared worker.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }
}

/// The namespace that a record with this baggage belongs to; none for the shared one.
#[must_use]
pub fn namespace(baggage: &Baggage) -> Option<&str> {
    baggage.get(MEMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_belongs_to_exactly_one_of_shared_and_overlay() {
        let shared = Divert::new(None);
        let overlay = Divert::new(Some("ana".into()));
        for (header, owner) in [
            ("", "shared"),
            ("tenant=acme", "shared"),
            ("okteto-divert=ana", "overlay"),
            ("tenant=acme, okteto-divert=%61na;p=1", "overlay"),
            ("okteto-divert=anabel", "neither"),
            ("x-okteto-divert=ana", "shared"),
        ] {
            let baggage = Baggage::parse([header.as_bytes()]);
            assert_eq!(shared.owns(&baggage), owner == "shared", "{header}");
            assert_eq!(overlay.owns(&baggage), owner == "overlay", "{header}");
        }
    }
}
