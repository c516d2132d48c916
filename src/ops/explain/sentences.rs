//! What an outcome means, in a hotel's words.

/// The sentence for an outcome and its reason; empty where the words say it all.
pub(super) fn sentence(outcome: &str, reason: Option<&str>) -> &'static str {
    match (outcome, reason.unwrap_or_default()) {
        ("accepted", _) => "The booking was made.",
        ("cancelled", _) => "The booking was cancelled.",
        ("duplicate", _) => "The same booking was asked for again: nothing to do.",
        ("redriven", _) => "A person has sent it on its way again.",
        ("discarded", _) => "A person has given it up.",
        ("rejected", "not_owner") => "Refused: the booking is somebody else's.",
        ("rejected", "already_cancelled") => "Refused: the booking was cancelled before.",
        ("rejected", "not_cancellable") => "Refused: the booking is in no state to be cancelled.",
        ("rejected", "conflicting_booking") => "Refused: a booking of this id stands, with other content.",
        ("rejected", "room_taken") => "Refused: the room is taken for one of the nights or more.",
        ("rejected", "over_capacity") => "Refused: more guests than the room takes.",
        ("rejected", _) => "Refused by the rules.",
        ("held", "unknown_user") => "Its user is not known yet: it waits, and is tried again by itself.",
        ("held", "unknown_room") => "Its room is not known yet: it waits, and is tried again by itself.",
        ("held", "unknown_booking") => "It came before its booking: it waits for it.",
        ("held", "queued") => "An earlier record of this booking still waits: this one queues behind it.",
        ("held", _) => "It waits, and is tried again by itself.",
        ("dead", "waited_too_long") => "What it waited for did not come: it needs a person.",
        ("dead", _) => "It cannot be applied as it is: it needs a person.",
        _ => "",
    }
}
