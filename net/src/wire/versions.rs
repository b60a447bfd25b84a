//! Version ranges in Kafka's own notation, and the form a message takes at one version.
//!
//! Kafka's schemas say `"3+"`, `"0-12"`, `"4"` and `"none"`. The tables of this crate use the same text, parsed while
//! compiling, so a table reads like the schema that it restates. Ranges are inclusive on both ends because the
//! protocol itself (ApiVersions) speaks that way.

use std::fmt;

/// An inclusive range of versions, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub min: i16,
    /// The last version; `i16::MAX` where the range is open.
    pub max: i16,
}

impl Versions {
    /// No version at all.
    pub const NONE: Versions = Versions { min: 0, max: -1 };

    /// Reads Kafka's notation; a mistake in a table stops the compiler.
    pub const fn parse(text: &str) -> Versions {
        let text = text.as_bytes();
        if text.is_empty() || text[0] == b'n' {
            return Versions::NONE;
        }
        let (min, at) = number(text, 0);
        if at == text.len() {
            return Versions { min, max: min };
        }
        match text[at] {
            b'+' => {
                assert!(at + 1 == text.len(), "a version range ends after its plus sign");
                Versions { min, max: i16::MAX }
            }
            b'-' => {
                let (max, end) = number(text, at + 1);
                assert!(end == text.len() && min <= max, "a version range reads low-high");
                Versions { min, max }
            }
            _ => panic!("a version range is written as 1, 1+, 1-2 or none"),
        }
    }

    /// Whether this version lies in the range.
    #[inline]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether the range holds no version.
    pub const fn is_empty(self) -> bool {
        self.max < self.min
    }
}

const fn number(text: &[u8], start: usize) -> (i16, usize) {
    let mut value = 0;
    let mut at = start;
    while at < text.len() && text[at].is_ascii_digit() {
        value = value * 10 + (text[at] - b'0') as i16;
        at += 1;
    }
    assert!(at > start, "a version is a number");
    (value, at)
}

impl fmt::Display for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            range if range.is_empty() => write!(out, "none"),
            Versions { min, max: i16::MAX } => write!(out, "{min}+"),
            Versions { min, max } if min == max => write!(out, "{min}"),
            Versions { min, max } => write!(out, "{min}-{max}"),
        }
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// How a message is laid out: its version, and whether lengths are compact and tagged fields exist there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Format {
    /// The version of the message.
    pub version: i16,
    /// Compact lengths and tagged fields ("flexible versions").
    pub flexible: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_and_print_as_kafka_writes_them() {
        for text in ["0", "7", "3+", "0-12", "none"] {
            assert_eq!(Versions::parse(text).to_string(), text);
        }
        assert_eq!(Versions::parse(""), Versions::NONE);
        assert!(Versions::parse("3+").contains(i16::MAX) && !Versions::parse("3+").contains(2));
        assert!(Versions::parse("8-10").contains(10) && !Versions::parse("8-10").contains(11));
        assert!(!Versions::NONE.contains(0));
    }
}
