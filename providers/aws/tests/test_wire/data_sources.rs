//! Data sources.

use infra_providers::ErrorKind;
use serde_json::json;

use crate::world::{World, id};

fn texts(value: &infra_types::Value, name: &str) -> Vec<String> {
    let items = value.get(name).unwrap().as_items().unwrap();
    items.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn who_and_where() {
    let world = World::new().await;
    let identity = world.data("aws_caller_identity", json!({})).await.unwrap();
    assert_eq!(identity.get_str("account_id"), Some(&*world.account));
    let region = world.data("aws_region", json!({})).await.unwrap();
    assert_eq!(region.get_str("name"), Some("us-east-1"));
    assert_eq!(region.get_str("description"), Some("US East (N. Virginia)"));
    let partition = world.data("aws_partition", json!({})).await.unwrap();
    assert_eq!(partition.get_str("reverse_dns_prefix"), Some("com.amazonaws"));
}

#[tokio::test]
async fn availability_zones_are_sorted() {
    let world = World::new().await;
    let zones = world
        .data("aws_availability_zones", json!({ "state": "available" }))
        .await
        .unwrap();
    let names = texts(&zones, "names");
    assert_eq!(&names[..2], ["us-east-1a", "us-east-1b"]);
    assert_eq!(names.len(), texts(&zones, "zone_ids").len());
    let some = json!({ "exclude_names": ["us-east-1a"], "region": "us-east-1" });
    let some = world.data("aws_availability_zones", some).await.unwrap();
    assert_eq!(texts(&some, "names")[0], "us-east-1b");
}

#[tokio::test]
async fn networks_are_found() {
    let world = World::new().await;
    let config = json!({ "cidr_block": "10.0.0.0/16", "tags": { "Name": "main" } });
    let vpc = world.create("aws_vpc", config).await;
    for cidr in ["10.0.1.0/24", "10.0.2.0/24"] {
        let config = json!({ "vpc_id": id(&vpc), "cidr_block": cidr });
        world.create("aws_subnet", config).await;
    }
    let found = world
        .data("aws_vpc", json!({ "tags": { "Name": "main" } }))
        .await
        .unwrap();
    assert_eq!(id(&found), id(&vpc));
    assert_eq!(found.get_str("main_route_table_id"), vpc.get_str("main_route_table_id"));
    let filter = json!({ "filter": { "name": "vpc-id", "values": [id(&vpc)] } });
    let subnets = world.data("aws_subnets", filter).await.unwrap();
    assert_eq!(texts(&subnets, "ids").len(), 2);
    let default = world.data("aws_vpc", json!({ "default": true })).await.unwrap();
    assert_eq!(default.get_str("cidr_block"), Some("172.31.0.0/16"));
    let none = world
        .data("aws_vpc", json!({ "cidr_block": "192.168.0.0/16" }))
        .await
        .unwrap_err();
    assert_eq!(none.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn policies_are_written_without_a_call() {
    let world = World::new().await;
    world.log();
    let statement = json!({
        "actions": ["sts:AssumeRole"],
        "principals": { "type": "Service", "identifiers": ["ecs-tasks.amazonaws.com"] },
    });
    let policy = world
        .data("aws_iam_policy_document", json!({ "statement": statement }))
        .await
        .unwrap();
    assert_eq!(
        policy.get_str("minified_json"),
        Some(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}"#
        )
    );
    assert!(world.log().is_empty());
}
