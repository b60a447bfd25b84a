//! The zone that a client names in its client id, in the dialects of brokers of this kind: `diskless_az=a`, `zone=a`,
//! `automq_az=a`, `ws_az=a`, anywhere among other words, which are set apart by `,`, `;`, `&` or a blank.

const KEYS: [&str; 4] = ["diskless_az", "zone", "automq_az", "ws_az"];

/// The zone, or nothing; an empty one is none.
pub(super) fn of_client_id(client_id: &str) -> Option<&str> {
    let words = client_id.split([',', ';', '&', ' ']);
    let pairs = words.filter_map(|word| word.split_once('='));
    let zones = pairs.filter(|(key, zone)| KEYS.contains(key) && !zone.is_empty());
    zones.map(|(_, zone)| zone).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_among_other_words() {
        assert_eq!(of_client_id("diskless_az=eu-1a"), Some("eu-1a"));
        assert_eq!(of_client_id("orders,zone=b;x=y"), Some("b"));
        assert_eq!(of_client_id("automq_type=x&automq_az=c"), Some("c"));
        assert_eq!(of_client_id("ws_az=,ws_az=d"), Some("d"));
        for none in ["", "zone", "zone=", "my_zone=a", "consumer-1"] {
            assert_eq!(of_client_id(none), None);
        }
    }
}
