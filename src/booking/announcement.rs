//! What the status event says about a booking.

use serde::Serialize;

/// The booking's part of a status event: how the booking stands once its record has been applied.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Announcement<'a> {
    /// None for a booking that no event made: nobody outside knows an id for it.
    pub(super) booking_id: Option<&'a str>,
    /// `Accepted`, `Cancelled` or `Refused`; none where the table says none.
    pub(super) status: Option<&'a str>,
    /// Who asked, as the record names them.
    pub(super) user_id: &'a str,
    /// The room's `internal_id`.
    pub(super) room_id: Option<&'a str>,
}

impl Announcement<'_> {
    /// The JSON object.
    pub(super) fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}
