//! Listeners: where the broker listens, and what it tells clients to connect to.
//!
//! Kafka's combined nodes name a listener for their controllers too. Apus has none: listeners that
//! `controller.listener.names` lists are left out. A listener whose protocol is not PLAINTEXT is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::problem::Problem;
use super::settings::Settings;
use super::value::Value;

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// On every interface: `[::]`, and `0.0.0.0` where that does not include it.
    Everywhere,
    /// On both loopback addresses, `127.0.0.1` and `[::1]`; one is enough where a machine has but one.
    Loopback,
    /// On this address.
    Address(IpAddr),
    /// On the addresses of this name, which the system knows.
    Name(String),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host's name or address; an IPv6 address without brackets, as the protocol carries it.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// `HOST:PORT`, an IPv6 address in brackets.
    pub(super) fn parse(text: &str) -> Option<Endpoint> {
        let (host, port) = text.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_sound = if bare.is_some() { true } else { !host.contains([':', '/']) };
        let host = bare.unwrap_or(host);
        (is_sound && !host.is_empty()).then_some(Endpoint { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(out, "[{}]:{}", self.host, self.port);
        }
        write!(out, "{}:{}", self.host, self.port)
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in capitals.
    pub name: String,
    /// Where it listens.
    pub bind: Bind,
    /// On which port; 0 is a free one.
    pub port: u16,
    /// What clients of this listener are told. Port 0 stands for the port that was free.
    pub advertised: Endpoint,
}

impl fmt::Display for Listener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.bind {
            Bind::Everywhere => write!(out, "{}://:{port}", self.name),
            Bind::Loopback => write!(out, "{}://localhost:{port}", self.name),
            Bind::Address(address) => write!(out, "{}://{}", self.name, Endpoint { host: address.to_string(), port }),
            Bind::Name(host) => write!(out, "{}://{host}:{port}", self.name),
        }
    }
}

/// `NAME://HOST:PORT`, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    name: String,
    host: String,
    port: u16,
}

fn parse(text: &str) -> Option<Address> {
    let (name, place) = text.split_once("://")?;
    let (host, port) = place.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'%' | b'.' | b'_' | b':');
    let name_is_valid =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if !name_is_valid || !host.bytes().all(valid) || (bare.is_none() && host.contains(':')) {
        return None;
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits { port.parse().ok()? } else { return None };
    Some(Address { name: name.to_ascii_uppercase(), host: host.to_owned(), port })
}

fn bind(host: &str) -> Bind {
    match host {
        "" => Bind::Everywhere,
        "localhost" => Bind::Loopback,
        _ => match host.parse::<IpAddr>() {
            Ok(address) if address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Bind::Everywhere,
            Ok(address) => Bind::Address(address),
            Err(_) => Bind::Name(host.to_owned()),
        },
    }
}

/// Listens where nobody said: on this machine alone, for clients of this machine.
fn default_listener() -> Address {
    Address { name: "PLAINTEXT".to_owned(), host: "localhost".to_owned(), port: 9092 }
}

/// The listeners, resolved, in the order in which they were written.
///
/// All problems are added to `problems`; then what is returned is incomplete.
pub(super) fn resolve(settings: &Settings, host_name: &str, problems: &mut Vec<Problem>) -> Vec<Listener> {
    let controllers = controller_names(settings);
    let malformed = problems.len();
    let addresses = match settings.list("listeners") {
        None => vec![default_listener()],
        Some(list) => addresses(settings, "listeners", &list, problems),
    };
    if problems.len() > malformed {
        return Vec::new(); // What else is said about listeners would follow from the ones that are missing.
    }
    let written = addresses.len();
    let addresses: Vec<Address> =
        addresses.into_iter().filter(|address| !controllers.contains(&address.name)).collect();
    if addresses.is_empty() {
        let reason = if written == 0 { "names no listener" } else { "leaves no listener for clients" };
        let message = format!("listeners {reason}: give at least one, such as PLAINTEXT://localhost:9092");
        problems.push(settings.problem("listeners", message));
    }
    check_protocols(settings, &addresses, problems);
    check_unique(settings, &addresses, problems);
    let mut advertised = advertised(settings, &addresses, &controllers, problems);
    let listeners: Vec<Listener> = addresses
        .into_iter()
        .map(|address| {
            let told = advertised.remove(&address.name);
            let advertised = told.unwrap_or(Endpoint { host: address.host.clone(), port: address.port });
            let host = if advertised.host.is_empty() { host_name.to_owned() } else { advertised.host };
            let advertised = Endpoint { host, port: advertised.port };
            Listener { bind: bind(&address.host), port: address.port, name: address.name, advertised }
        })
        .collect();
    check_routable(settings, &listeners, problems);
    check_inter_broker(settings, &listeners, problems);
    listeners
}

