//! Which offsets go.

use std::sync::Arc;

use apus_core::api::{GroupClient, GroupOffset, GroupProtocol};
use bytes::Bytes;

use crate::command::{StoredGroup, StoredMember};
use crate::groups::expiry::Verdict;
use crate::ledger::GroupPosition;

const RETENTION_MS: i64 = 1_000;

fn position(commit_ms: i64, expire_ms: Option<i64>) -> GroupPosition {
    let offset = GroupOffset { offset: 1, leader_epoch: -1, metadata: Arc::from("") };
    GroupPosition { offset, commit_ms, expire_ms }
}

fn consumers(subscription: &'static [u8]) -> StoredGroup {
    let member = StoredMember {
        id: Arc::from("m"),
        instance_id: None,
        client: GroupClient { id: Arc::from(""), host: Arc::from("") },
        session_timeout_ms: 1,
        rebalance_timeout_ms: 1,
        protocols: vec![GroupProtocol { name: Arc::from("range"), metadata: Bytes::from_static(subscription) }],
        assignment: Bytes::new(),
    };
    StoredGroup {
        protocol_type: Some(Arc::from("consumer")),
        protocol_name: Some(Arc::from("range")),
        leader: Some(Arc::from("m")),
        members: vec![member],
        ..StoredGroup::simple(Arc::from("g"), 0)
    }
}

#[test]
fn offsets_of_an_empty_group_go_a_while_after_its_last_member() {
    let empty =
        StoredGroup { protocol_type: Some(Arc::from("consumer")), ..StoredGroup::simple(Arc::from("g"), 5_000) };
    let verdict = Verdict::of(&empty, false);
    let expires = |now_ms, position: &GroupPosition| verdict.expires("t", position, now_ms, RETENTION_MS);
    assert!(!expires(5_999, &position(0, None)) && expires(6_000, &position(0, None)));
    assert!(!expires(8_999, &position(0, Some(9_000))) && expires(9_000, &position(0, Some(9_000))));
    assert!(!Verdict::of(&empty, true).expires("t", &position(0, None), i64::MAX, RETENTION_MS), "somebody comes");
}

#[test]
fn offsets_of_nobody_go_a_while_after_their_commit() {
    let simple = StoredGroup::simple(Arc::from("g"), 0);
    let verdict = Verdict::of(&simple, false);
    assert!(!verdict.expires("t", &position(500, None), 1_499, RETENTION_MS));
    assert!(verdict.expires("t", &position(500, None), 1_500, RETENTION_MS));
}

#[test]
fn offsets_that_members_need_stay() {
    let known = consumers(&[0, 1, 0, 0, 0, 1, 0, 1, b't']);
    let verdict = Verdict::of(&known, false);
    assert!(!verdict.expires("t", &position(0, None), i64::MAX, RETENTION_MS));
    assert!(verdict.expires("unsubscribed", &position(0, None), 1_000, RETENTION_MS));
    let unknown = consumers(&[0, 1, 0]);
    assert!(!Verdict::of(&unknown, false).expires("t", &position(0, None), i64::MAX, RETENTION_MS));
    let other = StoredGroup { protocol_type: Some(Arc::from("connect")), ..known };
    assert!(!Verdict::of(&other, false).expires("t", &position(0, None), i64::MAX, RETENTION_MS));
}
