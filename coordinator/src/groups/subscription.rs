//! The one thing that a coordinator of a classic group reads inside of what members say: the topics of a consumer. Whatever
//! follows them in a subscription is not looked at.

use std::collections::BTreeSet;

use crate::command::StoredGroup;
use crate::consumers::embedded;

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
    topics.extend(embedded::topics(subscription)?);
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
