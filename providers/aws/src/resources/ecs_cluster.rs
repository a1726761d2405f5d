//! `aws_ecs_cluster`: where services and tasks run.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    Cluster, ClusterConfiguration, ClusterField, ClusterServiceConnectDefaultsRequest, ClusterSetting,
    ExecuteCommandConfiguration, ExecuteCommandLogConfiguration,
};
use infra_providers::{Attribute, Block, NestedBlock, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::{ecs, named};
use crate::batch::lookup_keys;
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Resource};
use crate::retry::iam_propagation;
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes};

/// The type `aws_ecs_cluster`.
pub(crate) struct EcsCluster;

#[async_trait]
impl Resource for EcsCluster {
    fn schema(&self) -> Schema {
        let log = Block::new("Where the output of commands goes.")
            .attr("cloud_watch_encryption_enabled", Attribute::optional(Type::Bool))
            .attr("cloud_watch_log_group_name", Attribute::optional(Type::String))
            .attr("s3_bucket_encryption_enabled", Attribute::optional(Type::Bool))
            .attr("s3_bucket_name", Attribute::optional(Type::String))
            .attr("s3_key_prefix", Attribute::optional(Type::String));
        let command = Block::new("How commands in containers are run.")
            .attr("kms_key_id", Attribute::optional(Type::String))
            .attr(
                "logging",
                Attribute::optional(Type::String)
                    .default("DEFAULT")
                    .check(Validator::OneOf(&["NONE", "DEFAULT", "OVERRIDE"])),
            )
            .block("log_configuration", NestedBlock::list(log).at_most(1));
        let configuration = Block::new("The configuration of the cluster.")
            .block("execute_command_configuration", NestedBlock::list(command).at_most(1));
        let setting = Block::new("A setting, such as `containerInsights`.")
            .attr("name", Attribute::required(Type::String))
            .attr("value", Attribute::required(Type::String));
        let block = Block::new("An ECS cluster.")
            .attr("arn", Attribute::computed(Type::String))
            .attr(
                "name",
                Attribute::required(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 255)),
            )
            .block("configuration", NestedBlock::list(configuration).at_most(1))
            .block("setting", NestedBlock::set(setting).computed())
            .block(
                "service_connect_defaults",
                NestedBlock::list(
                    Block::new("The default namespace of Service Connect.")
                        .attr("namespace", Attribute::required(Type::String)),
                )
                .at_most(1),
            );
        Schema::new(with_tags(block)).unique(&["name"])
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let keys = objects.iter().map(|o| o.prior.id());
        let found = lookup_keys(keys, 100, |arns| describe(cx, arns)).await;
        found.answer(objects, |cluster, prior| {
            let mut state = cx.state(prior);
            let arn = cluster.cluster_arn();
            state.set("id", arn).set("arn", arn).set("name", cluster.cluster_name());
            let settings = cluster.settings().iter().map(|s| {
                Value::object([
                    ("name", s.name().map(|n| n.as_str()).into()),
                    ("value", s.value().into()),
                ])
            });
            state.set_blocks("setting", settings.collect());
            let configuration = cluster.configuration().and_then(configuration_value);
            state.set_blocks("configuration", configuration.into_iter().collect());
            let namespace = cluster.service_connect_defaults().and_then(|d| d.namespace());
            let defaults = namespace.map(|n| Value::object([("namespace", n.into())]));
            state.set_blocks("service_connect_defaults", defaults.into_iter().collect());
            state.tags(cx.default_tags(), ecs::tag_map(cluster.tags()));
            state.finish()
        })
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = op.planned.text("name").unwrap_or_default();
        // CreateCluster quietly returns (or overwrites) a cluster of the same name.
        let arn = match by_name(op.cx, &name).await? {
            Some(cluster) if named::is_ours(&ecs::tag_map(cluster.tags()), op.token) => cluster.cluster_arn,
            Some(_) => return Err(named::taken("an ECS cluster", &name)),
            None => {
                let answer = op
                    .retry(minutes(2), iam_propagation, || async {
                        let call = op.cx.ecs_once().create_cluster().cluster_name(&name);
                        call.set_settings(settings(op.planned))
                            .set_configuration(configuration(op.planned))
                            .set_service_connect_defaults(service_connect(op.planned)?)
                            .set_tags(ecs::tag_list(&named::creation_tags(op)))
                            .send()
                            .await
                            .op("CreateCluster")
                    })
                    .await?;
                answer.cluster.and_then(|c| c.cluster_arn)
            }
        };
        let arn = arn.expect_in("CreateCluster", "ARN")?;
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        wait_active(op, &arn).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        if op.any_changed(&["setting", "configuration", "service_connect_defaults"]) {
            let call = op.cx.ecs().update_cluster().cluster(&arn);
            let answer = call
                .set_settings(settings(op.planned))
                .set_configuration(configuration(op.planned))
                .set_service_connect_defaults(service_connect(op.planned)?)
                .send()
                .await;
            answer.op("UpdateCluster")?;
            wait_active(op, &arn).await?;
        }
        ecs::update_tags(op, &arn).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        op.retry(minutes(10), still_used, || async {
            let call = op.cx.ecs().delete_cluster().cluster(&arn);
            call.send().await.op("DeleteCluster")
        })
        .await?;
        let wait = Wait::new(format!("ECS cluster {} to be gone", ecs::short_name(&arn)), minutes(10));
        op.wait_gone(wait, || async {
            let cluster = describe(op.cx, vec![arn.clone()]).await?.remove(&arn);
            Ok(cluster.map(|c| c.status.unwrap_or_default()))
        })
        .await
    }

    async fn identify(&self, cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        let arn = match id.starts_with("arn:") {
            true => id.to_owned(),
            false => cx.arn("ecs", cx.account().await?, &format!("cluster/{id}")),
        };
        Ok(Value::object([("id", arn.into())]))
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = planned.text("name").unwrap_or_default();
        let found = by_name(cx, &name).await?;
        let ours = found.filter(|c| named::is_ours(&ecs::tag_map(c.tags()), token));
        Ok(ours.map(|c| Value::object([("id", c.cluster_arn.into())])))
    }
}

