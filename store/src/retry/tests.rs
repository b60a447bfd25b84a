//! One test a row of the table.

use super::*;

fn status(status: u16, code: &str) -> Observed {
    Observed::Status { status, code: code.to_owned() }
}

/// Rows: outcome, then (meaning, repeat) of a plain PUT, a conditional PUT, a GET and a DELETE.
#[test]
fn every_row_of_the_table() {
    use Meaning::{Corrupt, Definite, Full, Missing, Precondition, Unknown};
    use Repeat::{Never, Slowly, Soon, Twice};
    let doubt = [(Unknown, Soon), (Unknown, Never), (Definite, Soon), (Unknown, Soon)];
    let slow = [(Unknown, Slowly), (Unknown, Never), (Definite, Slowly), (Unknown, Slowly)];
    let text = || "why".to_owned();
    let rows: Vec<(Observed, [(Meaning, Repeat); 4])> = vec![
        (Observed::Timeout, doubt),
        (Observed::Reset(text()), doubt),
        (Observed::Truncated(text()), doubt),
        (Observed::Malformed(text()), doubt),
        (status(408, ""), doubt),
        (status(400, "RequestTimeout"), doubt),
        (status(500, "InternalError"), doubt),
        (status(502, ""), doubt),
        (status(504, ""), doubt),
        (status(503, "SlowDown"), slow),
        (status(429, "TooManyRequests"), slow),
        (
            status(409, "ConditionalRequestConflict"),
            [(Unknown, Soon), (Unknown, Soon), (Definite, Never), (Definite, Never)],
        ),
        (
            status(412, "PreconditionFailed"),
            [(Definite, Never), (Precondition, Never), (Definite, Never), (Definite, Never)],
        ),
        (status(404, "NoSuchKey"), [(Missing, Never); 4]),
        (status(404, "NoSuchBucket"), [(Definite, Never); 4]),
        (status(403, "AccessDenied"), [(Definite, Never); 4]),
        (status(400, "InvalidArgument"), [(Definite, Never); 4]),
        (status(400, "BadDigest"), [(Definite, Twice); 4]),
        (status(301, "PermanentRedirect"), [(Definite, Never); 4]),
        (status(307, "TemporaryRedirect"), [(Definite, Slowly); 4]),
        (status(501, "NotImplemented"), [(Definite, Never); 4]),
        (status(507, "XMinioStorageFull"), [(Full, Never); 4]),
        (Observed::NoRoom(text()), [(Full, Never); 4]),
        (Observed::ConnectFailed(text()), [(Definite, Soon); 4]),
        (Observed::Checksum, [(Corrupt, Twice); 4]),
        (Observed::Absent, [(Missing, Never); 4]),
        (Observed::Conflict, [(Precondition, Never); 4]),
        (Observed::Refused(text()), [(Definite, Never); 4]),
        (Observed::Unsettled(text()), [(Unknown, Never); 4]),
    ];
    let operations = [Operation::PutAlways, Operation::PutConditional, Operation::Get, Operation::Delete];
    for (observed, wanted) in rows {
        for (operation, (meaning, repeat)) in operations.into_iter().zip(wanted) {
            assert_eq!(judge(operation, &observed), verdict(meaning, repeat), "{operation:?} {observed:?}");
        }
        for operation in [Operation::Head, Operation::List] {
            assert_eq!(judge(operation, &observed), judge(Operation::Get, &observed), "{operation:?} {observed:?}");
        }
    }
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn one_doubtful_attempt_leaves_the_request_in_doubt() {
    let mut history = History::default();
    assert!(history.next(Operation::PutAlways, &Observed::Timeout, LONG, 0).is_ok());
    let end = history.next(Operation::PutAlways, &status(403, "AccessDenied"), LONG, 0);
    assert!(matches!(end, Err(Failure::Unknown(_))), "{end:?}");
    assert_eq!(history.attempts(), 2);
}

#[test]
fn refused_connections_are_definite_to_the_end() {
    let mut history = History::default();
    let refused = Observed::ConnectFailed("refused".to_owned());
    assert!(history.next(Operation::PutConditional, &refused, LONG, 7).is_ok());
    let end = history.next(Operation::PutConditional, &refused, Duration::ZERO, 7);
    assert!(matches!(end, Err(Failure::Definite(_))), "{end:?}");
}

#[test]
fn what_follows_a_409_decides() {
    let mut history = History::default();
    assert!(history.next(Operation::PutConditional, &status(409, ""), LONG, 0).is_ok());
    assert_eq!(history.next(Operation::PutConditional, &status(412, ""), LONG, 0), Err(Failure::Precondition));
}

#[test]
fn a_wrong_checksum_is_asked_for_three_times() {
    let mut history = History::default();
    assert!(history.next(Operation::Get, &Observed::Checksum, LONG, 0).is_ok());
    assert!(history.next(Operation::Get, &Observed::Checksum, LONG, 0).is_ok());
    assert!(matches!(history.next(Operation::Get, &Observed::Checksum, LONG, 0), Err(Failure::Corrupt(_))));
}

#[test]
fn pauses_double_and_stay_bounded() {
    for random in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
        for attempts in 1..40 {
            let soon = pause(attempts, Repeat::Soon, random);
            let slow = pause(attempts, Repeat::Slowly, random);
            assert!(soon >= Duration::from_millis(10) && soon <= Duration::from_millis(PAUSE_MS_MAX));
            assert!(slow >= Duration::from_millis(100) && slow <= Duration::from_millis(PAUSE_MS_MAX));
        }
        assert!(pause(1, Repeat::Soon, random) <= Duration::from_millis(20));
    }
}

#[test]
fn only_slow_down_is_overload() {
    assert!(overloaded(&status(503, "SlowDown")));
    assert!(!overloaded(&status(500, "InternalError")));
    assert!(!overloaded(&Observed::Timeout));
}

#[test]
fn large_bodies_get_more_time() {
    assert_eq!(allowance(0), Duration::ZERO);
    assert_eq!(allowance(4 << 20), Duration::ZERO);
    assert_eq!(allowance(14 << 20), Duration::from_secs(10));
    assert_eq!(allowance(u64::MAX), allowance(PACK_BYTES_MAX));
}
