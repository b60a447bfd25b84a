//! What a client may do to a resource: a bit for each of Kafka's operations.
//!
//! Without an authorizer everybody may do everything that there is to do to a resource of its kind. It is told to those
//! who asked; the others are told [`NOT_ASKED`].

/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS.
pub(super) const TOPIC: i32 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
/// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS.
pub(super) const GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS and IDEMPOTENT_WRITE.
pub(super) const CLUSTER: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
/// What the schema says where nothing else is said.
pub(super) const NOT_ASKED: i32 = i32::MIN;

/// The operations, where they are to be told.
pub(super) fn told(operations: i32, asked: bool) -> i32 {
    if asked { operations } else { NOT_ASKED }
}
