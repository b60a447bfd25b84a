//! Topics as requests name them and answers repeat them: by name, or from some version on by id.

use std::sync::Arc;

use apus_core::api::TopicRef;
use apus_core::ids::Uuid;

use super::versions::Versions;

/// A topic out of a request in which `ids` says at which versions topics go by id.
pub(super) fn reference(name: &str, id: Uuid, ids: Versions, version: i16) -> TopicRef {
    if ids.contains(version) { TopicRef::Id(id) } else { TopicRef::Name(Arc::from(name)) }
}

/// The name to answer with; empty where the request gave an id.
pub(super) fn name(topic: &TopicRef) -> &str {
    match topic {
        TopicRef::Name(name) => name,
        TopicRef::Id(_) => "",
    }
}

/// The id to answer with; zero where the request gave a name.
pub(super) fn id(topic: &TopicRef) -> Uuid {
    match topic {
        TopicRef::Name(_) => Uuid::ZERO,
        TopicRef::Id(id) => *id,
    }
}

/// The sentence of a refusal; null where there is none.
pub(super) fn sentence(message: &str) -> Option<&str> {
    (!message.is_empty()).then_some(message)
}
