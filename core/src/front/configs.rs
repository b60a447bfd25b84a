//! DescribeConfigs and ListConfigResources: from the configuration tables and the core's replica of the topics.
//!
//! An entry of five bytes asks for every row of a broker, so what stands twice in a request is answered once: clients
//! keep answers by resource. Topics without settings of their own, which most are, share one set of rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Front, RequestId};
use crate::api::{
    AdminResponse, BROKER_LOGGER_RESOURCE, BROKER_RESOURCE, CLIENT_METRICS_RESOURCE, DescribeConfigsRequest,
    DescribeConfigsResponse, DescribeResource, DescribedResource, GROUP_RESOURCE, ListConfigResourcesRequest,
    ListConfigResourcesResponse, Response, TOPIC_RESOURCE, TopicRef,
};
use crate::config::{self, ConfigRow, ResourceKind};
use crate::error::{Refusal, Refused};
use crate::topic_name;

/// The kinds of resources that Kafka lists, in the order of their numbers.
const RESOURCES: [i8; 5] =
    [TOPIC_RESOURCE, BROKER_RESOURCE, BROKER_LOGGER_RESOURCE, CLIENT_METRICS_RESOURCE, GROUP_RESOURCE];

impl Front {
    pub(super) fn describe_configs(&mut self, id: RequestId, request: &DescribeConfigsRequest) {
        let mut seen = BTreeSet::new();
        let mut shared = Shared::default();
        let once =
            request.resources.iter().filter(|resource| seen.insert((resource.kind, &resource.name, &resource.keys)));
        let resources = once.map(|resource| DescribedResource {
            kind: resource.kind,
            name: resource.name.clone(),
            result: self.rows(resource, &mut shared).map(|rows| chosen(rows, resource)),
        });
        let resources = resources.collect();
        let response =
            DescribeConfigsResponse { resources, synonyms: request.synonyms, documentation: request.documentation };
        self.answer(id, Response::DescribeConfigs(response));
    }

    pub(super) fn list_config_resources(&mut self, id: RequestId, request: &ListConfigResourcesRequest) {
        let known = |kind: &i8| RESOURCES.contains(kind);
        let result = if request.kinds.iter().all(known) {
            let asked: BTreeSet<i8> = request.kinds.iter().copied().collect();
            let kinds = RESOURCES.iter().filter(|kind| asked.is_empty() || asked.contains(kind));
            Ok(kinds.flat_map(|kind| self.names(*kind).into_iter().map(|name| (*kind, name))).collect())
        } else {
            Err(Refusal::UnsupportedVersion)
        };
        let response = AdminResponse::ListConfigResources(ListConfigResourcesResponse { result });
        self.answer(id, Response::Admin(response));
    }

    fn names(&self, kind: i8) -> Vec<Arc<str>> {
        match kind {
            TOPIC_RESOURCE => self.catalog.topics().map(|topic| Arc::clone(&topic.name)).collect(),
            BROKER_RESOURCE => vec![Arc::from(self.settings.broker.0.to_string())],
            // Levels of loggers are no settings here.
            BROKER_LOGGER_RESOURCE => Vec::new(),
            kind => ResourceKind::of(kind).into_iter().flat_map(|kind| self.catalog.resources(kind).cloned()).collect(),
        }
    }

    fn rows<'a>(&'a self, resource: &DescribeResource, shared: &mut Shared<'a>) -> Result<Arc<[ConfigRow]>, Refused> {
        match resource.kind {
            TOPIC_RESOURCE => {
                topic_name::check(&resource.name)?;
                let topic = self.catalog.find(&TopicRef::Name(resource.name.clone()));
                let topic = topic.ok_or(Refusal::UnknownTopicOrPartition)?;
                if let Some(rows) = shared.get(&topic.overrides) {
                    return Ok(Arc::clone(rows));
                }
                let rows: Arc<[ConfigRow]> = config::describe_topic(&topic.overrides, &self.settings.config)?.into();
                shared.insert(&topic.overrides, Arc::clone(&rows));
                Ok(rows)
            }
            BROKER_RESOURCE if resource.name.is_empty() => Ok(config::describe_brokers(&self.settings.config).into()),
            BROKER_RESOURCE if *resource.name == *self.settings.broker.0.to_string() => {
                Ok(config::describe_broker(&self.settings.config).into())
            }
            BROKER_RESOURCE => {
                let (broker, name) = (self.settings.broker, &resource.name);
                let message = format!("Unexpected broker id, expected {broker} or empty string, but received {name}");
                Err(Refused::new(Refusal::InvalidRequest, message))
            }
            other => {
                let unsupported =
                    || Refused::new(Refusal::InvalidRequest, format!("Unsupported resource type: {other}"));
                let kind = ResourceKind::of(other).ok_or_else(unsupported)?;
                kind.check_name(&resource.name)?;
                let configs = self.catalog.resource(kind, &resource.name);
                Ok(config::describe_resource(kind, configs.unwrap_or(&BTreeMap::new())).into())
            }
        }
    }
}

