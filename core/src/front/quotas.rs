//! DescribeClientQuotas and AlterClientQuotas, and what quotas make of requests: what each uses is charged to its client,
//! and whoever used too much rests.
//!
//! Kafka keeps back the records of a fetch that is too much, and has it come again. Here it is answered with them, and the
//! client rests as long: they are read already. What a fetch may have at once is bounded as in Kafka, by what its quota
//! gives in all windows but one.
//!
//! Time is what the core spent in a drain, as its shell measures it, shared evenly by what was begun and answered in that
//! drain. It is known when the drain has ended, so it counts from the next answer on.

use std::sync::Arc;
use std::time::Duration;

use super::admin::Waiting;
use super::{Front, RequestId};
use crate::api::{
    AdminResponse, AlterQuotasRequest, AlterQuotasResponse, Context, DescribeQuotasRequest, DescribeQuotasResponse,
    FetchRequest, QuotaComponent, Response,
};
use crate::error::{Refusal, Refused};
use crate::ids::{CoreId, Ticket};
use crate::limits::QUOTA_USES_MAX;
use crate::message::{Ask, Message};
use crate::quota::{Client, EntityName, MeterKey, QuotaEntity, QuotaKey, QuotaUse};
use crate::time::Instant;
use crate::turn::Turn;

/// How a component matches.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

impl Front {
    pub(super) fn describe_quotas(&mut self, id: RequestId, request: &DescribeQuotasRequest) {
        let result = check_components(&request.components).map(|()| {
            let all = self.catalog.quotas().filter(|(entity, _)| matches(entity, request));
            all.map(|(entity, quotas)| (entity.clone(), Arc::clone(quotas))).collect()
        });
        self.answer(id, Response::Admin(AdminResponse::DescribeQuotas(DescribeQuotasResponse { result })));
    }

    pub(super) fn alter_quotas(&mut self, id: RequestId, request: AlterQuotasRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::AlterQuotas(request), turn);
    }

    pub(super) fn quotas_altered(&mut self, ticket: Ticket, response: AlterQuotasResponse) {
        let Waiting::Request(id) = self.asked(ticket) else { panic!("{ticket:?} alters nothing") };
        self.answer(id, Response::Admin(AdminResponse::AlterQuotas(response)));
    }

    /// Whether any client's requests are bounded; where none's are, nothing below is to be called.
    #[must_use]
    pub fn has_quotas(&self) -> bool {
        self.meters.is_active()
    }

    /// Whether the core's time is bounded: then the shell measures it.
    #[must_use]
    pub fn counts_time(&self) -> bool {
        self.meters.bounds(QuotaKey::RequestPercentage)
    }

    /// No more than a client may fetch at once.
    pub(super) fn within_quota(&self, context: &Context, mut request: FetchRequest) -> FetchRequest {
        if self.meters.bounds(QuotaKey::ConsumerByteRate)
            && let Some(most) = self.meters.most(QuotaKey::ConsumerByteRate, &Client::of(context))
        {
            request.bytes_max = request.bytes_max.min(most as i32); // As in Java: at most what it holds.
            request.bytes_min = request.bytes_min.min(request.bytes_max);
        }
        request
    }

    /// A request of so many bytes begins; returned is how long its client must rest, milliseconds.
    pub fn charge_request(&mut self, context: &Arc<Context>, bytes: u64, is_produce: bool, now: Instant) -> u64 {
        self.count_time(context);
        if !is_produce || !self.meters.bounds(QuotaKey::ProducerByteRate) {
            return 0;
        }
        self.meters.charge(QuotaKey::ProducerByteRate, &Client::of(context), bytes as f64, now)
    }

    /// A request is answered, likewise.
    pub fn charge_answer(&mut self, context: &Arc<Context>, response: &Response, now: Instant) -> u64 {
        self.count_time(context);
        let client = Client::of(context);
        let time_ms = self.meters.charge(QuotaKey::RequestPercentage, &client, 0.0, now);
        let Response::Fetch(fetched) = response else { return time_ms };
        let partitions = fetched.topics.iter().flat_map(|topic| &topic.partitions);
        let bytes: usize = partitions.flat_map(|partition| &partition.records).map(|piece| piece.len()).sum();
        time_ms.max(self.meters.charge(QuotaKey::ConsumerByteRate, &client, bytes as f64, now))
    }

    fn count_time(&mut self, context: &Arc<Context>) {
        if self.counts_time() {
            self.served.push(Arc::clone(context));
        }
    }

    /// The core spent so long with what was charged since the last time.
    pub fn spent(&mut self, time: Duration, now: Instant) {
        let served = std::mem::take(&mut self.served);
        let share = time.as_secs_f64() * 100.0 / served.len().max(1) as f64;
        for context in served {
            self.meters.charge(QuotaKey::RequestPercentage, &Client::of(&context), share, now);
        }
    }

    /// What was used of quotas, for whoever watches.
    #[must_use]
    pub fn quota_uses(&self) -> Vec<QuotaUse> {
        self.meters.uses(QUOTA_USES_MAX)
    }

    /// Another core counted this.
    pub fn used(&mut self, used: &[(MeterKey, f64)], turn: &Turn<'_>) {
        self.meters.used(used, turn.now);
    }

    /// Tells the other cores what was used here.
    pub(super) fn tell_used(&mut self, turn: &mut Turn<'_>) {
        let Some(used) = self.meters.tell(turn.now).map(Arc::new) else { return };
        let others = (0..self.settings.cores).map(CoreId).filter(|core| *core != self.settings.core);
        others.for_each(|core| turn.send(core, Message::Used(Arc::clone(&used))));
    }
}

