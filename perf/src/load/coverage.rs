//! Which offsets of a partition were acknowledged: each once, and in the end without a gap.
//!
//! Answers to several producers arrive in any order, so what lies beyond a gap waits as an island until it is filled.

use std::collections::BTreeMap;

/// The acknowledged offsets of one partition.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Where reading begins.
    pub first: i64,
    /// Everything below was there before or has been acknowledged.
    pub end: i64,
    islands: BTreeMap<i64, i64>,
}

impl Coverage {
    /// A partition that holds these offsets.
    pub fn new(first: i64, end: i64) -> Coverage {
        Coverage { first, end, islands: BTreeMap::new() }
    }

    /// Adds the offsets of an acknowledged batch.
    ///
    /// # Errors
    /// Where one of them was acknowledged before.
    pub fn add(&mut self, base: i64, count: i64) -> Result<(), String> {
        let end = base + count;
        let before = self.islands.range(..=base).next_back().is_some_and(|(_, &island)| island > base);
        let after = self.islands.range(base..).next().is_some_and(|(&island, _)| island < end);
        if base < self.end || before || after {
            return Err(format!("offsets {base}..{end} were given twice"));
        }
        if base > self.end {
            self.islands.insert(base, end);
            return Ok(());
        }
        self.end = end;
        while let Some(island) = self.islands.remove(&self.end) {
            self.end = island;
        }
        Ok(())
    }

    /// The first gap, where there is one.
    pub fn gap(&self) -> Option<std::ops::Range<i64>> {
        self.islands.first_key_value().map(|(&island, _)| self.end..island)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_any_order_close_the_gaps() {
        let mut coverage = Coverage::new(3, 10);
        coverage.add(15, 5).expect("new");
        coverage.add(12, 3).expect("new");
        assert_eq!((coverage.end, coverage.gap()), (10, Some(10..12)));
        coverage.add(10, 2).expect("new");
        assert_eq!((coverage.end, coverage.gap()), (20, None));
    }

    #[test]
    fn what_is_given_twice_is_noticed() {
        let mut coverage = Coverage::new(0, 10);
        coverage.add(20, 10).expect("new");
        for (base, count) in [(9, 1), (20, 10), (25, 1), (19, 2), (29, 5), (15, 30)] {
            assert!(coverage.add(base, count).is_err(), "{base} {count}");
        }
        coverage.add(30, 1).expect("new");
        coverage.add(10, 10).expect("new");
        assert_eq!((coverage.end, coverage.gap()), (31, None));
    }
}
