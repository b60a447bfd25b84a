//! DescribeQuorum and UpdateFeatures: the journal is what a quorum keeps elsewhere, and this broker its only voter.

use std::sync::Arc;

use super::admin::Waiting;
use super::{Front, RequestId};
use crate::api::{
    AdminResponse, Context, DescribeQuorumRequest, DescribeQuorumResponse, FeatureDirection, FeatureUpdate, Quorum,
    Response, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use crate::error::{Refusal, Refused};
use crate::features;
use crate::ids::{BrokerId, Lsn, Ticket};
use crate::message::Ask;
use crate::turn::Turn;

/// Kafka's name for the topic of the cluster's metadata, whose only partition is 0.
const METADATA_TOPIC: &str = "__cluster_metadata";

impl Front {
    pub(super) fn describe_quorum(
        &mut self,
        id: RequestId,
        context: &Context,
        request: DescribeQuorumRequest,
        turn: &mut Turn<'_>,
    ) {
        let is_metadata =
            matches!(&request.topics[..], [(name, indexes)] if **name == *METADATA_TOPIC && indexes[..] == [0]);
        if !is_metadata {
            let response = DescribeQuorumResponse { result: Err(request) };
            return self.answer(id, Response::Admin(AdminResponse::DescribeQuorum(response)));
        }
        self.ask(Waiting::Position(id, context.listener), Ask::Position, turn);
    }

    pub(super) fn position_told(&mut self, ticket: Ticket, position: Lsn, turn: &Turn<'_>) {
        let Waiting::Position(id, listener) = self.asked(ticket) else { panic!("{ticket:?} has no position") };
        let listeners = &self.settings.config.listeners;
        let named = listeners.get(usize::from(listener)).or(listeners.first());
        let quorum = Quorum {
            epoch: i32::try_from(self.incarnation.0).unwrap_or(i32::MAX),
            high_watermark: i64::try_from(position.next().0).unwrap_or(i64::MAX),
            wall_ms: turn.wall.0,
            listener: named.map_or_else(|| Arc::from(""), |listener| Arc::from(&*listener.name)),
            broker: self.advertised(listener).clone(),
        };
        let response = DescribeQuorumResponse { result: Ok(quorum) };
        self.answer(id, Response::Admin(AdminResponse::DescribeQuorum(response)));
    }

    pub(super) fn update_features(&mut self, id: RequestId, request: UpdateFeaturesRequest) {
        let broker = self.settings.broker;
        let refused = request.updates.iter().find_map(|update| judge(update, broker).err());
        let names = request.updates.into_iter().map(|update| update.name).collect();
        let response = UpdateFeaturesResponse { names, refused };
        self.answer(id, Response::Admin(AdminResponse::UpdateFeatures(response)));
    }
}

/// A level may only be set to what it is; all else is refused in Kafka's words.
fn judge(update: &FeatureUpdate, broker: BrokerId) -> Result<(), Refused> {
    let FeatureUpdate { name, level, direction } = update;
    let why = match features::find(name) {
        _ if *direction == FeatureDirection::Unknown => "The controller does not support the given upgrade type.".into(),
        _ if *level < 0 => "A feature version cannot be less than 0.".into(),
        None => format!("Local controller {broker} does not support this feature."),
        Some(feature) if !(feature.min..=feature.max).contains(level) => {
            let (min, max) = (feature.min, feature.max);
            format!("Local controller {broker} only supports versions {min}-{max}")
        }
        Some(feature) if *level == feature.level => return Ok(()),
        Some(feature) if *level < feature.level && *direction == FeatureDirection::Up => {
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.".into()
        }
        Some(feature) if *level > feature.level && *direction == FeatureDirection::Down => {
            "Can't downgrade to a newer version.".into()
        }
        Some(feature) => format!("It is {} in this release.", feature.level),
    };
    let message = format!(
        "The update failed for all features since the following feature had an error: Invalid update version {level} for feature {name}. {why}"
    );
    Err(Refused::new(Refusal::InvalidUpdateVersion, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, level: i16, direction: FeatureDirection) -> Option<String> {
        let update = FeatureUpdate { name: name.into(), level, direction };
        let refused = judge(&update, BrokerId(1)).err()?;
        assert_eq!(refused.refusal, Refusal::InvalidUpdateVersion);
        Some(refused.message.into_owned())
    }

    #[test]
    fn a_level_stays_what_it_is() {
        let now = features::find("metadata.version").expect("it is advertised").level;
        use FeatureDirection::{Down, Unknown, Up};
        assert_eq!(refused("metadata.version", now, Up), None);
        for (name, level, direction, why) in [
            ("metadata.version", now + 1, Up, "only supports versions"),
            ("metadata.version", now - 1, Down, "only supports versions"),
            ("metadata.version", -1, Up, "cannot be less than 0"),
            ("metadata.version", now, Unknown, "given upgrade type"),
            ("transaction.version", 2, Up, "Local controller 1 does not support this feature."),
        ] {
            let told = refused(name, level, direction).expect(why);
            assert!(told.contains(why), "{told}");
        }
    }
}
