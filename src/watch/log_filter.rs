//! Which log lines are written, and changing that while the broker runs.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

/// The filter in force. Cheap to clone; all clones change the same one.
#[derive(Clone, Debug)]
pub struct LogFilter {
    handle: reload::Handle<EnvFilter, Registry>,
}

impl LogFilter {
    /// Log lines go to standard error from here on; `RUST_LOG` says which, by default warnings and worse.
    #[must_use]
    pub fn install() -> LogFilter {
        let (filter, handle) = reload::Layer::new(builder().from_env_lossy());
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
        tracing_subscriber::registry().with(filter).with(lines).init();
        LogFilter { handle }
    }

    /// What is in force, as one would set it.
    #[must_use]
    pub fn text(&self) -> String {
        self.handle.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Puts another one in force: a level (`debug`), or levels by target (`warn,apus_store=debug`).
    ///
    /// # Errors
    /// A sentence for a person where it is none; what was in force stays.
    pub fn set(&self, text: &str) -> Result<(), String> {
        self.handle.reload(parse(text)?).map_err(|error| format!("the log level cannot be changed: {error}"))
    }
}

fn builder() -> tracing_subscriber::filter::Builder {
    EnvFilter::builder().with_default_directive(LevelFilter::WARN.into())
}

fn parse(text: &str) -> Result<EnvFilter, String> {
    let advice = "give error, warn, info, debug, trace or off, or levels by target: warn,apus_store=debug";
    let text = text.trim();
    // The filter itself takes a word that is no level for a target of which everything is wanted.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if !text.split(',').all(|directive| directive.contains('=') || is_level(directive.trim())) {
        return Err(format!("{text:?} is no log level: {advice}"));
    }
    builder().parse(text).map_err(|error| format!("{text:?} is no log level ({error}): {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_told_from_typing_errors() {
        for sound in ["debug", " WARN\n", "off", "warn,apus_store=debug", "apus=trace", "info,apus=off"] {
            assert!(parse(sound).is_ok(), "{sound}");
        }
        for unsound in ["", "  ", "verbose", "apus=loud", "debug,,", "warn,apus_store", "\0"] {
            assert!(parse(unsound).is_err(), "{unsound:?}");
        }
    }
}
