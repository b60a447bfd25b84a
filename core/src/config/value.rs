//! Values of keys: the types that Kafka knows, what it accepts as text, and the words in which it refuses.

use std::fmt;

/// Kafka's type of a key, as DescribeConfigs names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A floating-point number.
    Double,
    /// Text without the white space around it.
    Text,
    /// Texts, separated by commas.
    List,
}

/// What a key holds, once read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a [`Kind::Boolean`].
    Boolean(bool),
    /// Of a [`Kind::Int`] or a [`Kind::Long`].
    Whole(i64),
    /// Of a [`Kind::Double`].
    Double(f64),
    /// Of a [`Kind::Text`].
    Text(String),
    /// Of a [`Kind::List`].
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => write!(out, "{value}"),
            Value::Whole(value) => write!(out, "{value}"),
            // Kafka prints a double with at least one digit behind the point.
            Value::Double(value) => write!(out, "{value:?}"),
            Value::Text(value) => out.write_str(value),
            Value::List(values) => out.write_str(&values.join(",")),
        }
    }
}

/// Which values of its kind a key accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// All of them.
    Any,
    /// This number or a greater one.
    AtLeast(i64),
    /// Both ends belong to it.
    Within(i64, i64),
    /// The last number, or one from the first to the second, which both belong to it.
    WithinOr(i64, i64, i64),
    /// A [`Kind::Double`] between these, which both belong to it.
    Fraction(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, in any case of letters.
    Word(&'static [&'static str]),
    /// A list of these words, which may be empty.
    ListOf(&'static [&'static str]),
    /// Text that is not empty.
    NotEmpty,
    /// `*`, or a list of `partition:broker`.
    Throttled,
}

/// Why a text is not a value of a key, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This value, for this reason.
    Invalid {
        /// The value as Kafka prints it: of a list, the element that is wrong.
        shown: String,
        /// A sentence without its full stop.
        reason: String,
    },
    /// A list has an empty element.
    EmptyElement,
}

impl Fault {
    fn new(shown: impl fmt::Display, reason: impl Into<String>) -> Fault {
        Fault::Invalid { shown: shown.to_string(), reason: reason.into() }
    }

    /// The message that a Kafka broker gives for it.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        match self {
            Fault::Invalid { shown, reason } => format!("Invalid value {shown} for configuration {name}: {reason}"),
            Fault::EmptyElement => format!("Configuration '{name}' values must not be empty."),
        }
    }
}

impl Kind {
    /// The value that a text stands for, as Kafka reads it.
    ///
    /// # Errors
    /// Where the text is not of this kind.
    pub fn parse(self, text: &str) -> Result<Value, Fault> {
        let trimmed = text.trim();
        match self {
            Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
            Kind::Boolean => Err(Fault::new(text, "Expected value to be either true or false")),
            Kind::Int => match trimmed.parse::<i32>() {
                Ok(value) => Ok(Value::Whole(i64::from(value))),
                Err(_) => Err(Fault::new(text, "Not a number of type INT")),
            },
            Kind::Long => match trimmed.parse::<i64>() {
                Ok(value) => Ok(Value::Whole(value)),
                Err(_) => Err(Fault::new(text, "Not a number of type LONG")),
            },
            Kind::Double => match trimmed.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Value::Double(value)),
                _ => Err(Fault::new(text, "Not a number of type DOUBLE")),
            },
            Kind::Text => Ok(Value::Text(trimmed.to_owned())),
            Kind::List if trimmed.is_empty() => Ok(Value::List(Vec::new())),
            Kind::List => Ok(Value::List(trimmed.split(',').map(|part| part.trim().to_owned()).collect())),
        }
    }
}

impl Check {
    /// Accepts a value, or says why not. Words that a list repeats are dropped, as Kafka does.
    ///
    /// # Errors
    /// Where the value lies outside.
    pub fn accept(self, name: &str, value: Value) -> Result<Value, Fault> {
        match (self, value) {
            (Check::AtLeast(least), Value::Whole(value)) => within(value, least, i64::MAX),
            (Check::Within(least, most), Value::Whole(value)) => within(value, least, most),
            (Check::WithinOr(least, most, other), Value::Whole(value)) => within_or(value, least, most, other),
            (Check::Fraction(least, most), Value::Double(value)) => fraction(value, least, most),
            (Check::OneOf(words), Value::Text(value)) => {
                if words.contains(&value.as_str()) {
                    return Ok(Value::Text(value));
                }
                Err(Fault::new(value, format!("String must be one of: {}", words.join(", "))))
            }
            (Check::Word(words), Value::Text(value)) => {
                if words.iter().any(|word| word.eq_ignore_ascii_case(&value)) {
                    return Ok(Value::Text(value));
                }
                Err(Fault::new(value, format!("String must be one of (case insensitive): {}", words.join(", "))))
            }
            (Check::ListOf(words), Value::List(values)) => list_of(values, words),
            (Check::NotEmpty, Value::Text(value)) if value.is_empty() => {
                Err(Fault::new(value, "String must be non-empty"))
            }
            (Check::Throttled, Value::List(values)) => throttled(name, values),
            (_, value) => Ok(value),
        }
    }

