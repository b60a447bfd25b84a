//! What is known of a key before anybody sets it.

use super::value::{Check, Fault, Kind, Value};

/// How much a person should care, as Kafka grades its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Set it knowingly.
    High,
    /// Worth a look.
    Medium,
    /// The default will do.
    Low,
}

/// Who may change a key while brokers run, as Kafka has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody: it is read at the start.
    ReadOnly,
    /// One broker at a time.
    PerBroker,
    /// All brokers together.
    ClusterWide,
}

/// What a key holds that nobody set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Nothing.
    Absent,
    /// This text, read as if somebody had written it.
    Text(&'static str),
    /// Something that follows from other keys or from the machine: told in words.
    Derived(&'static str),
}

/// One key: a row of the table from which parsing, errors, the listing and DescribeConfigs come.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Kafka's name for it, or ours under `diskless.` where Kafka has none.
    pub name: &'static str,
    /// Other names for the same thing.
    pub aliases: &'static [&'static str],
    /// Its type.
    pub kind: Kind,
    /// Its value where nobody set it.
    pub preset: Preset,
    /// What its number counts, in the plural, or empty.
    pub unit: &'static str,
    /// Which values it accepts.
    pub check: Check,
    /// Whether it may change while the broker runs.
    pub mode: Mode,
    /// How much it matters.
    pub importance: Importance,
    /// What it does, in a sentence.
    pub meaning: &'static str,
}

impl Key {
    /// A key that is read at the start, of medium importance, with any value of its kind and none by default.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
        Key {
            name,
            aliases: &[],
            kind,
            preset: Preset::Absent,
            unit: "",
            check: Check::Any,
            mode: Mode::ReadOnly,
            importance: Importance::Medium,
            meaning,
        }
    }

    /// With other names.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Key {
        self.aliases = aliases;
        self
    }

    /// With a default.
    #[must_use]
    pub const fn preset(mut self, text: &'static str) -> Key {
        self.preset = Preset::Text(text);
        self
    }

    /// With a default that follows from something else.
    #[must_use]
    pub const fn derived(mut self, words: &'static str) -> Key {
        self.preset = Preset::Derived(words);
        self
    }

    /// Counting something.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Key {
        self.unit = unit;
        self
    }

    /// Within bounds.
    #[must_use]
    pub const fn check(mut self, check: Check) -> Key {
        self.check = check;
        self
    }

    /// Changed for all brokers together, in Kafka.
    #[must_use]
    pub const fn cluster_wide(mut self) -> Key {
        self.mode = Mode::ClusterWide;
        self
    }

    /// Changed for one broker at a time, in Kafka.
    #[must_use]
    pub const fn per_broker(mut self) -> Key {
        self.mode = Mode::PerBroker;
        self
    }

    /// Of high importance.
    #[must_use]
    pub const fn high(mut self) -> Key {
        self.importance = Importance::High;
        self
    }

    /// Of low importance.
    #[must_use]
    pub const fn low(mut self) -> Key {
        self.importance = Importance::Low;
        self
    }

    /// The value that a text gives this key.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(&self, text: &str) -> Result<Value, Fault> {
        self.check.accept(self.name, self.kind.parse(text)?)
    }

    /// The value where nobody set the key, if that does not follow from something else.
    ///
    /// # Panics
    /// Where the table's own default is not a value of the key; a test reads them all.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        match self.preset {
            Preset::Text(text) => Some(self.read(text).expect("the table's defaults are valid")),
            Preset::Absent | Preset::Derived(_) => None,
        }
    }

    /// What to give instead of a bad value: `a whole number of bytes, 1 or more`.
    #[must_use]
    pub fn expected(&self) -> String {
        let mut words = match self.kind {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Int | Kind::Long => "a whole number".to_owned(),
            Kind::Double => "a number".to_owned(),
            Kind::Text => "a text".to_owned(),
            Kind::List => "a list separated by commas".to_owned(),
        };
        if !self.unit.is_empty() {
            words.push_str(" of ");
            words.push_str(self.unit);
        }
        let range = match (self.check.range(), self.kind) {
            (None, Kind::Int) => Some(format!("{} to {}", i32::MIN, i32::MAX)),
            (None, Kind::Long) => Some(format!("{} to {}", i64::MIN, i64::MAX)),
            (range, _) => range,
        };
        if let Some(range) = range {
            words.push_str(": ");
            words.push_str(&range);
        }
        words
    }
}
