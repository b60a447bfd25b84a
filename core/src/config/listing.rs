//! What `apus config` prints: every key of the broker with its default, its range and what it does.

use std::fmt::Write;

use super::broker_keys::SECTIONS;
use super::key::{Key, Preset};

/// Where the second and the third column begin.
const DEFAULT_COLUMN: usize = 46;
const RANGE_COLUMN: usize = 76;

/// The listing.
#[must_use]
pub fn listing() -> String {
    let mut text = String::from(
        "Keys of server.properties and of --set KEY=VALUE. For each: its name, its default, the values it accepts.\n",
    );
    for section in SECTIONS {
        text.push('\n');
        text.push_str(section.title);
        text.push('\n');
        for key in section.keys {
            describe(key, &mut text);
        }
    }
    text.push_str(
        "\nKafka's other keys are accepted and without effect, but for those that promise security: these are refused.\n",
    );
    text
}

fn describe(key: &Key, text: &mut String) {
    let default = match key.preset {
        Preset::Absent => "none".to_owned(),
        Preset::Text(preset) => counted(preset, key.unit),
        Preset::Derived(words) => words.to_owned(),
    };
    let mut line = format!("  {:width$}", key.name, width = DEFAULT_COLUMN - 2);
    line.push_str(&default);
    if let Some(range) = key.check.range() {
        let width = RANGE_COLUMN.max(line.chars().count() + 2);
        let _ = write!(line, "{:gap$}{range}", "", gap = width - line.chars().count());
    }
    let also = if key.aliases.is_empty() { String::new() } else { format!(" Also {}.", key.aliases.join(", ")) };
    let _ = writeln!(text, "{line}\n      {}{also}", key.meaning);
}

/// A default with its unit, and large powers of two in words as well: `4194304 bytes (4 MiB)`.
fn counted(preset: &str, unit: &str) -> String {
    if unit.is_empty() {
        return preset.to_owned();
    }
    let bytes = if unit == "bytes" { preset.parse::<u64>().unwrap_or(0) } else { 0 };
    let large = [(1 << 30, "GiB"), (1 << 20, "MiB")].into_iter().find(|(size, _)| bytes >= *size && bytes % size == 0);
    match large {
        Some((size, name)) => format!("{preset} {unit} ({} {name})", bytes / size),
        None => format!("{preset} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::broker_keys;
    use super::*;

    #[test]
    fn every_key_is_listed_once() {
        let text = listing();
        for key in broker_keys::all() {
            let start = format!("  {} ", key.name);
            assert_eq!(text.lines().filter(|line| line.starts_with(&start)).count(), 1, "{}", key.name);
        }
        assert!(text.contains("4194304 bytes (4 MiB)"));
        assert!(text.contains("25 ms"));
        assert!(!text.contains("\n\n\n"));
    }
}
