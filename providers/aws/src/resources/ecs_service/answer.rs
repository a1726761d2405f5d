//! What the state holds of a service: the answer of the API as attributes.

use aws_sdk_ecs::types::{AssignPublicIp, Service};
use infra_types::{Type, Value};

use crate::resource::Cx;
use crate::resources::{ecs, named};
use crate::value::{Fields, State};

/// Builds the attributes of a service as read.
pub(super) fn state(cx: &Cx<'_>, service: &Service, prior: &Value) -> Value {
    let mut state = cx.state(prior);
    let arn = service.service_arn();
    state
        .set("id", arn)
        .set("arn", arn)
        .set("name", service.service_name())
        .set("cluster", service.cluster_arn())
        .set("desired_count", service.desired_count())
        .set("launch_type", service.launch_type().map(|t| t.as_str()))
        .set("platform_version", service.platform_version())
        .set(
            "scheduling_strategy",
            service.scheduling_strategy().map_or("REPLICA", |s| s.as_str()),
        )
        .set("enable_ecs_managed_tags", service.enable_ecs_managed_tags())
        .set("enable_execute_command", service.enable_execute_command())
        .set("iam_role", role(service))
        .tags(cx.default_tags(), ecs::tag_map(service.tags()));
    set_task_definition(&mut state, service, prior);
    let grace = service.health_check_grace_period_seconds();
    if grace.is_some_and(|g| g != 0) || prior.is_set("health_check_grace_period_seconds") && grace.is_some() {
        state.set("health_check_grace_period_seconds", grace);
    }
    let propagate = service.propagate_tags().map(|p| p.as_str()).filter(|p| *p != "NONE");
    if propagate.is_some() || prior.get_str("propagate_tags") != Some("NONE") {
        state.set("propagate_tags", propagate);
    }
    // Some endpoints do not answer with it.
    let rebalancing = service.availability_zone_rebalancing().map(|r| r.as_str().to_owned());
    let rebalancing = rebalancing.or_else(|| prior.text("availability_zone_rebalancing"));
    state.set(
        "availability_zone_rebalancing",
        rebalancing.unwrap_or_else(|| "DISABLED".to_owned()),
    );
    set_blocks(&mut state, service, prior);
    set_deployment(cx, &mut state, service, prior);
    named::set_unread(
        cx,
        &mut state,
        prior,
        &["force_new_deployment", "force_delete", "wait_for_steady_state"],
    );
    state.finish()
}

/// Returns the role, unless it is the one that the service brings itself.
fn role(service: &Service) -> Option<&str> {
    let role = service.role_arn()?;
    (!role.contains("/aws-service-role/")).then_some(role)
}

/// Sets the revision in the form that was written: a family stands for its latest revision.
fn set_task_definition(state: &mut State<'_>, service: &Service, prior: &Value) {
    let Some(now) = service.task_definition().filter(|t| !t.is_empty()) else {
        state.set("task_definition", Value::null());
        return;
    };
    let written = prior.text("task_definition").unwrap_or_default();
    match ecs::family_and_revision(&written) {
        (family, None) if family == ecs::family_and_revision(now).0 => state.set("task_definition", written),
        _ => state.set("task_definition", now),
    };
}