/// Says whether a cluster cannot be deleted yet.
fn still_used(error: &ProviderError) -> bool {
    const CODES: [&str; 4] = [
        "ClusterContainsServicesException",
        "ClusterContainsTasksException",
        "ClusterContainsContainerInstancesException",
        "UpdateInProgressException",
    ];
    has_code(error, &CODES)
}

/// Finds active clusters by ARN.
async fn describe(cx: &Cx<'_>, arns: Vec<String>) -> Result<BTreeMap<String, Cluster>, ProviderError> {
    let answer = cx
        .ecs()
        .describe_clusters()
        .set_clusters(Some(arns))
        .include(ClusterField::Tags)
        .include(ClusterField::Settings)
        .include(ClusterField::Configurations)
        .send()
        .await
        .op("DescribeClusters")?;
    let clusters = answer.clusters.unwrap_or_default().into_iter();
    let alive = clusters.filter(|c| c.status() != Some("INACTIVE"));
    Ok(alive.filter_map(|c| Some((c.cluster_arn.clone()?, c))).collect())
}

async fn by_name(cx: &Cx<'_>, name: &str) -> Result<Option<Cluster>, ProviderError> {
    let found = or_gone(describe(cx, vec![name.to_owned()]).await)?;
    let mut clusters = found.unwrap_or_default().into_values();
    Ok(clusters.find(|c| c.cluster_name() == Some(name)))
}

async fn wait_active(op: &Op<'_>, arn: &str) -> Result<(), ProviderError> {
    let wait = Wait::new(
        format!("ECS cluster {} to be active", ecs::short_name(arn)),
        minutes(10),
    );
    op.wait(wait, || async {
        let cluster = describe(op.cx, vec![arn.to_owned()]).await?.remove(arn);
        let status = cluster
            .and_then(|c| c.status)
            .unwrap_or_else(|| "not visible yet".to_owned());
        Ok(match status.as_str() {
            "ACTIVE" => Look::Done(()),
            _ => Look::Pending(status),
        })
    })
    .await
}

fn settings(planned: &Value) -> Option<Vec<ClusterSetting>> {
    let blocks = planned.blocks("setting").iter();
    let settings: Vec<ClusterSetting> = blocks
        .map(|s| {
            ClusterSetting::builder()
                .set_name(s.text("name").map(|n| n.as_str().into()))
                .set_value(s.text("value"))
                .build()
        })
        .collect();
    (!settings.is_empty()).then_some(settings)
}

fn configuration(planned: &Value) -> Option<ClusterConfiguration> {
    let command = planned.block("configuration")?.block("execute_command_configuration")?;
    let log = command.block("log_configuration").map(|l| {
        ExecuteCommandLogConfiguration::builder()
            .set_cloud_watch_encryption_enabled(l.flag("cloud_watch_encryption_enabled"))
            .set_cloud_watch_log_group_name(l.text("cloud_watch_log_group_name"))
            .set_s3_bucket_name(l.text("s3_bucket_name"))
            .set_s3_encryption_enabled(l.flag("s3_bucket_encryption_enabled"))
            .set_s3_key_prefix(l.text("s3_key_prefix"))
            .build()
    });
    let command = ExecuteCommandConfiguration::builder()
        .set_kms_key_id(command.text("kms_key_id"))
        .set_logging(command.text("logging").map(|l| l.as_str().into()))
        .set_log_configuration(log)
        .build();
    Some(
        ClusterConfiguration::builder()
            .execute_command_configuration(command)
            .build(),
    )
}

fn configuration_value(configuration: &ClusterConfiguration) -> Option<Value> {
    let command = configuration.execute_command_configuration()?;
    let log = command.log_configuration().map(|l| {
        Value::object([
            (
                "cloud_watch_encryption_enabled",
                Some(l.cloud_watch_encryption_enabled()).filter(|e| *e).into(),
            ),
            ("cloud_watch_log_group_name", l.cloud_watch_log_group_name().into()),
            (
                "s3_bucket_encryption_enabled",
                Some(l.s3_encryption_enabled()).filter(|e| *e).into(),
            ),
            ("s3_bucket_name", l.s3_bucket_name().into()),
            ("s3_key_prefix", l.s3_key_prefix().into()),
        ])
    });
    let command = Value::object([
        ("kms_key_id", command.kms_key_id().into()),
        ("logging", command.logging().map_or("DEFAULT", |l| l.as_str()).into()),
        ("log_configuration", Value::tuple(log.into_iter().collect())),
    ]);
    Some(Value::object([(
        "execute_command_configuration",
        Value::tuple(vec![command]),
    )]))
}

/// Returns the request for the default namespace; an empty one clears it.
fn service_connect(planned: &Value) -> Result<Option<ClusterServiceConnectDefaultsRequest>, ProviderError> {
    let namespace = planned
        .block("service_connect_defaults")
        .and_then(|d| d.text("namespace"));
    let Some(namespace) = namespace else {
        return Ok(None);
    };
    let request = ClusterServiceConnectDefaultsRequest::builder()
        .namespace(namespace)
        .build();
    let request = request.map_err(|e| ProviderError::new(infra_providers::ErrorKind::Invalid, e.to_string()))?;
    Ok(Some(request))
}
