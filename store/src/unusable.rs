//! Why a store cannot be used, told to a person before a broker starts on it.

use std::fmt;

/// One sentence: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It said no, and would say so again: a setting is wrong.
    Refused(String),
    /// It did not answer, or is not well: that may pass.
    Silent(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Unusable::Refused(why) | Unusable::Silent(why)) = self;
        out.write_str(why)
    }
}
