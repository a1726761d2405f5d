//! Settings, credentials, failures on the way.

use infra_provider_aws::AwsProvider;
use infra_providers::{ErrorKind, Provider, ProviderError, SessionOptions};
use serde_json::{Value as Json, json};

use crate::world::{World, id, value_of};

async fn refused(settings: Json) -> ProviderError {
    let provider = AwsProvider::new();
    let config = value_of(&provider.config_schema().block, &settings);
    match provider.configure(&config, &SessionOptions::default()).await {
        Ok(_) => panic!("the settings were accepted"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn nothing_listens() {
    let endpoint = "http://127.0.0.1:1";
    let world = World::with(json!({ "endpoint": endpoint, "max_retries": 0 })).await;
    let error = world.data("aws_caller_identity", json!({})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains(endpoint), "{error}");
}

#[tokio::test]
async fn other_accounts_are_refused() {
    let world = World::new().await;
    let endpoint = world.endpoint();
    let error = refused(json!({
        "endpoint": endpoint, "region": "us-east-1", "access_key": world.account, "secret_key": "x",
        "allowed_account_ids": ["111111111111"],
    }))
    .await;
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains(&world.account));
}

#[tokio::test]
async fn half_a_key_is_no_key() {
    let error = refused(json!({ "region": "us-east-1", "access_key": "x" })).await;
    assert_eq!(error.kind, ErrorKind::Credentials);
}

#[tokio::test]
async fn a_missing_profile_is_said_with_what_to_do() {
    let error = refused(json!({ "region": "us-east-1", "profile": "no-such-profile-here" })).await;
    assert_eq!(error.kind, ErrorKind::Credentials);
    assert!(error.help.unwrap().contains("profile"));
}

#[tokio::test]
async fn objects_live_in_their_region() {
    let world = World::new().await;
    let config = json!({ "cidr_block": "10.0.0.0/16", "region": "eu-west-1" });
    let vpc = world.create("aws_vpc", config).await;
    assert!(vpc.get_str("arn").unwrap().contains(":eu-west-1:"));
    assert!(world.read("aws_vpc", &vpc).await.is_some());
    assert!(world.session.import("aws_vpc", id(&vpc)).await.unwrap_err().is_not_found());
    let imported = world.session.import("aws_vpc", &format!("{}@eu-west-1", id(&vpc))).await.unwrap();
    assert_eq!(imported.get_str("region"), Some("eu-west-1"));
    world.delete("aws_vpc", &vpc).await;
}

#[tokio::test]
async fn a_refusal_names_operation_code_and_request() {
    let world = World::new().await;
    let config = json!({ "cidr_block": "10.0.0.0/30" });
    let error = world.try_create("aws_vpc", config).await.unwrap_err();
    assert_eq!(error.operation.as_deref(), Some("CreateVpc"));
    assert!(error.code.is_some());
    assert!(error.request_id.is_some());
}

#[tokio::test]
async fn an_operation_the_endpoint_lacks_is_unsupported() {
    let world = World::new().await;
    world.fault(json!({ "match": "^DescribeVpcs$", "times": 1, "status": 501, "code": "NotImplemented" }));
    let error = world.data("aws_vpc", json!({ "default": true })).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
