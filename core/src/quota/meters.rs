//! The meters of a core: which quota a client is under, what was used of it, and how long the client must rest.
//!
//! Whose meter counts follows from the quota that holds for a client, as in Kafka: the most specific one of user and client
//! id, of the user, of the client id, each before the default of its kind. Clients under a user's quota share one meter;
//! others have one each.
//!
//! Connections of one client may be on different cores. Every core counts what it did itself and is told every
//! [`QUOTA_EXCHANGE_MS`] what the others did, so that each knows the whole but for the last few milliseconds, and Kafka's
//! arithmetic holds for all of them together. The road not taken: a share of the quota for each core with connections.
//! It needs no messages, but a client whose work lies on one core of eight would be slowed down to an eighth.
//!
//! Only what has a quota has a meter: without quotas nothing is looked up, counted or told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entity::{EntityName, QuotaEntity};
use super::key::{QuotaKey, Quotas};
use super::meter::{Meter, Windows};
use crate::api::Context;
use crate::limits::{QUOTA_EXCHANGE_MS, QUOTA_METERS_MAX, QUOTA_SWEEP_MS};
use crate::time::Instant;

/// Whose request it is, as far as quotas ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    user: Arc<str>,
    id: Arc<str>,
}

/// A meter's name: what it counts, and of whom. Those who find no room for one of their own share one without names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeterKey {
    /// What.
    pub key: QuotaKey,
    /// Of which user, where it matters.
    pub user: Option<Arc<str>>,
    /// Of which client id, where it matters.
    pub client_id: Option<Arc<str>>,
}

/// A meter, for whoever watches.
#[derive(Clone, Debug)]
pub struct QuotaUse {
    /// Its name.
    pub meter: MeterKey,
    /// Everything that it counted.
    pub total: f64,
}

/// All meters of a core.
#[derive(Debug)]
pub struct Meters {
    windows: Windows,
    /// Others count as well.
    shared: bool,
    limits: BTreeMap<QuotaEntity, Arc<Quotas>>,
    /// Of how many entities a key is bounded, by its number.
    bounded: [usize; QuotaKey::ALL.len()],
    meters: BTreeMap<MeterKey, Meter>,
    /// What the others have not been told.
    untold: BTreeMap<MeterKey, f64>,
    tell_at: Instant,
    swept_at: Instant,
}

impl Client {
    /// Who is behind a request.
    #[must_use]
    pub fn of(context: &Context) -> Client {
        let user = context.principal.split_once(':').map_or(&*context.principal, |(_, name)| name);
        Client { user: Arc::from(user), id: Arc::clone(&context.client_id) }
    }
}

impl Meters {
    /// Meters of a core of so many that has not heard of any quota.
    #[must_use]
    pub fn new(windows: Windows, cores: u16) -> Meters {
        assert!(windows.count > 0 && windows.size_ms > 0 && cores > 0);
        Meters {
            windows,
            shared: cores > 1,
            limits: BTreeMap::new(),
            bounded: [0; QuotaKey::ALL.len()],
            meters: BTreeMap::new(),
            untold: BTreeMap::new(),
            tell_at: Instant::NEVER,
            swept_at: Instant(0),
        }
    }

    /// All that is set for an entity now; nothing: it has no quotas any more.
    pub fn set(&mut self, entity: &QuotaEntity, quotas: &Arc<Quotas>) {
        if quotas.is_empty() {
            self.limits.remove(entity);
        } else {
            self.limits.insert(entity.clone(), Arc::clone(quotas));
        }
        for key in QuotaKey::ALL {
            self.bounded[key as usize] = self.limits.values().filter(|quotas| quotas.contains_key(&key)).count();
        }
        self.meters.retain(|meter, _| self.bounded[meter.key as usize] > 0);
    }

    /// Whether anybody's use of this is bounded.
    #[must_use]
    pub fn bounds(&self, key: QuotaKey) -> bool {
        self.bounded[key as usize] > 0
    }

    /// Whether anything of what requests use is bounded.
    #[must_use]
    pub fn is_active(&self) -> bool {
        use QuotaKey::{ConsumerByteRate, ProducerByteRate, RequestPercentage};
        [ConsumerByteRate, ProducerByteRate, RequestPercentage].into_iter().any(|key| self.bounds(key))
    }

