//! Which way groups may go between the classic protocol and the consumer protocol while somebody is in them.

/// `group.consumer.migration.policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// A group stays what it is as long as it has members.
    Disabled,
    /// A classic group becomes one of the consumer protocol by the first of its members that beats.
    Upgrade,
    /// A group of the consumer protocol becomes a classic one once only classic members are left.
    Downgrade,
    /// Both.
    #[default]
    Bidirectional,
}

impl MigrationPolicy {
    /// All of them, by Kafka's words.
    pub(super) const WORDS: [&'static str; 4] = ["disabled", "upgrade", "downgrade", "bidirectional"];

    /// The one of this word, in any case of letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<MigrationPolicy> {
        let policies = [
            MigrationPolicy::Disabled,
            MigrationPolicy::Upgrade,
            MigrationPolicy::Downgrade,
            MigrationPolicy::Bidirectional,
        ];
        let mut named = MigrationPolicy::WORDS.into_iter().zip(policies);
        named.find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, policy)| policy)
    }

    /// Classic groups may become groups of the consumer protocol.
    #[must_use]
    pub fn upgrades(self) -> bool {
        matches!(self, MigrationPolicy::Upgrade | MigrationPolicy::Bidirectional)
    }

    /// Groups of the consumer protocol may become classic ones.
    #[must_use]
    pub fn downgrades(self) -> bool {
        matches!(self, MigrationPolicy::Downgrade | MigrationPolicy::Bidirectional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!(MigrationPolicy::parse("UPGRADE"), Some(MigrationPolicy::Upgrade));
        assert_eq!(MigrationPolicy::parse("bidirectional"), Some(MigrationPolicy::Bidirectional));
        assert_eq!(MigrationPolicy::parse("both"), None);
        let ways: Vec<_> = MigrationPolicy::WORDS
            .into_iter()
            .filter_map(MigrationPolicy::parse)
            .map(|policy| (policy.upgrades(), policy.downgrades()))
            .collect();
        assert_eq!(ways, [(false, false), (true, false), (false, true), (true, true)]);
    }
}
