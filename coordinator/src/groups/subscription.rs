//! The one thing that a coordinator reads inside of what members say: the topics of a consumer.
//!
//! A subscription begins, in all of its versions, with the version (2 bytes), the count of topics (4 bytes) and each
//! name with its length (2 bytes). Whatever follows is not looked at.

use std::collections::BTreeSet;

use crate::command::StoredGroup;

/// The protocol type of consumers.
pub(crate) const CONSUMER: &str = "consumer";

/// The topics that members of a consumer group subscribe to; nothing where that is not known.
pub(super) fn topics(group: &StoredGroup) -> Option<BTreeSet<&str>> {
    let mut topics = BTreeSet::new();
    if group.protocol_type.as_deref() != Some(CONSUMER) {
        return None;
    }
    for member in &group.members {
        let chosen = member.protocols.iter().find(|protocol| Some(&protocol.name) == group.protocol_name.as_ref())?;
        collect(&chosen.metadata, &mut topics)?;
    }
    Some(topics)
}

fn collect<'a>(subscription: &'a [u8], topics: &mut BTreeSet<&'a str>) -> Option<()> {
    let (version, rest) = subscription.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    if i16::from_be_bytes(*version) < 0 {
        return None;
    }
    for _ in 0..u32::try_from(i32::from_be_bytes(*count)).ok()? {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (name, behind) = behind.split_at_checked(usize::try_from(i16::from_be_bytes(*length)).ok()?)?;
        topics.insert(std::str::from_utf8(name).ok()?);
        rest = behind;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_read_up_to_its_topics() {
        let mut topics = BTreeSet::new();
        let whole = [0, 3, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 9, 9, 9];
        assert_eq!(collect(&whole, &mut topics), Some(()));
        assert_eq!(topics, BTreeSet::from(["a", "bc"]));
        for length in 0..13 {
            assert_eq!(collect(&whole[..length], &mut BTreeSet::new()), None, "cut to {length}");
        }
        assert_eq!(collect(&[0, 0, 255, 255, 255, 255], &mut BTreeSet::new()), None, "a negative count");
        assert_eq!(collect(&[0, 0, 0, 0, 0, 1, 255, 255], &mut BTreeSet::new()), None, "a negative length");
    }
}
