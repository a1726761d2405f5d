//! Roles, policies, log groups and secrets.

use infra_providers::ErrorKind;
use serde_json::json;

use crate::contract::Contract;
use crate::world::{World, id, with};

/// A trust policy for a service.
fn trust(service: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": service } }
    ] })
    .to_string()
}

/// A policy that allows an action.
fn allow(action: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
        .to_string()
}

#[tokio::test]
async fn role() {
    let world = World::with(json!({ "default_tags": { "tags": { "team": "core" } } })).await;
    let base = json!({ "name": "web", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    Contract::new(&world, "aws_iam_role", with(&base, json!({ "description": "a" })))
        .update(with(&base, json!({ "description": "b", "max_session_duration": 7200 })))
        .update(with(
            &base,
            json!({ "assume_role_policy": trust("ec2.amazonaws.com"), "tags": { "x": "y" } }),
        ))
        .replaces("path", with(&base, json!({ "path": "/services/" })))
        .replaces("name", with(&base, json!({ "name": "api" })))
        .import_id(|v| v.get_str("name").unwrap().to_owned())
        .run()
        .await;
}

#[tokio::test]
async fn a_role_with_a_generated_name() {
    let world = World::new().await;
    let base = json!({ "name_prefix": "web-", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    Contract::new(&world, "aws_iam_role", base).run().await;
}

#[tokio::test]
async fn a_role_name_that_is_taken_is_refused() {
    let world = World::new().await;
    let config = json!({ "name": "web", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    world.create("aws_iam_role", config.clone()).await;
    let error = world.try_create("aws_iam_role", config).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("exists already"), "{error}");
}

#[tokio::test]
async fn a_role_whose_answer_is_lost_is_made_once() {
    let world = World::new().await;
    world.fault(json!({ "match": "^CreateRole$", "status": 500, "after": true }));
    let config = json!({ "name": "web", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    let role = world.create("aws_iam_role", config).await;
    assert_eq!(id(&role), "web");
    let creates = world.log().into_iter().filter(|(op, _)| op == "CreateRole").count();
    assert_eq!(creates, 1);
}

#[tokio::test]
async fn a_role_that_something_hangs_on_is_deleted_in_a_moment() {
    let world = World::new().await;
    let config = json!({ "name": "web", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    let role = world.create("aws_iam_role", config).await;
    world.fault(json!({ "match": "^DeleteRole$", "times": 2, "status": 409, "code": "DeleteConflict" }));
    world.delete("aws_iam_role", &role).await;
    assert!(world.read("aws_iam_role", &role).await.is_none());
}

#[tokio::test]
async fn policies_that_are_left_go_with_the_role_when_asked_to() {
    let world = World::new().await;
    let trust = trust("ecs-tasks.amazonaws.com");
    let config = json!({ "name": "web", "assume_role_policy": trust, "force_detach_policies": true });
    let role = world.create("aws_iam_role", config).await;
    let policy = json!({ "role": "web", "name": "read", "policy": allow("s3:GetObject") });
    world.create("aws_iam_role_policy", policy).await;
    let policy = world
        .create(
            "aws_iam_policy",
            json!({ "name": "write", "policy": allow("s3:PutObject") }),
        )
        .await;
    let attachment = json!({ "role": "web", "policy_arn": id(&policy) });
    world.create("aws_iam_role_policy_attachment", attachment).await;
    world.delete("aws_iam_role", &role).await;
}

#[tokio::test]
async fn role_policy() {
    let world = World::new().await;
    let role = json!({ "name": "web", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    world.create("aws_iam_role", role).await;
    let base = json!({ "role": "web", "name": "read", "policy": allow("s3:GetObject") });
    Contract::new(&world, "aws_iam_role_policy", base.clone())
        .update(with(&base, json!({ "policy": allow("s3:PutObject") })))
        .replaces("name", with(&base, json!({ "name": "write" })))
        .run()
        .await;
}

#[tokio::test]
async fn policy() {
    let world = World::new().await;
    let base = json!({ "name": "read", "policy": allow("s3:GetObject"), "path": "/app/" });
    let mut contract = Contract::new(&world, "aws_iam_policy", base.clone());
    // More versions than may exist at once.
    for i in 0..7 {
        contract = contract.update(with(&base, json!({ "policy": allow(&format!("s3:Get{i}")) })));
    }
    contract
        .update(with(&base, json!({ "policy": allow("s3:Get6"), "tags": { "a": "b" } })))
        .replaces("name", with(&base, json!({ "name": "other" })))
        .replaces("description", with(&base, json!({ "description": "d" })))
        .run()
        .await;
}

#[tokio::test]
async fn role_policy_attachment() {
    let world = World::new().await;
    let role = json!({ "name": "web", "assume_role_policy": trust("ecs-tasks.amazonaws.com") });
    world.create("aws_iam_role", role).await;
    let policy = world
        .create(
            "aws_iam_policy",
            json!({ "name": "read", "policy": allow("s3:GetObject") }),
        )
        .await;
    let base = json!({ "role": "web", "policy_arn": id(&policy) });
    Contract::new(&world, "aws_iam_role_policy_attachment", base.clone())
        .replaces(
            "policy_arn",
            with(&base, json!({ "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess" })),
        )
        .run()
        .await;
}

#[tokio::test]
async fn log_group() {
    let world = World::new().await;
    let base = json!({ "name": "/ecs/web" });
    Contract::new(
        &world,
        "aws_cloudwatch_log_group",
        with(&base, json!({ "retention_in_days": 30 })),
    )
    .update(with(&base, json!({ "retention_in_days": 60, "tags": { "a": "b" } })))
    .update(with(&base, json!({ "tags": { "a": "c" } })))
    .replaces("name", json!({ "name": "/ecs/api" }))
    .run()
    .await;
}

#[tokio::test]
async fn a_log_group_is_not_taken_for_one_with_a_longer_name() {
    let world = World::new().await;
    world
        .create("aws_cloudwatch_log_group", json!({ "name": "/ecs/web-2" }))
        .await;
    let group = world
        .create("aws_cloudwatch_log_group", json!({ "name": "/ecs/web" }))
        .await;
    world.delete("aws_cloudwatch_log_group", &group).await;
    assert!(world.read("aws_cloudwatch_log_group", &group).await.is_none());
    let error = world
        .try_create("aws_cloudwatch_log_group", json!({ "name": "/ecs/web-2" }))
        .await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn secret() {
    let world = World::new().await;
    let base = json!({ "name": "db/main", "recovery_window_in_days": 0 });
    Contract::new(
        &world,
        "aws_secretsmanager_secret",
        with(&base, json!({ "description": "a" })),
    )
    .update(with(&base, json!({ "description": "b", "tags": { "a": "b" } })))
    .replaces("name", with(&base, json!({ "name": "db/other" })))
    .import_ignores(&["recovery_window_in_days"])
    .run()
    .await;
}

#[tokio::test]
async fn secret_version() {
    let world = World::new().await;
    let secret = json!({ "name": "db/main", "recovery_window_in_days": 0 });
    let secret = world.create("aws_secretsmanager_secret", secret).await;
    let config = json!({ "secret_id": id(&secret), "secret_string": "hunter2" });
    let version = world.create("aws_secretsmanager_secret_version", config.clone()).await;
    assert!(version.get("secret_string").unwrap().is_sensitive());
    let plan = world.config("aws_secretsmanager_secret_version", &config);
    let (planned, replace) = world.plan("aws_secretsmanager_secret_version", Some(&version), &plan);
    assert!(planned.same_value(&version) && replace.is_empty(), "{planned:?}");

    let next = with(&config, json!({ "secret_string": "hunter3" }));
    let plan = world.config("aws_secretsmanager_secret_version", &next);
    let (_, replace) = world.plan("aws_secretsmanager_secret_version", Some(&version), &plan);
    assert_eq!(replace, ["secret_string"]);
    let newer = world.create("aws_secretsmanager_secret_version", next).await;
    // The old version has lost its label to the new one, and is kept as the previous one.
    world.delete("aws_secretsmanager_secret_version", &version).await;
    let read = world.read("aws_secretsmanager_secret_version", &newer).await.unwrap();
    assert_eq!(read.get_str("secret_string"), Some("hunter3"));
    let imported = world
        .session
        .import("aws_secretsmanager_secret_version", id(&newer))
        .await
        .unwrap();
    assert_eq!(imported.get_str("secret_string"), Some("hunter3"));
}