fn controller_names(settings: &Settings) -> BTreeSet<String> {
    match settings.foreign("controller.listener.names").map(|setting| &setting.value) {
        Some(Value::Text(names)) => names.split(',').map(|name| name.trim().to_ascii_uppercase()).collect(),
        _ => BTreeSet::new(),
    }
}

fn addresses(settings: &Settings, key: &str, list: &[String], problems: &mut Vec<Problem>) -> Vec<Address> {
    let mut addresses = Vec::with_capacity(list.len());
    for text in list {
        match parse(text) {
            Some(address) => addresses.push(address),
            None => {
                let message = format!("{key}={text} is refused: give NAME://HOST:PORT, a port being 0 to 65535");
                problems.push(settings.problem(key, message));
            }
        }
    }
    addresses
}

/// Only what `listener.security.protocol.map` makes PLAINTEXT may be listened on.
fn check_protocols(settings: &Settings, addresses: &[Address], problems: &mut Vec<Problem>) {
    let map = protocols(settings, problems);
    for Address { name, .. } in addresses {
        let message = match map.get(name).map(String::as_str) {
            Some("PLAINTEXT") => continue,
            Some(protocol) => format!(
                "listener {name} speaks {protocol}, which is not built yet: make it PLAINTEXT in listener.security.protocol.map, or remove it from listeners"
            ),
            None => format!("listener {name} has no protocol: add {name}:PLAINTEXT to listener.security.protocol.map"),
        };
        problems.push(settings.problem("listeners", message));
    }
}

fn protocols(settings: &Settings, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let key = "listener.security.protocol.map";
    let Some(Value::Text(text)) = settings.foreign(key).map(|setting| &setting.value) else {
        let names = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
        return names.into_iter().map(|name| (name.to_owned(), name.to_owned())).collect();
    };
    let mut map = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once(':') {
            Some((name, protocol)) => {
                map.insert(name.trim().to_ascii_uppercase(), protocol.trim().to_ascii_uppercase());
            }
            None => problems.push(settings.problem(key, format!("{key}={pair} is refused: give NAME:PROTOCOL pairs"))),
        }
    }
    map
}

/// No name twice; no port twice unless one listener is on an IPv4 address and the other on an IPv6 one.
fn check_unique(settings: &Settings, addresses: &[Address], problems: &mut Vec<Problem>) {
    let family = |address: &Address| address.host.parse::<IpAddr>().ok().map(|ip| ip.is_ipv4());
    for (index, address) in addresses.iter().enumerate() {
        for earlier in &addresses[..index] {
            if earlier.name == address.name {
                let message = format!("listeners names {} twice: each listener needs a name of its own", address.name);
                problems.push(settings.problem("listeners", message));
            }
            let families_differ = match (family(earlier), family(address)) {
                (Some(one), Some(other)) => one != other,
                _ => false,
            };
            if earlier.port == address.port && address.port != 0 && !families_differ {
                let message = format!("listeners uses port {} twice: each listener needs its own", address.port);
                problems.push(settings.problem("listeners", message));
            }
        }
    }
}

/// What clients are told where somebody says so, by listener.
fn advertised(
    settings: &Settings,
    addresses: &[Address],
    controllers: &BTreeSet<String>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Endpoint> {
    let key = "advertised.listeners";
    let mut told = BTreeMap::new();
    let list = settings.list(key).unwrap_or_default();
    for Address { name, host, port } in self::addresses(settings, key, &list, problems) {
        if controllers.contains(&name) {
            continue;
        }
        if !addresses.iter().any(|address| address.name == name) {
            let message = format!("{key} names {name}, which listeners does not: add it there, or remove it here");
            problems.push(settings.problem(key, message));
        }
        if told.insert(name.clone(), Endpoint { host, port }).is_some() {
            problems.push(settings.problem(key, format!("{key} names {name} twice: keep one")));
        }
    }
    told
}

/// An address that means "every interface" leads no client anywhere.
fn check_routable(settings: &Settings, listeners: &[Listener], problems: &mut Vec<Problem>) {
    for listener in listeners {
        let host = &listener.advertised.host;
        if host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
            let message = format!(
                "clients cannot connect to {host}: set advertised.listeners={}://HOST:{} with a host that they can reach",
                listener.name, listener.advertised.port
            );
            problems.push(settings.problem("advertised.listeners", message));
        }
    }
}

