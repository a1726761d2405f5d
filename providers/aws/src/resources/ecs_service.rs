//! `aws_ecs_service`: keeps tasks running.
//!
//! A change waits until it has fully taken effect, unless
//! `wait_for_steady_state = false`; how that is seen is in [`deployment`].

mod answer;
mod deployment;

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, DeploymentAlarms, DeploymentCircuitBreaker,
    DeploymentConfiguration, DeploymentController, LoadBalancer, NetworkConfiguration, PlacementConstraint,
    PlacementStrategy, Service, ServiceConnectClientAlias, ServiceConnectConfiguration, ServiceConnectService,
    ServiceField, ServiceRegistry,
};
use infra_providers::{
    Attribute, Block, ErrorKind, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator,
};
use infra_types::{Path, Type, Value};

use super::{ecs, named};
use crate::batch::lookup_keys;
use crate::error::{Call, has_code};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::retry::{iam_propagation, not_yet};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Wait, minutes};
use answer::state;
use deployment::Follow;

/// The type `aws_ecs_service`.
pub(crate) struct EcsService;

/// What UpdateService takes; the rest is tags and behaviour of this program.
const UPDATED: [&str; 20] = [
    "alarms",
    "availability_zone_rebalancing",
    "capacity_provider_strategy",
    "deployment_circuit_breaker",
    "deployment_controller",
    "deployment_maximum_percent",
    "deployment_minimum_healthy_percent",
    "desired_count",
    "enable_ecs_managed_tags",
    "enable_execute_command",
    "health_check_grace_period_seconds",
    "load_balancer",
    "network_configuration",
    "ordered_placement_strategy",
    "placement_constraints",
    "platform_version",
    "propagate_tags",
    "service_connect_configuration",
    "service_registries",
    "task_definition",
];