fn set_blocks(state: &mut State<'_>, service: &Service, prior: &Value) {
    let number = |n: Option<i32>| Value::from(n.map(i64::from));
    let balancers = service.load_balancers().iter().map(|l| {
        Value::object([
            ("target_group_arn", l.target_group_arn().into()),
            ("elb_name", l.load_balancer_name().into()),
            ("container_name", l.container_name().into()),
            ("container_port", number(l.container_port())),
        ])
    });
    state.set_blocks("load_balancer", balancers.collect());
    let network = service.network_configuration().and_then(|n| n.awsvpc_configuration());
    let network = network.map(|n| {
        let texts = |list: &[String]| {
            let items = list.iter().map(|s| Value::from(s.as_str())).collect();
            match list.is_empty() {
                true => Value::null(),
                false => Value::set(Type::String, items),
            }
        };
        let public = n.assign_public_ip() == Some(&AssignPublicIp::Enabled);
        Value::object([
            ("subnets", texts(n.subnets())),
            ("security_groups", texts(n.security_groups())),
            ("assign_public_ip", public.into()),
        ])
    });
    state.set_blocks("network_configuration", network.into_iter().collect());
    let strategies = prior.blocks("capacity_provider_strategy");
    let items = service.capacity_provider_strategy().iter().map(|s| {
        // Zero is what is meant when nothing is written.
        let written = strategies
            .iter()
            .find(|p| p.get_str("capacity_provider") == Some(s.capacity_provider()));
        let member = |name: &str, n: i32| match n {
            0 if written.is_none_or(|w| !w.is_set(name)) => Value::null(),
            n => i64::from(n).into(),
        };
        Value::object([
            ("capacity_provider", s.capacity_provider().into()),
            ("base", member("base", s.base())),
            ("weight", member("weight", s.weight())),
        ])
    });
    state.set_blocks("capacity_provider_strategy", items.collect());
    let constraints = service.placement_constraints().iter().map(|c| {
        Value::object([
            ("type", c.r#type().map(|t| t.as_str()).into()),
            ("expression", c.expression().into()),
        ])
    });
    state.set_blocks("placement_constraints", constraints.collect());
    let strategy = service.placement_strategy().iter().map(|s| {
        Value::object([
            ("type", s.r#type().map(|t| t.as_str()).into()),
            ("field", s.field().into()),
        ])
    });
    state.set_blocks("ordered_placement_strategy", strategy.collect());
    let registries = service.service_registries().iter().map(|r| {
        Value::object([
            ("registry_arn", r.registry_arn().into()),
            ("port", number(r.port().filter(|p| *p != 0))),
            ("container_name", r.container_name().into()),
            ("container_port", number(r.container_port().filter(|p| *p != 0))),
        ])
    });
    state.set_blocks("service_registries", registries.collect());
}

/// Sets how deployments are carried out. What was not written and is as by default stays unwritten.
fn set_deployment(cx: &Cx<'_>, state: &mut State<'_>, service: &Service, prior: &Value) {
    let controller = service.deployment_controller().map(|c| c.r#type().as_str());
    let controller = controller.filter(|c| *c != "ECS" || prior.block("deployment_controller").is_some());
    let controller = controller.map(|kind| Value::object([("type", kind.into())]));
    state.set_blocks("deployment_controller", controller.into_iter().collect());
    let Some(configuration) = service.deployment_configuration() else {
        return;
    };
    let percents = [
        ("deployment_maximum_percent", configuration.maximum_percent()),
        (
            "deployment_minimum_healthy_percent",
            configuration.minimum_healthy_percent(),
        ),
    ];
    for (name, percent) in percents {
        match percent {
            Some(percent) => {
                state.set(name, percent);
            }
            None => named::set_unread(cx, state, prior, &[name]),
        }
    }
    let breaker = configuration.deployment_circuit_breaker();
    let written = prior.block("deployment_circuit_breaker").is_some();
    let breaker = breaker.filter(|b| written || b.enable() || b.rollback());
    let breaker = breaker.map(|b| Value::object([("enable", b.enable().into()), ("rollback", b.rollback().into())]));
    state.set_blocks("deployment_circuit_breaker", breaker.into_iter().collect());
    let alarms = configuration
        .alarms()
        .filter(|a| prior.block("alarms").is_some() || a.enable() || !a.alarm_names().is_empty());
    let alarms = alarms.map(|a| {
        let names = a.alarm_names().iter().map(|n| Value::from(n.as_str())).collect();
        Value::object([
            ("alarm_names", Value::set(Type::String, names)),
            ("enable", a.enable().into()),
            ("rollback", a.rollback().into()),
        ])
    });
    state.set_blocks("alarms", alarms.into_iter().collect());
}