fn check_inter_broker(settings: &Settings, listeners: &[Listener], problems: &mut Vec<Problem>) {
    let key = "inter.broker.listener.name";
    let Some(name) = settings.text(key) else { return };
    if !listeners.is_empty() && !listeners.iter().any(|listener| listener.name == name.to_ascii_uppercase()) {
        let names: Vec<&str> = listeners.iter().map(|listener| listener.name.as_str()).collect();
        let message = format!("{key}={name} is refused: give one of the listeners, {}", names.join(", "));
        problems.push(settings.problem(key, message));
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::{Property, Source};
    use super::*;

    fn listeners(pairs: &[(&str, &str)]) -> (Vec<Listener>, Vec<String>) {
        let property = |(key, value): &(&str, &str)| Property {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            source: Source::Argument,
        };
        let properties: Vec<Property> = pairs.iter().map(property).collect();
        let (settings, mut problems) = Settings::gather(&properties);
        let listeners = resolve(&settings, "swift.example", &mut problems);
        (listeners, problems.into_iter().map(|problem| problem.message).collect())
    }

    fn shown(pairs: &[(&str, &str)]) -> Vec<String> {
        let (listeners, problems) = listeners(pairs);
        assert_eq!(problems, [""; 0]);
        listeners.iter().map(|listener| format!("{listener} -> {}", listener.advertised)).collect()
    }

    fn only_problem(pairs: &[(&str, &str)]) -> String {
        let (_, mut problems) = listeners(pairs);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn by_default_this_machine_alone() {
        let (found, problems) = listeners(&[]);
        assert_eq!(problems, [""; 0]);
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].bind, found[0].port), (&Bind::Loopback, 9092));
        assert_eq!(found[0].advertised.to_string(), "localhost:9092");
    }

    #[test]
    fn hosts_are_kafkas() {
        for (text, expected) in [
            ("PLAINTEXT://:9092", "PLAINTEXT://:9092 -> swift.example:9092"),
            ("plaintext://127.0.0.1:0", "PLAINTEXT://127.0.0.1:0 -> 127.0.0.1:0"),
            ("PLAINTEXT://[::1]:9092", "PLAINTEXT://[::1]:9092 -> [::1]:9092"),
            ("PLAINTEXT://broker-1.example:19092", "PLAINTEXT://broker-1.example:19092 -> broker-1.example:19092"),
        ] {
            assert_eq!(shown(&[("listeners", text)]), [expected]);
        }
        let both = [
            ("listeners", "PLAINTEXT://0.0.0.0:9092,INTERNAL://:9093"),
            ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT, INTERNAL:PLAINTEXT"),
            ("advertised.listeners", "PLAINTEXT://outside:443"),
            ("inter.broker.listener.name", "internal"),
        ];
        assert_eq!(shown(&both), ["PLAINTEXT://0.0.0.0:9092 -> outside:443", "INTERNAL://:9093 -> swift.example:9093"]);
        let families = [
            ("listeners", "PLAINTEXT://127.0.0.1:9092,SIX://[::1]:9092"),
            ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,SIX:PLAINTEXT"),
        ];
        assert_eq!(shown(&families).len(), 2);
    }

    #[test]
    fn controllers_are_left_out() {
        let pairs = [
            ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
            ("advertised.listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"),
            ("controller.listener.names", "CONTROLLER"),
        ];
        assert_eq!(shown(&pairs), ["PLAINTEXT://:9092 -> localhost:9092"]);
        let alone = [("listeners", "CONTROLLER://:9093"), ("controller.listener.names", "CONTROLLER")];
        assert!(only_problem(&alone).starts_with("listeners leaves no listener for clients"));
    }

    #[test]
    fn what_is_refused_says_what_to_do() {
        for (pairs, start) in [
            (&[("listeners", "SSL://:9093")][..], "listener SSL speaks SSL, which is not built yet"),
            (&[("listeners", "INSIDE://:9093")], "listener INSIDE has no protocol: add INSIDE:PLAINTEXT"),
            (&[("listeners", "9092")], "listeners=9092 is refused: give NAME://HOST:PORT"),
            (&[("listeners", "PLAINTEXT://:99999,PLAINTEXT://:1")], "listeners=PLAINTEXT://:99999 is refused"),
            (&[("listeners", "PLAINTEXT://a:1,PLAINTEXT://b:2")], "listeners names PLAINTEXT twice"),
            (&[("listeners", "PLAINTEXT://0.0.0.0:9092")], "clients cannot connect to 0.0.0.0"),
            (&[("advertised.listeners", "SSL://h:1")], "advertised.listeners names SSL, which listeners does not"),
            (&[("inter.broker.listener.name", "INSIDE")], "inter.broker.listener.name=INSIDE is refused"),
        ] {
            let problem = only_problem(pairs);
            assert!(problem.starts_with(start), "{problem}");
        }
    }
}
