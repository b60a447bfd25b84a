//! Kafka's error codes by name, and what a client makes of them.

use apus_net::wire::error::ALL;

/// The producer lost its place: the batch before has failed, or the broker has lost one.
pub const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
/// The fetch session is gone, or not where the client thinks.
pub const SESSION_LOST: [i16; 3] = [70, 71, 106];
/// What passes by itself, so that real clients ask again: no such topic yet, no leader yet, another leader, timed out,
/// network, coordinator loading or elsewhere, too few replicas (before and after the append), another controller,
/// storage, listener, offset not there yet, throttled, unknown topic id.
const PASSING: [i16; 16] = [3, 5, 6, 7, 13, 14, 15, 16, 19, 20, 41, 56, 72, 78, 89, 100];

/// Whether real clients ask again.
pub fn passes(code: i16) -> bool {
    PASSING.contains(&code)
}

/// Kafka's name of an error.
pub fn name(code: i16) -> String {
    match code {
        -1 => return "UNKNOWN_SERVER_ERROR".into(),
        19 => return "NOT_ENOUGH_REPLICAS".into(),
        20 => return "NOT_ENOUGH_REPLICAS_AFTER_APPEND".into(),
        _ => {}
    }
    let known = ALL.iter().find(|(_, number)| *number == code);
    let Some((refusal, _)) = known else { return format!("ERROR_{code}") };
    let mut name = String::new();
    for letter in format!("{refusal:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        assert_eq!(name(OUT_OF_ORDER_SEQUENCE_NUMBER), "OUT_OF_ORDER_SEQUENCE_NUMBER");
        assert_eq!(name(56), "KAFKA_STORAGE_ERROR");
        assert_eq!(name(6), "NOT_LEADER_OR_FOLLOWER");
        assert_eq!(name(999), "ERROR_999");
    }
}
