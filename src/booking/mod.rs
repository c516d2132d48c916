//! Bookings: what their events mean and which rules they meet. One folder an event type.

mod announcement;
mod cancel;
mod create;
mod fields;
mod verify;

use crate::config::KafkaSettings;
use crate::lane::Route;

pub use verify::domain;

/// The topics of this domain, each with its handler.
#[must_use]
pub fn routes(settings: &KafkaSettings) -> Vec<Route> {
    let announces = settings.status_topic.is_some();
    vec![
        Route::new(&settings.booking_topic, create::Create { announces }),
        Route::new(&settings.cancellation_topic, cancel::Cancel { announces }),
    ]
}
