//! DescribeConfigs: from the configuration tables and the core's replica of the topics.

use super::{Front, RequestId};
use crate::api::{
    BROKER_RESOURCE, DescribeConfigsRequest, DescribeConfigsResponse, DescribeResource, DescribedResource, Response,
    TOPIC_RESOURCE, TopicRef,
};
use crate::config::{self, ConfigRow};
use crate::error::{Refusal, Refused};
use crate::topic_name;

impl Front {
    pub(super) fn describe_configs(&mut self, id: RequestId, request: &DescribeConfigsRequest) {
        let resources = request.resources.iter().map(|resource| DescribedResource {
            kind: resource.kind,
            name: resource.name.clone(),
            result: self.rows(resource).map(|rows| chosen(rows, resource)),
        });
        let resources = resources.collect();
        let response =
            DescribeConfigsResponse { resources, synonyms: request.synonyms, documentation: request.documentation };
        self.answer(id, Response::DescribeConfigs(response));
    }

    fn rows(&self, resource: &DescribeResource) -> Result<Vec<ConfigRow>, Refused> {
        match resource.kind {
            TOPIC_RESOURCE => {
                topic_name::check(&resource.name)?;
                let topic = self.catalog.find(&TopicRef::Name(resource.name.clone()));
                let topic = topic.ok_or(Refusal::UnknownTopicOrPartition)?;
                config::describe_topic(&topic.overrides, &self.settings.config)
            }
            BROKER_RESOURCE if resource.name.is_empty() => Ok(config::describe_brokers(&self.settings.config)),
            BROKER_RESOURCE if *resource.name == *self.settings.broker.0.to_string() => {
                Ok(config::describe_broker(&self.settings.config))
            }
            BROKER_RESOURCE => {
                let (broker, name) = (self.settings.broker, &resource.name);
                let message = format!("Unexpected broker id, expected {broker} or empty string, but received {name}");
                Err(Refused::new(Refusal::InvalidRequest, message))
            }
            other => Err(Refused::new(Refusal::InvalidRequest, format!("Unsupported resource type: {other}"))),
        }
    }
}

fn chosen(mut rows: Vec<ConfigRow>, resource: &DescribeResource) -> Vec<ConfigRow> {
    if let Some(keys) = &resource.keys {
        rows.retain(|row| keys.iter().any(|key| **key == *row.name));
    }
    rows
}
