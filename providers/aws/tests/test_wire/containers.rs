//! ECS clusters, task definitions and services.

use infra_providers::ErrorKind;
use infra_types::Value;
use serde_json::{Value as Json, json};

use crate::balancing::subnets;
use crate::contract::Contract;
use crate::world::{World, id, with};

#[tokio::test]
async fn cluster() {
    let world = World::new().await;
    let base = json!({ "name": "main" });
    let insights = |value: &str| json!({ "setting": [{ "name": "containerInsights", "value": value }] });
    Contract::new(&world, "aws_ecs_cluster", with(&base, insights("enabled")))
        .update(with(&base, insights("disabled")))
        .update(with(
            &with(&base, insights("disabled")),
            json!({ "tags": { "a": "b" } }),
        ))
        .replaces("name", json!({ "name": "other" }))
        .import_id(|v| v.get_str("name").unwrap().to_owned())
        .run()
        .await;
}

#[tokio::test]
async fn a_cluster_name_that_is_taken_is_refused() {
    let world = World::new().await;
    world.create("aws_ecs_cluster", json!({ "name": "main" })).await;
    let error = world
        .try_create("aws_ecs_cluster", json!({ "name": "main" }))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}

/// A Fargate task definition with a typed container.
fn task(image: &str) -> Json {
    json!({
        "family": "web", "requires_compatibilities": ["FARGATE"], "network_mode": "awsvpc",
        "cpu": "256", "memory": "512",
        "container": [{
            "name": "web", "image": image, "environment": { "B": "2", "A": "1" },
            "secrets": { "PASSWORD": "arn:aws:secretsmanager:us-east-1:1:secret:db" },
            "port_mappings": [{ "container_port": 80 }],
            "health_check": { "command": ["CMD", "true"] },
            "log_configuration": { "log_driver": "awslogs", "options": { "awslogs-group": "web" } },
        }],
    })
}

#[tokio::test]
async fn task_definition() {
    let world = World::new().await;
    let more = json!({
        "runtime_platform": { "cpu_architecture": "X86_64", "operating_system_family": "LINUX" },
        "volume": [{ "name": "data", "efs_volume_configuration": { "file_system_id": "fs-1" } }],
    });
    let made = Contract::new(&world, "aws_ecs_task_definition", task("nginx:1"))
        .update(with(&task("nginx:1"), json!({ "tags": { "a": "b" } })))
        .replaces("container", task("nginx:2"))
        .replaces("cpu", with(&task("nginx:1"), json!({ "cpu": "512", "memory": "1024" })))
        .replaces("volume", with(&task("nginx:1"), more))
        .import_id(|v| v.get_str("arn").unwrap().to_owned())
        .import_ignores(&["container", "container_definitions"])
        .run()
        .await;
    assert_eq!(made.get_str("id"), Some("web"));
    assert_eq!(made.get("revision").unwrap().as_i64(), Some(1));
}

#[tokio::test]
async fn containers_in_json_and_in_blocks_mean_the_same() {
    let world = World::new().await;
    let definitions = json!([{
        "name": "web", "image": "nginx:1", "essential": true,
        "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }, { "name": "C", "value": null }],
        "secrets": [{ "name": "PASSWORD", "valueFrom": "arn:aws:secretsmanager:us-east-1:1:secret:db" }],
        "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
        "healthCheck": { "command": ["CMD", "true"], "interval": 30 },
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "web" } },
    }]);
    let mut json_form = task("nginx:1");
    json_form.as_object_mut().unwrap().remove("container");
    json_form["container_definitions"] = definitions.to_string().into();
    Contract::new(&world, "aws_ecs_task_definition", json_form.clone())
        .import_id(|v| v.get_str("arn").unwrap().to_owned())
        .run()
        .await;

    let made = world.create("aws_ecs_task_definition", json_form).await;
    let blocks = world.config("aws_ecs_task_definition", &task("nginx:1"));
    let (planned, replace) = world.plan("aws_ecs_task_definition", Some(&made), &blocks);
    assert!(replace.is_empty(), "{replace:?}");
    assert_eq!(planned.get("revision"), made.get("revision"));
    let updated = world.update("aws_ecs_task_definition", &made, task("nginx:1")).await;
    assert_eq!(updated.get("container").unwrap().as_items().unwrap().len(), 1);
    assert!(updated.get("container_definitions").unwrap().is_null());
    let (planned, _) = world.plan("aws_ecs_task_definition", Some(&updated), &blocks);
    assert!(planned.same_value(&updated));
}

#[tokio::test]
async fn an_image_that_is_not_known_yet_replaces() {
    let world = World::new().await;
    let made = world.create("aws_ecs_task_definition", task("nginx:1")).await;
    let config = world.config("aws_ecs_task_definition", &task("nginx:1"));
    let path = infra_types::Path::attr("container").join_index(0).join_attr("image");
    let config = path.set(&config, Value::unknown(infra_types::Type::String));
    let (_, replace) = world.plan("aws_ecs_task_definition", Some(&made), &config);
    assert_eq!(replace, ["container"]);
}

