//! Which sequence numbers were seen: one bit each, in pages that exist where there are any.

use std::collections::BTreeMap;

/// Numbers in a page, as a power of two.
const PAGE_BITS: u32 = 12;

/// A set of numbers that lie close together.
#[derive(Default)]
pub(super) struct Seen {
    pages: BTreeMap<i64, Box<[u64; 1 << (PAGE_BITS - 6)]>>,
}

impl Seen {
    pub(super) fn insert(&mut self, number: i64) {
        let (page, word, bit) = place(number);
        let words = self.pages.entry(page).or_insert_with(|| Box::new([0; 1 << (PAGE_BITS - 6)]));
        words[word] |= bit;
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        let (page, word, bit) = place(number);
        self.pages.get(&page).is_some_and(|words| words[word] & bit != 0)
    }
}

fn place(number: i64) -> (i64, usize, u64) {
    let within = number & ((1 << PAGE_BITS) - 1);
    (number >> PAGE_BITS, usize::try_from(within >> 6).unwrap_or_default(), 1 << (within & 63))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_what_was_inserted_is_seen(numbers: HashSet<i16>, far: HashSet<i64>) {
            let numbers: HashSet<i64> = numbers.into_iter().map(i64::from).chain(far).collect();
            let mut seen = Seen::default();
            for number in &numbers {
                seen.insert(*number);
            }
            for number in &numbers {
                for near in [number.saturating_sub(1), *number, number.saturating_add(1)] {
                    prop_assert_eq!(seen.contains(near), numbers.contains(&near));
                }
            }
        }
    }
}