/// Kafka's rules, in Kafka's words.
fn check_components(components: &[QuotaComponent]) -> Result<(), Refused> {
    let refuse = |refusal, message: String| Err(Refused::new(refusal, message));
    let invalid = |message: String| refuse(Refusal::InvalidRequest, message);
    for (index, component) in components.iter().enumerate() {
        let kind = &component.kind;
        if kind.is_empty() {
            return invalid("Invalid empty entity type.".to_owned());
        }
        if components[..index].iter().any(|earlier| earlier.kind == *kind) {
            return invalid(format!("Entity type {kind} cannot appear more than once in the filter."));
        }
        if QuotaEntity::default().part(kind).is_none() {
            return refuse(Refusal::UnsupportedVersion, format!("Unsupported entity type {kind}"));
        }
        let message = match (component.match_type, &component.name) {
            (EXACT, None) => "Request specified MATCH_TYPE_EXACT, but set match string to null.",
            (DEFAULT, Some(_)) => "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.",
            (SPECIFIED, Some(_)) => "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string.",
            (EXACT | DEFAULT | SPECIFIED, _) => continue,
            (unknown, _) => return invalid(format!("Unknown match type {unknown}")),
        };
        return invalid(message.to_owned());
    }
    // There are three kinds, and none stands twice: with an address among several, another is there too.
    if components.len() > 1 && components.iter().any(|component| &*component.kind == "ip") {
        let message = "Invalid entity filter component combination. IP filter component should not be used with user or \
                       clientId filter component.";
        return invalid(message.to_owned());
    }
    Ok(())
}