/// Puts a cluster, a revision and a network there; returns the configuration of a service.
async fn a_service(world: &World, count: i64) -> Json {
    world.create("aws_ecs_cluster", json!({ "name": "main" })).await;
    let task = world.create("aws_ecs_task_definition", task("nginx:1")).await;
    let (_, subnets) = subnets(world).await;
    json!({
        "name": "web", "cluster": "main", "task_definition": task.get_str("arn").unwrap(),
        "desired_count": count, "launch_type": "FARGATE",
        "network_configuration": { "subnets": subnets },
        "deployment_circuit_breaker": { "enable": true, "rollback": true },
    })
}

#[tokio::test]
async fn service() {
    let world = World::new().await;
    world.settle(json!({ "ecs": 0.2 }));
    let base = a_service(&world, 1).await;
    let next = world.create("aws_ecs_task_definition", task("nginx:2")).await;
    let next = next.get_str("arn").unwrap();
    Contract::new(&world, "aws_ecs_service", base.clone())
        .update(with(&base, json!({ "desired_count": 2, "tags": { "a": "b" } })))
        .update(with(&base, json!({ "desired_count": 2, "task_definition": next })))
        .update(with(
            &base,
            json!({ "desired_count": 2, "task_definition": next, "enable_execute_command": true,
                    "deployment_maximum_percent": 150 }),
        ))
        .replaces("name", with(&base, json!({ "name": "api" })))
        .replaces("launch_type", with(&base, json!({ "launch_type": "EC2" })))
        .import_id(|v| {
            let cluster = v.get_str("cluster").unwrap();
            format!("{cluster}/{}", v.get_str("name").unwrap())
        })
        .run()
        .await;
}

#[tokio::test]
async fn a_count_that_is_left_out_is_left_alone() {
    let world = World::new().await;
    let base = a_service(&world, 2).await;
    let service = world.create("aws_ecs_service", base.clone()).await;
    let mut config = base;
    config.as_object_mut().unwrap().remove("desired_count");
    let config = world.config("aws_ecs_service", &config);
    let (planned, _) = world.plan("aws_ecs_service", Some(&service), &config);
    assert!(planned.same_value(&service));
}

#[tokio::test]
async fn a_service_that_never_gets_steady_exists_and_says_so() {
    let world = World::new().await;
    world.settle(json!({ "ecs": 3600.0 }));
    let base = a_service(&world, 1).await;
    let config = with(&base, json!({ "timeouts": { "create": "2s" } }));
    let config = world.config("aws_ecs_service", &config);
    let (planned, _) = world.plan("aws_ecs_service", None, &config);
    let request = infra_providers::CreateRequest {
        ty: "aws_ecs_service".into(),
        planned,
        config,
        token: world.token(),
    };
    let failed = world
        .session
        .create(request, &infra_providers::NoMonitor)
        .await
        .unwrap_err();
    assert_eq!(failed.error.kind, ErrorKind::Timeout);
    assert!(
        failed.error.details.iter().any(|d| d.contains("0 of 1 tasks running")),
        "{:?}",
        failed.error
    );
    assert!(
        failed
            .object
            .unwrap()
            .get_str("arn")
            .unwrap()
            .ends_with("service/main/web")
    );
}

#[tokio::test]
async fn a_service_need_not_be_waited_for() {
    let world = World::new().await;
    world.settle(json!({ "ecs": 3600.0 }));
    let base = a_service(&world, 1).await;
    world
        .create(
            "aws_ecs_service",
            with(&base, json!({ "wait_for_steady_state": false })),
        )
        .await;
}

#[tokio::test]
async fn a_service_whose_answer_is_lost_is_made_once() {
    let world = World::new().await;
    let base = a_service(&world, 1).await;
    world.fault(json!({ "match": "^CreateService$", "status": 500, "after": true }));
    world.create("aws_ecs_service", base).await;
    let creates = world.log().into_iter().filter(|(op, _)| op == "CreateService").count();
    assert_eq!(creates, 1);
}

#[tokio::test]
async fn a_service_behind_a_load_balancer() {
    let world = World::new().await;
    let base = a_service(&world, 1).await;
    let subnets: Vec<String> = serde_json::from_value(base["network_configuration"]["subnets"].clone()).unwrap();
    let lb = world
        .create("aws_lb", json!({ "name": "main", "subnets": subnets }))
        .await;
    let vpc = lb.get_str("vpc_id").unwrap();
    let group = json!({ "name": "web", "port": 80, "protocol": "HTTP", "vpc_id": vpc, "target_type": "ip" });
    let group = world.create("aws_lb_target_group", group).await;
    let forward = json!([{ "type": "forward", "target_group_arn": id(&group) }]);
    let listener = json!({ "load_balancer_arn": id(&lb), "port": 80, "default_action": forward });
    world.create("aws_lb_listener", listener).await;
    let balancer = json!([{ "target_group_arn": id(&group), "container_name": "web", "container_port": 80 }]);
    let config = with(
        &base,
        json!({ "load_balancer": balancer, "health_check_grace_period_seconds": 60 }),
    );
    Contract::new(&world, "aws_ecs_service", config.clone())
        .update(with(&config, json!({ "health_check_grace_period_seconds": 90 })))
        .import_id(|v| format!("main/{}", v.get_str("name").unwrap()))
        .run()
        .await;
}
