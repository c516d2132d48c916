//! Bookings: what their events mean and which rules they meet. One folder an event type.

mod announcement;
mod cancel;
mod create;
mod fields;
mod verify;

use crate::config::Settings;
use crate::route::Route;

pub use verify::domain;

/// What the events of this domain are about, in the types of status events.
const KIND: &str = "booking";

/// The topics of this domain, each with its handler.
#[must_use]
pub fn routes(settings: &Settings) -> Vec<Route> {
    let kafka = &settings.kafka;
    let announces = kafka.status_topic.is_some();
    vec![
        Route::new(&kafka.booking_topic, create::Create { announces, refuses: settings.booking }),
        Route::new(&kafka.cancellation_topic, cancel::Cancel { announces }),
    ]
}