    /// Its range as a person reads it, or nothing where there is no bound.
    #[must_use]
    pub fn range(self) -> Option<String> {
        match self {
            Check::Any => None,
            Check::AtLeast(least) => Some(format!("{least} or more")),
            Check::Within(least, most) => Some(format!("{least} to {most}")),
            Check::WithinOr(least, i64::MAX, other) => Some(format!("{other}, or {least} or more")),
            Check::WithinOr(least, most, other) => Some(format!("{other}, or {least} to {most}")),
            Check::Fraction(least, most) => Some(format!("{least} to {most}")),
            Check::OneOf(words) | Check::Word(words) => Some(words.join(" | ")),
            Check::ListOf(words) => Some(format!("any of {}", words.join(", "))),
            Check::NotEmpty => Some("not empty".to_owned()),
            Check::Throttled => Some("* or partition:broker,...".to_owned()),
        }
    }
}

fn within(value: i64, least: i64, most: i64) -> Result<Value, Fault> {
    assert!(least <= most);
    if value < least {
        return Err(Fault::new(value, format!("Value must be at least {least}")));
    }
    if value > most {
        return Err(Fault::new(value, format!("Value must be no more than {most}")));
    }
    Ok(Value::Whole(value))
}

fn within_or(value: i64, least: i64, most: i64, other: i64) -> Result<Value, Fault> {
    assert!(least <= most && !(least..=most).contains(&other));
    if value == other || (least..=most).contains(&value) {
        return Ok(Value::Whole(value));
    }
    Err(Fault::new(value, format!("Value must be between {least} and {most} or equal to {other}")))
}

fn fraction(value: f64, least: f64, most: f64) -> Result<Value, Fault> {
    assert!(least <= most);
    if value < least {
        return Err(Fault::new(Value::Double(value), format!("Value must be at least {least}")));
    }
    if value > most {
        return Err(Fault::new(Value::Double(value), format!("Value must be no more than {most}")));
    }
    Ok(Value::Double(value))
}

fn list_of(values: Vec<String>, words: &[&str]) -> Result<Value, Fault> {
    if values.iter().any(String::is_empty) {
        return Err(Fault::EmptyElement);
    }
    let mut kept: Vec<String> = Vec::with_capacity(words.len());
    for value in values {
        if !words.contains(&value.as_str()) {
            return Err(Fault::new(value, format!("String must be one of: {}", words.join(", "))));
        }
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    assert!(kept.len() <= words.len());
    Ok(Value::List(kept))
}

fn throttled(name: &str, values: Vec<String>) -> Result<Value, Fault> {
    let replica = |text: &String| {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once(':').is_some_and(|(partition, broker)| number(partition) && number(broker))
    };
    if values == ["*"] || values.iter().all(replica) {
        return Ok(Value::List(values));
    }
    let reason = format!(
        "{name} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    );
    Err(Fault::new(format!("[{}]", values.join(", ")), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: Kind, check: Check, text: &str) -> String {
        kind.parse(text).and_then(|value| check.accept("a.key", value)).expect_err("it is refused").of("a.key")
    }

    #[test]
    fn the_words_are_kafkas() {
        let invalid = "Invalid value";
        for (kind, check, text, message) in [
            (Kind::Long, Check::Any, "x", "x for configuration a.key: Not a number of type LONG"),
            (Kind::Long, Check::Any, "1.5", "1.5 for configuration a.key: Not a number of type LONG"),
            (Kind::Int, Check::Any, "99999999999", "99999999999 for configuration a.key: Not a number of type INT"),
            (Kind::Long, Check::AtLeast(-1), "-2", "-2 for configuration a.key: Value must be at least -1"),
            (Kind::Int, Check::Within(1, 17), "18", "18 for configuration a.key: Value must be no more than 17"),
            (
                Kind::Int,
                Check::WithinOr(1, 9, -1),
                "0",
                "0 for configuration a.key: Value must be between 1 and 9 or equal to -1",
            ),
            (Kind::Double, Check::Fraction(0.0, 1.0), "2", "2.0 for configuration a.key: Value must be no more than 1"),
            (
                Kind::Boolean,
                Check::Any,
                "yes",
                "yes for configuration a.key: Expected value to be either true or false",
            ),
            (Kind::Text, Check::OneOf(&["a", "b"]), "A", "A for configuration a.key: String must be one of: a, b"),
            (Kind::List, Check::ListOf(&["a", "b"]), "a,c", "c for configuration a.key: String must be one of: a, b"),
        ] {
            assert_eq!(refused(kind, check, text), format!("{invalid} {message}"));
        }
        let empty = refused(Kind::List, Check::ListOf(&["a"]), "a,");
        assert_eq!(empty, "Configuration 'a.key' values must not be empty.");
        assert!(
            refused(Kind::List, Check::Throttled, "x")
                .starts_with("Invalid value [x] for configuration a.key: a.key must")
        );
    }

    #[test]
    fn values_are_normalized() {
        let read = |kind: Kind, check: Check, text: &str| {
            kind.parse(text).and_then(|value| check.accept("a.key", value)).expect("it is accepted").to_string()
        };
        assert_eq!(read(Kind::Long, Check::Any, " 5 "), "5");
        assert_eq!(read(Kind::Boolean, Check::Any, "TRUE"), "true");
        assert_eq!(read(Kind::List, Check::ListOf(&["a", "b"]), "b , a,b"), "b,a");
        assert_eq!(read(Kind::List, Check::ListOf(&["a", "b"]), ""), "");
        assert_eq!(read(Kind::List, Check::Throttled, "1:2,3:4"), "1:2,3:4");
        assert_eq!(read(Kind::List, Check::Throttled, "*"), "*");
        assert_eq!(read(Kind::Double, Check::Any, "1"), "1.0");
        assert_eq!(read(Kind::Int, Check::WithinOr(1, 9, -1), "-1"), "-1");
    }
}