    /// The quota that holds for a client, with the meter that counts for it.
    fn limit(&self, key: QuotaKey, client: &Client) -> Option<(MeterKey, f64)> {
        if !self.bounds(key) {
            return None;
        }
        let named = |name: &Arc<str>| Some(EntityName::Named(Arc::clone(name)));
        let any = || Some(EntityName::Default);
        let order = [
            (named(&client.user), named(&client.id)),
            (named(&client.user), any()),
            (named(&client.user), None),
            (any(), named(&client.id)),
            (any(), any()),
            (any(), None),
            (None, named(&client.id)),
            (None, any()),
        ];
        order.into_iter().find_map(|(user, client_id)| {
            let entity = QuotaEntity { user, client_id, ip: None };
            let bound = self.limits.get(&entity)?.get(&key)?;
            let user = entity.user.is_some().then(|| Arc::clone(&client.user));
            let client_id = entity.client_id.is_some().then(|| Arc::clone(&client.id));
            Some((MeterKey { key, user, client_id }, bound.value()))
        })
    }

    fn meter(&mut self, name: &MeterKey, now: Instant) -> &mut Meter {
        if self.meters.len() >= QUOTA_METERS_MAX && !self.meters.contains_key(name) {
            if self.swept_at.after_ms(QUOTA_SWEEP_MS) <= now {
                self.swept_at = now;
                let windows = self.windows;
                self.meters.retain(|_, meter| !meter.is_idle(now, windows));
            }
            if self.meters.len() >= QUOTA_METERS_MAX {
                return self.meters.entry(MeterKey { key: name.key, user: None, client_id: None }).or_default();
            }
        }
        self.meters.entry(name.clone()).or_default()
    }

    /// A client used so much of something; returned is how long it must rest, milliseconds.
    pub fn charge(&mut self, key: QuotaKey, client: &Client, amount: f64, now: Instant) -> u64 {
        assert!(amount >= 0.0, "nothing is given back");
        let Some((name, bound)) = self.limit(key, client) else { return 0 };
        if self.shared && amount > 0.0 {
            self.tell_at = self.tell_at.min(now.after_ms(QUOTA_EXCHANGE_MS));
            *self.untold.entry(name.clone()).or_default() += amount;
        }
        let windows = self.windows;
        let meter = self.meter(&name, now);
        if amount > 0.0 {
            meter.record(amount, now, windows);
        }
        let throttle_ms = meter.throttle_ms(bound, now, windows);
        // As in Kafka, time that was used is not made up for by more than a window at once.
        if key == QuotaKey::RequestPercentage { throttle_ms.min(windows.size_ms) } else { throttle_ms }
    }

    /// How much a client may use at once; nothing where it is not bounded.
    #[must_use]
    pub fn most(&self, key: QuotaKey, client: &Client) -> Option<f64> {
        self.limit(key, client).map(|(_, bound)| self.windows.most(bound))
    }

    /// Other cores counted this.
    pub fn used(&mut self, used: &[(MeterKey, f64)], now: Instant) {
        let windows = self.windows;
        for (name, amount) in used.iter().filter(|(name, _)| self.bounded[name.key as usize] > 0) {
            // Not by a method: the filter looks at the rest of it.
            if self.meters.len() < QUOTA_METERS_MAX || self.meters.contains_key(name) {
                self.meters.entry(name.clone()).or_default().record(*amount, now, windows);
            }
        }
    }

    /// What the others are to be told, once it is time.
    pub fn tell(&mut self, now: Instant) -> Option<Vec<(MeterKey, f64)>> {
        if self.tell_at > now {
            return None;
        }
        self.tell_at = Instant::NEVER;
        Some(std::mem::take(&mut self.untold).into_iter().collect())
    }

