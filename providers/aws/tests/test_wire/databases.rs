//! Databases and their groups.

use infra_providers::{DeleteRequest, ErrorKind, NoMonitor};
use serde_json::{Value as Json, json};

use crate::balancing::subnets;
use crate::contract::Contract;
use crate::world::{World, id, with};

#[tokio::test]
async fn subnet_group() {
    let world = World::new().await;
    let (vpc, subnets) = subnets(&world).await;
    let more = json!({ "vpc_id": id(&vpc), "cidr_block": "10.0.3.0/24", "availability_zone": "us-east-1c" });
    let third = world.create("aws_subnet", more).await;
    let base = json!({ "name": "Main", "subnet_ids": subnets });
    let [one, two] = &subnets;
    Contract::new(&world, "aws_db_subnet_group", base.clone())
        .update(with(&base, json!({ "subnet_ids": [one, two, id(&third)] })))
        .update(with(&base, json!({ "description": "other", "tags": { "a": "b" } })))
        .replaces("name", with(&base, json!({ "name": "other" })))
        .run()
        .await;
}

#[tokio::test]
async fn parameter_group() {
    let world = World::new().await;
    let base = json!({ "name": "main", "family": "postgres16" });
    let parameters = |values: &[(&str, &str)]| {
        let items: Vec<Json> = values
            .iter()
            .map(|(n, v)| json!({ "name": n, "value": v, "apply_method": "pending-reboot" }))
            .collect();
        json!({ "parameter": items })
    };
    let first = parameters(&[("rds.force_ssl", "0"), ("log_statement", "all")]);
    let second = parameters(&[("rds.force_ssl", "1"), ("log_statement", "all"), ("work_mem", "64")]);
    Contract::new(&world, "aws_db_parameter_group", with(&base, first))
        .update(with(&base, second.clone()))
        .update(with(&with(&base, second), json!({ "tags": { "a": "b" } })))
        .replaces("family", with(&base, json!({ "family": "postgres17" })))
        .import_ignores(&["parameter"])
        .run()
        .await;
}

/// The configuration of an instance.
fn instance() -> Json {
    json!({
        "identifier": "main", "engine": "postgres", "engine_version": "16", "instance_class": "db.t4g.micro",
        "allocated_storage": 20, "username": "app", "db_name": "app", "manage_master_user_password": true,
        "skip_final_snapshot": true, "apply_immediately": true,
    })
}

#[tokio::test]
async fn db_instance() {
    let world = World::new().await;
    world.settle(json!({ "rds": 0.3 }));
    let (_, subnets) = subnets(&world).await;
    world
        .create("aws_db_subnet_group", json!({ "name": "main", "subnet_ids": subnets }))
        .await;
    let base = with(
        &instance(),
        json!({ "db_subnet_group_name": "main", "backup_retention_period": 7 }),
    );
    let made = Contract::new(&world, "aws_db_instance", base.clone())
        .update(with(
            &base,
            json!({ "instance_class": "db.t4g.small", "tags": { "a": "b" } }),
        ))
        .update(with(&base, json!({ "allocated_storage": 40, "multi_az": true })))
        .update(with(
            &base,
            json!({ "allocated_storage": 40, "backup_retention_period": 14 }),
        ))
        .replaces("engine", with(&base, json!({ "engine": "mysql" })))
        .replaces("db_name", with(&base, json!({ "db_name": "other" })))
        .import_id(|v| v.get_str("identifier").unwrap().to_owned())
        .import_ignores(&["apply_immediately", "skip_final_snapshot", "engine_version"])
        .run()
        .await;
    assert_eq!(made.get_str("engine_version"), Some("16"));
    assert!(made.get_str("endpoint").unwrap().ends_with(":5432"));
    assert_eq!(made.get("master_user_secret").unwrap().as_items().unwrap().len(), 1);
}

#[tokio::test]
async fn data_is_not_lost_silently() {
    let world = World::new().await;
    let db = world
        .create(
            "aws_db_instance",
            with(&instance(), json!({ "skip_final_snapshot": false })),
        )
        .await;
    let request = |prior| DeleteRequest {
        ty: "aws_db_instance".into(),
        prior,
    };
    let refused = world.session.delete(request(db.clone()), &NoMonitor).await.unwrap_err();
    assert_eq!(refused.error.kind, ErrorKind::Invalid);
    assert!(refused.error.help.unwrap().contains("final_snapshot_identifier"));
    let kept = json!({ "skip_final_snapshot": false, "final_snapshot_identifier": "main-last" });
    let db = world.update("aws_db_instance", &db, with(&instance(), kept)).await;
    world.delete("aws_db_instance", &db).await;
}

#[tokio::test]
async fn storage_does_not_shrink() {
    let world = World::new().await;
    let db = world.create("aws_db_instance", instance()).await;
    let config = world.config(
        "aws_db_instance",
        &with(&instance(), json!({ "allocated_storage": 10 })),
    );
    let request = infra_providers::PlanRequest {
        ty: "aws_db_instance",
        prior: Some(&db),
        config: &config,
    };
    let error = world.session.plan(&request).unwrap_err();
    assert!(error.message.contains("cannot shrink"), "{error}");
}

#[tokio::test]
async fn passwords_are_not_shown() {
    let world = World::new().await;
    let mut config = instance();
    config.as_object_mut().unwrap().remove("manage_master_user_password");
    config["password"] = "hunter2hunter2".into();
    let db = world.create("aws_db_instance", config.clone()).await;
    assert!(db.get("password").unwrap().is_sensitive());
    let plan = world.config("aws_db_instance", &config);
    let (planned, _) = world.plan("aws_db_instance", Some(&db), &plan);
    assert!(planned.same_value(&db));
    config["password"] = "hunter3hunter3".into();
    let db = world.update("aws_db_instance", &db, config).await;
    assert_eq!(db.get_str("password"), Some("hunter3hunter3"));
}
