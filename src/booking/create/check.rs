//! Asks PostgreSQL what the hotel's rules need to know, behind locks where the answer must still hold at COMMIT.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::Date;

use super::event::BookingEvent;
use super::policy::{self, Refusals, Rooms};
use super::rules::{Booking, Found};
use super::standing;
use crate::config::BookingSettings;
use crate::fault::{Cause, Fault};
use crate::statement::statement;
use crate::store::Transaction;

/// The bookings of a batch that are to be inserted, and which of them are refused.
pub(super) struct Checked {
    /// The events to insert, ordered by booking id.
    pub(super) new: Vec<usize>,
    /// Why some of them are refused.
    pub(super) refusals: Refusals,
    /// Whether the refusals rest on it that all of `new` are inserted.
    all_count: bool,
}

impl Checked {
    /// Checks the first events of each booking. Where no rule is on, no statement is sent.
    ///
    /// Where overlaps are refused, `existing` gets the bookings that stand under the events' ids: what stands is not
    /// new, and takes no room in this batch.
    pub(super) async fn of(
        transaction: &Transaction,
        rules: BookingSettings,
        events: &[&BookingEvent],
        found: &[Found],
        distinct: &[usize],
        existing: &mut HashMap<String, Booking>,
    ) -> Result<Self, Fault> {
        let mut new = distinct.to_vec();
        let mut rooms = Rooms::default();
        if new.is_empty() || rules == BookingSettings::default() {
            return Ok(Self { new, refusals: Refusals::new(), all_count: false });
        }
        let capacities = capacities(transaction, rules, found, distinct).await?;
        if rules.refuse_over_capacity {
            rooms.capacities = capacities;
        }
        if rules.refuse_overlap {
            // Only now: these statements see whatever was committed before the rooms were locked.
            let (stand, taken) = tokio::join!(
                biased;
                standing(transaction, events, distinct),
                taken(transaction, events, found, distinct),
            );
            existing.extend(stand?);
            rooms.taken = Some(taken?);
            new.retain(|&index| !existing.contains_key(&events[index].booking_id));
        }
        let refusals = policy::refusals(events, found, &new, &rooms);
        Ok(Self { new, refusals, all_count: rules.refuse_overlap })
    }

    /// Makes sure that the refusals are still right, where only so many bookings were inserted.
    ///
    /// # Errors
    /// [`Fault::Transient`] where another session has created one of the bookings meanwhile, in another room: the
    /// next try sees it.
    pub(super) fn hold(&self, inserted: usize) -> Result<(), Fault> {
        if self.all_count && inserted < self.new.len() {
            let cause = "a booking was created elsewhere while its room was looked at";
            return Err(Fault::Transient(Cause::new(cause)));
        }
        Ok(())
    }
}

/// The capacity of each room that has one; locks the rooms where overlaps are refused.
async fn capacities(
    transaction: &Transaction,
    rules: BookingSettings,
    found: &[Found],
    indexes: &[usize],
) -> Result<HashMap<i32, i32>, Fault> {
    let rooms: BTreeSet<i32> = indexes.iter().filter_map(|&index| found[index].room).collect();
    let rooms: Vec<i32> = rooms.into_iter().collect();
    let rows = if rules.refuse_overlap {
        transaction.write(statement!("booking_rooms_locked", "rooms_locked.sql"), &[&rooms]).await?
    } else {
        transaction.read(statement!("booking_rooms", "rooms.sql"), &[&rooms]).await?
    };
    let mut capacities = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Some(capacity) = row.try_get(1)? {
            capacities.insert(row.try_get(0)?, capacity);
        }
    }
    Ok(capacities)
}

/// Of these events, those whose room is taken by a booking that stands.
async fn taken(
    transaction: &Transaction,
    events: &[&BookingEvent],
    found: &[Found],
    indexes: &[usize],
) -> Result<HashSet<usize>, Fault> {
    let rooms: Vec<Option<i32>> = indexes.iter().map(|&index| found[index].room).collect();
    let starts: Vec<Date> = indexes.iter().map(|&index| events[index].start).collect();
    let ends: Vec<Date> = indexes.iter().map(|&index| events[index].end).collect();
    let rows = transaction.read(statement!("booking_taken", "taken.sql"), &[&rooms, &starts, &ends]).await?;
    let mut taken = HashSet::with_capacity(rows.len());
    for row in rows {
        let ordinal: i64 = row.try_get(0)?;
        let place = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
        taken.extend(place.and_then(|place| indexes.get(place)));
    }
    Ok(taken)
}