    /// When it is time.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.tell_at
    }

    /// What was used of quotas, by meter, at most so many of them.
    pub fn uses(&self, count_max: usize) -> Vec<QuotaUse> {
        let meters = self.meters.iter().take(count_max);
        meters.map(|(name, meter)| QuotaUse { meter: name.clone(), total: meter.total() }).collect()
    }

    /// The whole state is sound.
    pub fn check(&self) {
        assert!(self.meters.len() <= QUOTA_METERS_MAX + QuotaKey::ALL.len());
        assert!(self.untold.is_empty() || self.tell_at < Instant::NEVER, "what is to be told has its time");
        assert!(self.limits.values().all(|quotas| !quotas.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bound;
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1_000 };
    const KEY: QuotaKey = QuotaKey::ProducerByteRate;

    fn client(id: &str) -> Client {
        Client { user: "ANONYMOUS".into(), id: id.into() }
    }

    fn set(meters: &mut Meters, user: Option<&str>, id: Option<&str>, bound: Option<f64>) {
        let part = |name: Option<&str>| {
            name.map(|name| if name == "*" { EntityName::Default } else { EntityName::Named(name.into()) })
        };
        let entity = QuotaEntity { user: part(user), client_id: part(id), ip: None };
        let quotas = bound.map(|bound| (KEY, Bound::new(bound).expect("a bound")));
        meters.set(&entity, &Arc::new(quotas.into_iter().collect()));
        meters.check();
    }

    #[test]
    fn the_most_specific_quota_holds() {
        let mut meters = Meters::new(WINDOWS, 1);
        assert!(!meters.is_active());
        let steps = [
            (None, Some("*"), 1.0),
            (None, Some("a"), 2.0),
            (Some("*"), None, 3.0),
            (Some("*"), Some("*"), 4.0),
            (Some("*"), Some("a"), 5.0),
            (Some("ANONYMOUS"), None, 6.0),
            (Some("ANONYMOUS"), Some("*"), 7.0),
            (Some("ANONYMOUS"), Some("a"), 8.0),
        ];
        for (user, id, bound) in steps {
            set(&mut meters, user, id, Some(bound));
            assert_eq!(meters.most(KEY, &client("a")), Some(WINDOWS.most(bound)));
            assert!(meters.is_active() && !meters.bounds(QuotaKey::RequestPercentage));
        }
        assert_eq!(meters.most(KEY, &client("b")), Some(WINDOWS.most(7.0)));
        for (user, id, _) in steps {
            set(&mut meters, user, id, None);
        }
        assert_eq!((meters.most(KEY, &client("a")), meters.is_active()), (None, false));
        assert_eq!(meters.charge(KEY, &client("a"), 1e9, Instant(0)), 0);
        assert!(meters.uses(10).is_empty());
    }

    #[test]
    fn clients_of_a_user_share_its_quota_and_others_do_not() {
        let mut meters = Meters::new(WINDOWS, 1);
        set(&mut meters, None, Some("*"), Some(100.0));
        assert_eq!(meters.charge(KEY, &client("a"), 1_000.0, Instant(0)), 0);
        assert_eq!(meters.charge(KEY, &client("b"), 1_000.0, Instant(0)), 0);
        set(&mut meters, Some("ANONYMOUS"), None, Some(100.0));
        assert_eq!(meters.charge(KEY, &client("a"), 1_000.0, Instant(0)), 0);
        assert_eq!(meters.charge(KEY, &client("b"), 1_000.0, Instant(0)), 10_000);
        assert_eq!(meters.uses(10).len(), 3);
    }

    #[test]
    fn what_one_core_counts_the_others_are_told() {
        let (mut one, mut other) = (Meters::new(WINDOWS, 2), Meters::new(WINDOWS, 2));
        for meters in [&mut one, &mut other] {
            set(meters, None, Some("*"), Some(100.0));
        }
        assert_eq!((one.deadline(), one.tell(Instant(0))), (Instant::NEVER, None));
        assert_eq!(one.charge(KEY, &client("a"), 1_000.0, Instant(0)), 0);
        assert_eq!(one.tell(Instant(0)), None, "not for every request");
        let told = one.tell(one.deadline()).expect("it is time");
        assert_eq!((told.len(), one.deadline()), (1, Instant::NEVER));
        other.used(&told, Instant(0));
        assert_eq!(other.charge(KEY, &client("a"), 500.0, Instant(0)), 5_000);
        one.check();
    }

    #[test]
    fn whoever_finds_no_meter_shares_one() {
        let mut meters = Meters::new(WINDOWS, 1);
        set(&mut meters, None, Some("*"), Some(100.0));
        for number in 0..QUOTA_METERS_MAX {
            assert_eq!(meters.charge(KEY, &client(&number.to_string()), 1_000.0, Instant(0)), 0);
        }
        assert_eq!(meters.charge(KEY, &client("x"), 1_000.0, Instant(0)), 0);
        assert_eq!(meters.charge(KEY, &client("y"), 1_000.0, Instant(0)), 10_000, "they share it");
        meters.check();
        assert_eq!(meters.charge(KEY, &client("z"), 1_000.0, Instant(0).after_ms(11_000)), 0, "idle ones give way");
        assert_eq!(meters.uses(10).len(), 1);
    }
}
