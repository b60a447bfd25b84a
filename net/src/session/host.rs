//! A client's address as Kafka prints it for members of groups: `/127.0.0.1`, `/0:0:0:0:0:0:0:1`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The address out of an address with its port; what is no address stays what it is.
pub(super) fn of_peer(peer: &str) -> Arc<str> {
    let host = match peer.parse::<SocketAddr>().map(|address| address.ip().to_canonical()) {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => address.segments().map(|segment| format!("{segment:x}")).join(":"),
        Err(_) => peer.to_string(),
    };
    Arc::from(format!("/{host}"))
}

/// The port of an address; 0 where there is none.
pub(super) fn port_of_peer(peer: &str) -> u16 {
    peer.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_kafkas() {
        assert_eq!(&*of_peer("127.0.0.1:9092"), "/127.0.0.1");
        assert_eq!(&*of_peer("[::1]:9092"), "/0:0:0:0:0:0:0:1");
        assert_eq!(&*of_peer("[::ffff:10.0.0.1]:1"), "/10.0.0.1");
        assert_eq!(&*of_peer("unknown"), "/unknown");
    }
}
