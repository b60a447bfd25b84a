//! The counts that are kept in git, and how far new ones are from them.
//!
//! One line a scenario: its name, instructions a batch. `#` begins a comment.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Growth beyond this many parts of a hundred fails.
pub const GROWTH_MAX: f64 = 10.0;

/// Instructions a batch, by scenario.
pub type Counts = BTreeMap<String, f64>;

/// The counts of a file.
///
/// # Errors
/// The line that is none.
pub fn parse(text: &str) -> Result<Counts, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let count = |line: &str| {
        let (name, count) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), count.trim().parse().ok()?))
    };
    lines.filter(|line| !line.is_empty()).map(|line| count(line).ok_or_else(|| line.to_owned())).collect()
}

/// The file of these counts.
#[must_use]
pub fn show(counts: &Counts) -> String {
    let mut text = String::from(
        "# Instructions of `Node::step` for one batch, by scenario: perf/profile/README.md says how they are counted.\n\
         # A count that grows by more than 10 % fails the gate; `cargo run --release -p apus-profile -- count --record`\n\
         # writes this file anew, and the commit that carries it says why.\n",
    );
    for (name, count) in counts {
        writeln!(text, "{name:<20} {count:>10.0}").expect("text takes every line");
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
        let counts = Counts::from([("one".to_owned(), 12.0), ("other".to_owned(), 3_000.0)]);
        assert_eq!(parse(&show(&counts)), Ok(counts));
        assert_eq!(parse("one 12 # twelve\n\n"), Ok(Counts::from([("one".to_owned(), 12.0)])));
        assert_eq!(parse("one twelve"), Err("one twelve".to_owned()));
    }

    #[test]
    fn growth_is_in_parts_of_a_hundred() {
        assert_eq!(growth(200.0, 230.0), 15.0);
        assert_eq!(growth(200.0, 100.0), -50.0);
    }
}
