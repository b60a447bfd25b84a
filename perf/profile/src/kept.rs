//! The counts that are kept in git, and how far new ones are from them.
//!
//! One line a scenario: its name, instructions and allocations a batch. `#` begins a comment.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Growth beyond this many parts of a hundred fails.
pub const GROWTH_MAX: f64 = 10.0;

/// What one batch costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    pub instructions: f64,
    /// Calls of the allocator for memory, new or larger.
    pub allocations: f64,
}

/// By scenario.
pub type Counts = BTreeMap<String, Count>;

/// The counts of a file.
///
/// # Errors
/// The line that is none.
pub fn parse(text: &str) -> Result<Counts, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let count = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        let count = Count { instructions: number()?, allocations: number()? };
        words.next().is_none().then_some((name, count))
    };
    lines.filter(|line| !line.is_empty()).map(|line| count(line).ok_or_else(|| line.to_owned())).collect()
}

/// The file of these counts.
#[must_use]
pub fn show(counts: &Counts) -> String {
    let mut text = String::from(
        "# Instructions and allocations of `Node::step` for one batch, by scenario: perf/profile/README.md says how they\n\
         # are counted. A count that grows by more than 10 % fails the gate; `cargo run --release -p apus-profile -- count\n\
         # --record` writes this file anew, and the commit that carries it says why.\n",
    );
    for (name, Count { instructions, allocations }) in counts {
        writeln!(text, "{name:<20} {instructions:>10.0} {allocations:>10.1}").expect("text takes every line");
    }
    text
}

/// How much larger a count is than the one that was kept, in parts of a hundred.
#[must_use]
pub fn growth(kept: f64, found: f64) -> f64 {
    assert!(kept > 0.0);
    100.0 * (found - kept) / kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let count = |instructions, allocations| Count { instructions, allocations };
        let counts = Counts::from([("one".to_owned(), count(12.0, 1.5)), ("other".to_owned(), count(3_000.0, 40.0))]);
        assert_eq!(parse(&show(&counts)), Ok(counts));
        assert_eq!(parse("one 12 3 # twelve\n\n"), Ok(Counts::from([("one".to_owned(), count(12.0, 3.0))])));
        for wrong in ["one 12", "one twelve 3", "one 12 3 4"] {
            assert_eq!(parse(wrong), Err(wrong.to_owned()));
        }
    }

    #[test]
    fn growth_is_in_parts_of_a_hundred() {
        assert_eq!(growth(200.0, 230.0), 15.0);
        assert_eq!(growth(200.0, 100.0), -50.0);
    }
}