/// The rows of topics, by the settings that these have of their own.
type Shared<'a> = BTreeMap<&'a BTreeMap<String, String>, Arc<[ConfigRow]>>;

fn chosen(rows: Arc<[ConfigRow]>, resource: &DescribeResource) -> Arc<[ConfigRow]> {
    let Some(keys) = &resource.keys else { return rows };
    let keys: BTreeSet<&str> = keys.iter().map(|key| &**key).collect();
    rows.iter().filter(|row| keys.contains(row.name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Broker;
    use crate::catalog::{CatalogChange, CatalogUpdate};
    use crate::config::{Config, ConfigSource, Host};
    use crate::front::FrontSettings;
    use crate::ids::{BrokerId, ConnectionId, CoreId, Lsn};

    #[test]
    fn a_resource_is_described_once() {
        let config = Config::load(&[], &Host { name: "host".to_owned(), cpus: 2 }).expect("defaults are valid");
        let mut front = Front::new(FrontSettings {
            core: CoreId(0),
            cores: 1,
            broker: BrokerId(1),
            config: Arc::new(config),
            advertised: vec![Broker { id: BrokerId(1), host: "host".into(), port: 9092, rack: None }],
            inflight_bytes_max: 1,
            hot_bytes_max: 1,
            warm: false,
        });
        let resource = |name: &str, keys: Option<&[&str]>| DescribeResource {
            kind: BROKER_RESOURCE,
            name: name.into(),
            keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
        };
        let mut resources = vec![resource("1", None); 1_000];
        resources.extend([resource("1", Some(&["cores", "no.such.key"])), resource("2", None), resource("2", None)]);
        let request = DescribeConfigsRequest { resources, synonyms: false, documentation: false };
        front.describe_configs(RequestId { connection: ConnectionId(1), slot: 0 }, &request);
        let [(_, Response::DescribeConfigs(response))] = &front.answers[..] else { panic!("one answer") };
        let rows: Vec<Option<usize>> =
            response.resources.iter().map(|resource| resource.result.as_ref().ok().map(|rows| rows.len())).collect();
        let [Some(all), Some(1), None] = rows[..] else { panic!("{rows:?}") };
        assert!(all > 1);
    }

    #[test]
    fn groups_and_subscriptions_are_listed_and_described() {
        let mut front = crate::front::partitions::tests::front(&[("a", 1)]);
        let configs = Arc::new([("consumer.session.timeout.ms".to_owned(), "50000".to_owned())].into());
        let change = CatalogChange::Resource { kind: ResourceKind::Group, name: "watchers".into(), configs };
        front.catalog.apply(&CatalogUpdate { lsn: Lsn(2), changes: vec![change] });
        let id = RequestId { connection: ConnectionId(1), slot: 0 };
        let mut listed = |kinds: &[i8]| {
            front.list_config_resources(id, &ListConfigResourcesRequest { kinds: kinds.to_vec() });
            let Some((_, Response::Admin(AdminResponse::ListConfigResources(response)))) = front.answers.pop() else {
                panic!("no answer")
            };
            let named = |(kind, name): (i8, Arc<str>)| (kind, name.to_string());
            response.result.map(|all| all.into_iter().map(named).collect::<Vec<_>>())
        };
        let group = || (32, "watchers".to_owned());
        let all = [(2, "a".to_owned()), (4, "1".to_owned()), group()];
        assert_eq!((listed(&[]), listed(&[32, 32, 16])), (Ok(all.to_vec()), Ok(vec![group()])));
        assert_eq!(listed(&[2, 3]), Err(Refusal::UnsupportedVersion));
        let resource = |kind, name: &str| DescribeResource { kind, name: name.into(), keys: None };
        let resources = vec![resource(32, "watchers"), resource(32, "others"), resource(16, "a"), resource(16, "")];
        front.describe_configs(id, &DescribeConfigsRequest { resources, synonyms: false, documentation: false });
        let Some((_, Response::DescribeConfigs(response))) = front.answers.pop() else { panic!("no answer") };
        let set = |described: &DescribedResource| {
            let rows = described.result.as_ref().ok()?;
            Some(rows.iter().filter(|row| row.source != ConfigSource::Default).count())
        };
        assert_eq!(response.resources.iter().map(set).collect::<Vec<_>>(), [Some(1), Some(0), Some(0), None]);
    }
}
