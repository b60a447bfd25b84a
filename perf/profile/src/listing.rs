//! Where a scenario's instructions went: callgrind's file, by function.
//!
//! The file is read here and not by `callgrind_annotate`, which splits a function by the files that were inlined into
//! it. A line `fn=` begins a function, `cfn=` and `calls=` a call of another, whose cost stands in the line behind; any
//! other line that begins with a digit is the function's own cost. A call of itself counts once.

use std::collections::BTreeMap;

/// Frames around the counted function: the way to it, not a part of it.
const AROUND: [&str; 6] = ["std::", "(below main)", "__libc_start", "main", "apus_profile::", "0x"];
/// The functions whose callers are named: they copy, check and allocate for others.
const SERVANTS: [&str; 6] = ["memcpy", "memset", "memmove", "crc_fast::crc32", "__rust_alloc", "__rust_realloc"];
/// Callers that are named of each.
const CALLERS_MAX: usize = 6;

/// Instructions of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    alone: u64,
    with_callees: u64,
}

/// Instructions by function, and by caller and callee.
#[derive(Debug, Default)]
pub struct Listing {
    functions: BTreeMap<String, Cost>,
    calls: BTreeMap<(String, String), u64>,
}

impl Listing {
    /// What a file of callgrind's says, where names are not compressed.
    #[must_use]
    pub fn parse(text: &str) -> Listing {
        let mut listing = Listing::default();
        let (mut function, mut callee, mut is_call) = ("", "", false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                function = name;
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = name;
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit())
                && let Some(cost) = line.split_whitespace().nth(1).and_then(|cost| cost.parse().ok())
            {
                listing.add(function, callee, std::mem::take(&mut is_call), cost);
            }
        }
        listing
    }

    fn add(&mut self, function: &str, callee: &str, is_call: bool, instructions: u64) {
        let cost = self.functions.entry(function.to_owned()).or_default();
        if !is_call {
            cost.alone += instructions;
        }
        if !is_call || function != callee {
            cost.with_callees += instructions;
        }
        if is_call && function != callee {
            *self.calls.entry((function.to_owned(), callee.to_owned())).or_default() += instructions;
        }
    }

    /// The functions that cost most, each a batch: with what they call, alone, and who calls the servants.
    #[must_use]
    pub fn show(&self, batches: u64, lines: usize) -> String {
        let mut text = String::from("with what they call, instructions a batch\n");
        let of = |cost: fn(&Cost) -> u64| self.functions.iter().map(move |(name, costs)| (name.as_str(), cost(costs)));
        let around = |name: &str| AROUND.iter().any(|prefix| name.starts_with(prefix));
        rank(of(|cost| cost.with_callees).filter(|(name, _)| !around(name)), batches, lines, &mut text);
        text.push_str("alone\n");
        rank(of(|cost| cost.alone), batches, lines, &mut text);
        for servant in SERVANTS {
            let mut callers = BTreeMap::<&str, u64>::new();
            let serves = |name: &str| name.contains(servant);
            let calls = self.calls.iter().filter(|((caller, callee), _)| serves(callee) && !serves(caller));
            calls.for_each(|((caller, _), cost)| *callers.entry(caller).or_default() += cost);
            if !callers.is_empty() {
                text.push_str(&format!("who calls {servant}\n"));
                rank(callers.into_iter(), batches, CALLERS_MAX, &mut text);
            }
        }
        text
    }
}

fn rank<'a>(costs: impl Iterator<Item = (&'a str, u64)>, batches: u64, lines: usize, text: &mut String) {
    let mut costs: Vec<(&str, u64)> = costs.collect();
    costs.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
    for (name, cost) in costs.into_iter().take(lines).filter(|(_, cost)| *cost >= batches) {
        text.push_str(&format!("{:>12.0}  {name}\n", cost as f64 / batches as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_one_whatever_was_inlined_into_it() {
        let text = "fl=a.rs\nfn=step\n1 10\nfi=b.rs\n2 5\ncfn=memcpy\ncalls=3 0\n1 20\nfn=step\n3 1\ncfn=step\ncalls=1 0\n\
                    4 7\nfn=memcpy\n9 20\ntotals: 36\n";
        let listing = Listing::parse(text);
        assert_eq!(listing.functions["step"], Cost { alone: 16, with_callees: 36 });
        assert_eq!(listing.functions["memcpy"], Cost { alone: 20, with_callees: 20 });
        let shown = listing.show(2, 9);
        assert!(shown.contains("          18  step\n"), "{shown}");
        assert!(shown.ends_with("who calls memcpy\n          10  step\n"), "{shown}");
    }
}