#[async_trait]
impl Resource for EcsService {
    fn schema(&self) -> Schema {
        let text = || Attribute::optional(Type::String);
        let number = || Attribute::optional(Type::Number);
        let flag = |default: bool| Attribute::optional(Type::Bool).default(default);
        let block = Block::new("An ECS service.")
            .attr("arn", Attribute::computed(Type::String))
            .attr(
                "name",
                Attribute::required(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 255)),
            )
            .attr(
                "cluster",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .equal(ecs::same_name)
                    .doc("The cluster's name or ARN."),
            )
            .attr(
                "task_definition",
                text()
                    .equal(same_revision)
                    .doc("Family, family and revision, or ARN of what runs."),
            )
            .attr(
                "desired_count",
                Attribute::optional_computed(Type::Number)
                    .check(Validator::Range(0, 10000))
                    .doc("How many tasks. When not set: none at first, and then left to autoscaling."),
            )
            .attr(
                "launch_type",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::OneOf(&["EC2", "FARGATE", "EXTERNAL"])),
            )
            .attr("platform_version", Attribute::optional_computed(Type::String))
            .attr(
                "scheduling_strategy",
                text()
                    .default("REPLICA")
                    .force_new()
                    .check(Validator::OneOf(&["REPLICA", "DAEMON"])),
            )
            .attr(
                "iam_role",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .equal(ecs::same_name),
            )
            .attr("deployment_maximum_percent", number().default(200))
            .attr("deployment_minimum_healthy_percent", number().default(100))
            .attr("enable_ecs_managed_tags", flag(false))
            .attr("enable_execute_command", flag(false))
            .attr(
                "force_new_deployment",
                flag(false).doc("Begins a deployment with every update."),
            )
            .attr(
                "triggers",
                Attribute::optional(Type::map(Type::String)).doc("A change of any value begins a deployment."),
            )
            .attr("health_check_grace_period_seconds", number())
            .attr(
                "propagate_tags",
                text().check(Validator::OneOf(&["SERVICE", "TASK_DEFINITION", "NONE"])),
            )
            .attr(
                "availability_zone_rebalancing",
                Attribute::optional_computed(Type::String).check(Validator::OneOf(&["ENABLED", "DISABLED"])),
            )
            .attr(
                "force_delete",
                flag(false).doc("Deletes the service even while tasks run."),
            )
            .attr(
                "wait_for_steady_state",
                flag(true).doc("Waits until a change has fully taken effect, and fails when it was rolled back."),
            );
        Schema::new(with_timeouts(
            with_tags(with_blocks(block)),
            &["create", "update", "delete"],
        ))
        .unique(&["cluster", "name"])
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        if config.is_set("launch_type") && !config.blocks("capacity_provider_strategy").is_empty() {
            problems.push(Problem::new(
                Path::attr("launch_type"),
                "`launch_type` and `capacity_provider_strategy` exclude each other",
            ));
        }
        let controller = config.block("deployment_controller");
        let own = controller.and_then(|c| c.get_str("type")).is_none_or(|t| t == "ECS");
        if own && config.get("task_definition").is_some_and(Value::is_null) {
            problems.push(Problem::new(
                Path::attr("task_definition"),
                "a service needs `task_definition`",
            ));
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        if plan.changed("capacity_provider_strategy") && !plan.config.is_set("launch_type") {
            plan.unknown(&["launch_type", "platform_version"]);
            plan.keep("launch_type");
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        // DescribeServices takes ten services of one cluster.
        let mut by_cluster: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, object) in objects.iter().enumerate() {
            by_cluster.entry(cluster_of(&object.prior)).or_default().push(i);
        }
        let mut answers: Answers = vec![Ok(None); objects.len()];
        for (cluster, indices) in by_cluster {
            let some: Vec<ReadRequest> = indices.iter().map(|i| objects[*i].clone()).collect();
            let keys = some.iter().map(|o| o.prior.id());
            let found = lookup_keys(keys, 10, |arns| describe(cx, &cluster, arns)).await;
            let found = found.answer(&some, |service, prior| state(cx, service, prior));
            for (i, answer) in indices.into_iter().zip(found) {
                answers[i] = answer;
            }
        }
        answers
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let cluster = planned.text("cluster").unwrap_or_else(|| "default".to_owned());
        let name = planned.text("name").unwrap_or_default();
        let replica = planned.get_str("scheduling_strategy") != Some("DAEMON");
        let timeout = op.timeout("create", minutes(20));
        let answer = op
            .retry(minutes(4), not_ready, || async {
                let call = op.cx.ecs_once().create_service().cluster(&cluster).service_name(&name);
                call.client_token(named::client_token(op.token))
                    .set_task_definition(planned.text("task_definition"))
                    .set_desired_count(replica.then(|| planned.int("desired_count").unwrap_or(0)))
                    .set_launch_type(planned.text("launch_type").map(|t| t.as_str().into()))
                    .set_platform_version(planned.text("platform_version"))
                    .set_role(planned.text("iam_role"))
                    .set_scheduling_strategy(planned.text("scheduling_strategy").map(|t| t.as_str().into()))
                    .set_deployment_configuration(Some(deployment_configuration(planned)?))
                    .set_deployment_controller(deployment_controller(planned)?)
                    .set_capacity_provider_strategy(some(strategy(planned)?))
                    .set_load_balancers(some(load_balancers(planned)))
                    .set_network_configuration(network(planned)?)
                    .set_placement_constraints(some(placement_constraints(planned)))
                    .set_placement_strategy(some(placement_strategy(planned)))
                    .set_service_registries(some(registries(planned)))
                    .set_service_connect_configuration(service_connect(planned)?)
                    .set_health_check_grace_period_seconds(planned.int("health_check_grace_period_seconds"))
                    .set_availability_zone_rebalancing(
                        planned.text("availability_zone_rebalancing").map(|t| t.as_str().into()),
                    )
                    .set_enable_ecs_managed_tags(planned.flag("enable_ecs_managed_tags"))
                    .set_enable_execute_command(planned.flag("enable_execute_command"))
                    .set_propagate_tags(planned.text("propagate_tags").map(|t| t.as_str().into()))
                    .set_tags(ecs::tag_list(&named::creation_tags(op)))
                    .send()
                    .await
                    .op("CreateService")
            })
            .await
            .map_err(|error| match error.message.contains("not idempotent") {
                true => named::taken("an ECS service", &name).detail(error.message),
                false => error,
            })?;
        let made = answer.service.expect_in("CreateService", "service")?;
        let arn = made.service_arn.expect_in("CreateService", "ARN")?;
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        let follow = Follow::new(&cluster, &arn, None);
        match planned.flag("wait_for_steady_state") {
            Some(false) => follow.until_active(op, timeout).await,
            _ => {
                let revision = planned.text("task_definition");
                follow.until_steady(op, revision.as_deref(), timeout).await
            }
        }
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let arn = op.prior.id();
        let cluster = cluster_of(&op.prior);
        ecs::update_tags(op, &arn).await?;
        let forced = op.changed("triggers") || op.changed("capacity_provider_strategy");
        if !forced && !op.any_changed(&UPDATED) {
            return Ok(());
        }
        let before = describe(op.cx, &cluster, vec![arn.clone()]).await?.remove(&arn);
        let follow = Follow::new(&cluster, &arn, before.as_ref());
        let forced = forced || planned.flag("force_new_deployment") == Some(true);
        op.retry(minutes(4), not_ready, || async {
            update_call(op, &cluster, &arn, forced)?
                .send()
                .await
                .op("UpdateService")
        })
        .await?;
        let timeout = op.timeout("update", minutes(20));
        match planned.flag("wait_for_steady_state") {
            Some(false) => Ok(()),
            _ => {
                let revision = planned.text("task_definition");
                follow.until_steady(op, revision.as_deref(), timeout).await
            }
        }
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let cluster = cluster_of(&op.prior);
        let timeout = op.timeout("delete", minutes(20));
        let Some(service) = describe(op.cx, &cluster, vec![arn.clone()]).await?.remove(&arn) else {
            return Ok(());
        };
        let replica = op.prior.get_str("scheduling_strategy") != Some("DAEMON");
        let force = op.prior.flag("force_delete") == Some(true);
        if service.status() == Some("ACTIVE") && replica && !force && service.desired_count() > 0 {
            op.status("draining the tasks");
            let call = op.cx.ecs().update_service().cluster(&cluster).service(&arn);
            call.desired_count(0).send().await.op("UpdateService")?;
        }
        let busy = |error: &ProviderError| {
            has_code(error, &["DependencyViolation"])
                || error
                    .message
                    .contains("The service cannot be stopped while deployments are active.")
        };
        op.retry(timeout, busy, || async {
            let call = op.cx.ecs().delete_service().cluster(&cluster).service(&arn);
            call.set_force(force.then_some(true)).send().await.op("DeleteService")
        })
        .await?;
        let wait = Wait::new(format!("service {} to be inactive", ecs::short_name(&arn)), timeout);
        op.wait_gone(wait, || async {
            let service = describe(op.cx, &cluster, vec![arn.clone()]).await?.remove(&arn);
            Ok(service.map(|s| {
                let status = s.status().unwrap_or_default().to_owned();
                format!("{status}, {} tasks left", s.running_count())
            }))
        })
        .await
    }

    async fn identify(&self, cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        if id.starts_with("arn:") {
            return Ok(Value::object([("id", id.into())]));
        }
        let Some((cluster, name)) = id.split_once('/') else {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` does not name a cluster and a service"),
            )
            .help("the id has the form `CLUSTER/SERVICE`"));
        };
        let arn = cx.arn("ecs", cx.account().await?, &format!("service/{cluster}/{name}"));
        Ok(Value::object([("id", arn.into()), ("cluster", cluster.into())]))
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let cluster = planned.text("cluster").unwrap_or_else(|| "default".to_owned());
        let name = planned.text("name").unwrap_or_default();
        let found = match describe(cx, &cluster, vec![name]).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let mut services = found.into_values();
        let ours = services.find(|s| named::is_ours(&ecs::tag_map(s.tags()), token));
        Ok(ours.map(|s| Value::object([("id", s.service_arn.into())])))
    }

    async fn resume(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        self.update(op).await?;
        if op.planned.flag("wait_for_steady_state") == Some(false) {
            return Ok(());
        }
        // Whether or not there was something to change, the first deployment is still under way.
        let follow = Follow::new(&cluster_of(&op.prior), &op.prior.id(), None);
        let revision = op.planned.text("task_definition");
        follow
            .until_steady(op, revision.as_deref(), op.timeout("create", minutes(20)))
            .await
    }
}

fn with_blocks(block: Block) -> Block {
    let text = || Attribute::required(Type::String);
    let optional = || Attribute::optional(Type::String);
    let number = || Attribute::optional(Type::Number);
    let needed = |ty| Attribute::required(ty);
    let alias = Block::new("The name and port that clients use.")
        .attr("port", needed(Type::Number))
        .attr("dns_name", optional());
    let connect = Block::new("A port that others can reach by name.")
        .attr("port_name", text())
        .attr("discovery_name", optional())
        .attr("ingress_port_override", number())
        .block("client_alias", NestedBlock::list(alias));
    block
        .block(
            "alarms",
            NestedBlock::list(
                Block::new("Alarms that fail a deployment.")
                    .attr("alarm_names", needed(Type::set(Type::String)))
                    .attr("enable", needed(Type::Bool))
                    .attr("rollback", needed(Type::Bool)),
            )
            .at_most(1),
        )
        .block(
            "capacity_provider_strategy",
            NestedBlock::set(
                Block::new("Which capacity providers tasks run on.")
                    .attr("capacity_provider", text())
                    .attr("base", number())
                    .attr("weight", number()),
            ),
        )
        .block(
            "deployment_circuit_breaker",
            NestedBlock::list(
                Block::new("Fails a deployment whose tasks do not start.")
                    .attr("enable", needed(Type::Bool))
                    .attr("rollback", needed(Type::Bool)),
            )
            .at_most(1),
        )
        .block(
            "deployment_controller",
            NestedBlock::list(
                Block::new("Who carries out deployments.").attr(
                    "type",
                    optional()
                        .default("ECS")
                        .force_new()
                        .check(Validator::OneOf(&["ECS", "CODE_DEPLOY", "EXTERNAL"])),
                ),
            )
            .at_most(1),
        )
        .block(
            "load_balancer",
            NestedBlock::set(
                Block::new("A target group that tasks are registered in.")
                    .attr("target_group_arn", optional())
                    .attr("elb_name", optional())
                    .attr("container_name", text())
                    .attr("container_port", needed(Type::Number)),
            ),
        )
        .block(
            "network_configuration",
            NestedBlock::list(
                Block::new("The network of the tasks.")
                    .attr("subnets", needed(Type::set(Type::String)))
                    .attr("security_groups", Attribute::optional(Type::set(Type::String)))
                    .attr("assign_public_ip", Attribute::optional(Type::Bool).default(false)),
            )
            .at_most(1),
        )
        .block(
            "ordered_placement_strategy",
            NestedBlock::list(
                Block::new("How tasks are placed.")
                    .attr("type", text())
                    .attr("field", optional()),
            )
            .at_most(5),
        )
        .block(
            "placement_constraints",
            NestedBlock::set(
                Block::new("Where tasks may be placed.")
                    .attr("type", text())
                    .attr("expression", optional()),
            )
            .at_most(10),
        )
        .block(
            "service_registries",
            NestedBlock::list(
                Block::new("Where tasks are registered by name.")
                    .attr("registry_arn", text())
                    .attr("port", number())
                    .attr("container_name", optional())
                    .attr("container_port", number()),
            )
            .at_most(1),
        )
        .block(
            "service_connect_configuration",
            NestedBlock::list(
                Block::new("Service Connect.")
                    .attr("enabled", needed(Type::Bool))
                    .attr("namespace", optional())
                    .block("service", NestedBlock::list(connect)),
            )
            .at_most(1),
        )
}

/// Says whether two texts name the same revision: by ARN or by family and revision.
fn same_revision(prior: &Value, configured: &Value) -> bool {
    let name = |v: &Value| v.as_str().map(|s| ecs::short_name(s).to_owned());
    matches!((name(prior), name(configured)), (Some(a), Some(b)) if a == b)
}

/// Returns the cluster of a service: as written, or the part of its ARN.
fn cluster_of(service: &Value) -> String {
    let id = service.id();
    let from_arn = || {
        let parts: Vec<&str> = id.split('/').collect();
        match parts.as_slice() {
            [_, cluster, _] => Some((*cluster).to_owned()),
            _ => None,
        }
    };
    service
        .text("cluster")
        .or_else(from_arn)
        .unwrap_or_else(|| "default".to_owned())
}

/// Says whether what a service needs is not visible yet.
fn not_ready(error: &ProviderError) -> bool {
    let message = &error.message;
    not_yet(error) && has_code(error, &["ClusterNotFoundException"])
        || iam_propagation(error)
        || has_code(error, &["InvalidParameterException"])
            && (message.contains("does not have an associated load balancer")
                || message.contains("Unable to Start a service that is still Draining"))
}

/// Finds services of a cluster by ARN or name; by ARN in the answer. Inactive ones are gone.
async fn describe(
    cx: &Cx<'_>,
    cluster: &str,
    services: Vec<String>,
) -> Result<BTreeMap<String, Service>, ProviderError> {
    let call = cx.ecs().describe_services().cluster(cluster);
    let answer = call
        .set_services(Some(services))
        .include(ServiceField::Tags)
        .send()
        .await
        .op("DescribeServices")?;
    let found = answer.services.unwrap_or_default().into_iter();
    let alive = found.filter(|s| s.status() != Some("INACTIVE"));
    Ok(alive.filter_map(|s| Some((s.service_arn.clone()?, s))).collect())
}

fn update_call(
    op: &Op<'_>,
    cluster: &str,
    arn: &str,
    forced: bool,
) -> Result<aws_sdk_ecs::operation::update_service::builders::UpdateServiceFluentBuilder, ProviderError> {
    let planned = op.planned;
    let changed = |name: &str| op.changed(name);
    let number = |name: &str| planned.int(name).filter(|_| changed(name));
    let text = |name: &str| planned.text(name).filter(|_| changed(name));
    let flag = |name: &str| planned.flag(name).filter(|_| changed(name));
    let deployment = op.any_changed(&[
        "alarms",
        "deployment_circuit_breaker",
        "deployment_maximum_percent",
        "deployment_minimum_healthy_percent",
    ]);
    let mut call = op.cx.ecs().update_service().cluster(cluster).service(arn);
    // Null means "keep", so what was taken away is sent as an empty list.
    if changed("load_balancer") {
        call = call.set_load_balancers(Some(load_balancers(planned)));
    }
    if changed("service_registries") {
        call = call.set_service_registries(Some(registries(planned)));
    }
    if changed("placement_constraints") {
        call = call.set_placement_constraints(Some(placement_constraints(planned)));
    }
    if changed("ordered_placement_strategy") {
        call = call.set_placement_strategy(Some(placement_strategy(planned)));
    }
    if changed("capacity_provider_strategy") {
        call = call.set_capacity_provider_strategy(Some(strategy(planned)?));
    }
    if changed("network_configuration") {
        call = call.set_network_configuration(network(planned)?);
    }
    if changed("service_connect_configuration") {
        let off = || ServiceConnectConfiguration::builder().enabled(false).build();
        call = call.service_connect_configuration(service_connect(planned)?.unwrap_or_else(off));
    }
    if deployment {
        call = call.deployment_configuration(deployment_configuration(planned)?);
    }
    if changed("deployment_controller") {
        call = call.set_deployment_controller(deployment_controller(planned)?);
    }
    Ok(call
        .set_desired_count(number("desired_count"))
        .set_task_definition(text("task_definition"))
        .set_platform_version(text("platform_version"))
        .set_propagate_tags(text("propagate_tags").map(|t| t.as_str().into()))
        .set_availability_zone_rebalancing(text("availability_zone_rebalancing").map(|t| t.as_str().into()))
        .set_health_check_grace_period_seconds(match changed("health_check_grace_period_seconds") {
            true => Some(planned.int("health_check_grace_period_seconds").unwrap_or(0)),
            false => None,
        })
        .set_enable_ecs_managed_tags(flag("enable_ecs_managed_tags"))
        .set_enable_execute_command(flag("enable_execute_command"))
        .set_force_new_deployment(forced.then_some(true)))
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn invalid(error: aws_sdk_ecs::error::BuildError) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, error.to_string())
}

fn deployment_configuration(planned: &Value) -> Result<DeploymentConfiguration, ProviderError> {
    let controller = planned.block("deployment_controller").and_then(|c| c.get_str("type"));
    let own = controller.is_none_or(|t| t == "ECS");
    // Left out means "keep", so switching off is said.
    let breaker = planned.block("deployment_circuit_breaker");
    let flag = |name: &str| breaker.and_then(|b| b.flag(name)).unwrap_or(false);
    let breaker = DeploymentCircuitBreaker::builder()
        .enable(flag("enable"))
        .rollback(flag("rollback"))
        .build();
    let alarms = planned.block("alarms").map(|a| {
        DeploymentAlarms::builder()
            .set_alarm_names(Some(a.texts("alarm_names")))
            .enable(a.flag("enable").unwrap_or(false))
            .rollback(a.flag("rollback").unwrap_or(false))
            .build()
    });
    let replica = planned.get_str("scheduling_strategy") != Some("DAEMON");
    let maximum = planned.int("deployment_maximum_percent").filter(|_| replica);
    Ok(DeploymentConfiguration::builder()
        .set_deployment_circuit_breaker(own.then_some(breaker))
        .set_alarms(alarms.transpose().map_err(invalid)?)
        .set_maximum_percent(maximum)
        .set_minimum_healthy_percent(planned.int("deployment_minimum_healthy_percent"))
        .build())
}

fn deployment_controller(planned: &Value) -> Result<Option<DeploymentController>, ProviderError> {
    let controller = planned.block("deployment_controller").and_then(|c| c.text("type"));
    let controller = controller.map(|kind| DeploymentController::builder().r#type(kind.as_str().into()).build());
    controller.transpose().map_err(invalid)
}

fn strategy(planned: &Value) -> Result<Vec<CapacityProviderStrategyItem>, ProviderError> {
    let blocks = planned.blocks("capacity_provider_strategy").iter();
    blocks
        .map(|s| {
            CapacityProviderStrategyItem::builder()
                .capacity_provider(s.text("capacity_provider").unwrap_or_default())
                .set_base(s.int("base"))
                .set_weight(s.int("weight"))
                .build()
                .map_err(invalid)
        })
        .collect()
}

fn load_balancers(planned: &Value) -> Vec<LoadBalancer> {
    let blocks = planned.blocks("load_balancer").iter();
    blocks
        .map(|l| {
            LoadBalancer::builder()
                .set_target_group_arn(l.text("target_group_arn"))
                .set_load_balancer_name(l.text("elb_name"))
                .set_container_name(l.text("container_name"))
                .set_container_port(l.int("container_port"))
                .build()
        })
        .collect()
}

fn network(planned: &Value) -> Result<Option<NetworkConfiguration>, ProviderError> {
    let Some(block) = planned.block("network_configuration") else {
        return Ok(None);
    };
    let public = match block.flag("assign_public_ip") {
        Some(true) => AssignPublicIp::Enabled,
        _ => AssignPublicIp::Disabled,
    };
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(block.texts("subnets")))
        .set_security_groups(some(block.texts("security_groups")))
        .assign_public_ip(public)
        .build()
        .map_err(invalid)?;
    Ok(Some(NetworkConfiguration::builder().awsvpc_configuration(vpc).build()))
}

fn placement_constraints(planned: &Value) -> Vec<PlacementConstraint> {
    let blocks = planned.blocks("placement_constraints").iter();
    blocks
        .map(|c| {
            PlacementConstraint::builder()
                .set_type(c.text("type").map(|t| t.as_str().into()))
                .set_expression(c.text("expression"))
                .build()
        })
        .collect()
}

fn placement_strategy(planned: &Value) -> Vec<PlacementStrategy> {
    let blocks = planned.blocks("ordered_placement_strategy").iter();
    blocks
        .map(|s| {
            PlacementStrategy::builder()
                .set_type(s.text("type").map(|t| t.as_str().into()))
                .set_field(s.text("field"))
                .build()
        })
        .collect()
}

fn registries(planned: &Value) -> Vec<ServiceRegistry> {
    let blocks = planned.blocks("service_registries").iter();
    blocks
        .map(|r| {
            ServiceRegistry::builder()
                .set_registry_arn(r.text("registry_arn"))
                .set_port(r.int("port"))
                .set_container_name(r.text("container_name"))
                .set_container_port(r.int("container_port"))
                .build()
        })
        .collect()
}

fn service_connect(planned: &Value) -> Result<Option<ServiceConnectConfiguration>, ProviderError> {
    let Some(block) = planned.block("service_connect_configuration") else {
        return Ok(None);
    };
    let services = block.blocks("service").iter().map(|s| {
        let aliases = s.blocks("client_alias").iter().map(|a| {
            ServiceConnectClientAlias::builder()
                .port(a.int("port").unwrap_or_default())
                .set_dns_name(a.text("dns_name"))
                .build()
        });
        ServiceConnectService::builder()
            .port_name(s.text("port_name").unwrap_or_default())
            .set_discovery_name(s.text("discovery_name"))
            .set_ingress_port_override(s.int("ingress_port_override"))
            .set_client_aliases(Some(aliases.collect::<Result<_, _>>()?))
            .build()
    });
    let services: Result<Vec<_>, _> = services.collect();
    let configuration = ServiceConnectConfiguration::builder()
        .enabled(block.flag("enabled").unwrap_or(false))
        .set_namespace(block.text("namespace"))
        .set_services(Some(services.map_err(invalid)?))
        .build();
    Ok(Some(configuration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_in_the_arn() {
        let id = "arn:aws:ecs:eu-west-1:123456789012:service/main/web";
        assert_eq!(cluster_of(&Value::object([("id", id.into())])), "main");
        let written = Value::object([("id", id.into()), ("cluster", "arn:x:cluster/main".into())]);
        assert_eq!(cluster_of(&written), "arn:x:cluster/main");
    }

    #[test]
    fn revisions_by_arn_and_by_name() {
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7";
        assert!(same_revision(&arn.into(), &"web:7".into()));
        assert!(!same_revision(&arn.into(), &"web:8".into()));
        assert!(!same_revision(&"web".into(), &"web:8".into()));
    }
}