fn matches(entity: &QuotaEntity, request: &DescribeQuotasRequest) -> bool {
    let component = |component: &QuotaComponent| match entity.part(&component.kind).flatten() {
        None => false,
        Some(_) if component.match_type == SPECIFIED => true,
        Some(EntityName::Default) => component.match_type == DEFAULT,
        Some(EntityName::Named(name)) => component.match_type == EXACT && component.name.as_ref() == Some(name),
    };
    // Whoever names nothing and is strict gets nothing, as in Kafka.
    request.components.iter().all(component) && (!request.strict || entity.parts().count() == request.components.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CatalogChange, CatalogUpdate};
    use crate::ids::{ConnectionId, Lsn};
    use crate::quota::{Bound, Quotas};

    fn entity(user: Option<&str>, client_id: Option<&str>) -> QuotaEntity {
        let part = |name: &str| if name == "*" { EntityName::Default } else { EntityName::Named(name.into()) };
        QuotaEntity { user: user.map(part), client_id: client_id.map(part), ip: None }
    }

    fn component(kind: &str, match_type: i8, name: Option<&str>) -> QuotaComponent {
        QuotaComponent { kind: kind.into(), match_type, name: name.map(Into::into) }
    }

    fn told(components: &[QuotaComponent], strict: bool) -> Result<Vec<QuotaEntity>, (Refusal, String)> {
        let mut front = crate::front::partitions::tests::front(&[]);
        let quotas: Arc<Quotas> = Arc::new([(QuotaKey::ProducerByteRate, Bound::new(10.0).expect("a bound"))].into());
        let entities =
            [entity(Some("a"), None), entity(Some("*"), None), entity(Some("a"), Some("b")), entity(None, Some("b"))];
        let change = |entity| CatalogChange::Quota { entity, quotas: Arc::clone(&quotas) };
        front.catalog.apply(&CatalogUpdate { lsn: Lsn(2), changes: entities.map(change).into() });
        let request = DescribeQuotasRequest { components: components.to_vec(), strict };
        front.describe_quotas(RequestId { connection: ConnectionId(1), slot: 0 }, &request);
        let Some((_, Response::Admin(AdminResponse::DescribeQuotas(response)))) = front.answers.pop() else {
            panic!("no answer")
        };
        let entities = response.result.map(|all| all.into_iter().map(|(entity, _)| entity).collect());
        entities.map_err(|refused| (refused.refusal, refused.message.into_owned()))
    }

    #[test]
    fn entities_are_matched_as_kafka_does() {
        let count = |components: &[QuotaComponent], strict| told(components, strict).map(|found| found.len());
        assert_eq!((count(&[], false), count(&[], true)), (Ok(4), Ok(0)));
        let named = component("user", EXACT, Some("a"));
        let one = std::slice::from_ref(&named);
        assert_eq!((count(one, false), count(one, true)), (Ok(2), Ok(1)));
        assert_eq!(told(&[component("user", DEFAULT, None)], false), Ok(vec![entity(Some("*"), None)]));
        assert_eq!(count(&[component("user", SPECIFIED, None)], true), Ok(2), "the default one as well");
        let both = [named, component("client-id", EXACT, Some("b"))];
        assert_eq!(told(&both, true), Ok(vec![entity(Some("a"), Some("b"))]));
        assert_eq!(count(&[component("ip", SPECIFIED, None)], false), Ok(0));
    }

    #[test]
    fn what_matches_nothing_is_refused_in_kafkas_words() {
        let invalid = Refusal::InvalidRequest;
        for (components, refusal, message) in [
            (vec![component("", EXACT, Some("a"))], invalid, "Invalid empty entity type."),
            (vec![component("user", EXACT, None)], invalid, "Request specified MATCH_TYPE_EXACT, but"),
            (vec![component("user", DEFAULT, Some("a"))], invalid, "Request specified MATCH_TYPE_DEFAULT, but"),
            (vec![component("user", SPECIFIED, Some("a"))], invalid, "Request specified MATCH_TYPE_SPECIFIED, but"),
            (vec![component("user", 3, None)], invalid, "Unknown match type 3"),
            (vec![component("group", DEFAULT, None)], Refusal::UnsupportedVersion, "Unsupported entity type group"),
            (vec![component("user", DEFAULT, None); 2], invalid, "Entity type user cannot appear more than once"),
            (
                vec![component("user", DEFAULT, None), component("ip", DEFAULT, None)],
                invalid,
                "Invalid entity filter component combination.",
            ),
        ] {
            let (found, told) = told(&components, false).expect_err(message);
            assert!(found == refusal && told.starts_with(message), "{told}");
        }
    }
}
