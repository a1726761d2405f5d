//! Settings, credentials, failures on the way.

use infra_provider_aws::AwsProvider;
use infra_providers::{ErrorKind, NoMonitor, Provider, ProviderError, SessionOptions, UpdateRequest};
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
    assert!(
        world
            .session
            .import("aws_vpc", id(&vpc))
            .await
            .unwrap_err()
            .is_not_found()
    );
    let imported = world
        .session
        .import("aws_vpc", &format!("{}@eu-west-1", id(&vpc)))
        .await
        .unwrap();
    assert_eq!(imported.get_str("region"), Some("eu-west-1"));
    world.delete("aws_vpc", &vpc).await;
}

#[tokio::test]
async fn a_refusal_names_operation_code_and_request() {
    let world = World::new().await;
    let vpc = world.create("aws_vpc", json!({ "cidr_block": "10.0.0.0/16" })).await;
    let config = json!({ "vpc_id": id(&vpc), "cidr_block": "10.1.0.0/24" });
    let error = world.try_create("aws_subnet", config).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(error.operation.as_deref(), Some("CreateSubnet"));
    assert_eq!(error.code.as_deref(), Some("InvalidSubnet.Range"));
    assert!(error.request_id.is_some());
}

#[tokio::test]
async fn an_operation_the_endpoint_lacks_is_unsupported() {
    let world = World::new().await;
    world.fault(json!({ "match": "^DescribeVpcs$", "times": 1, "status": 501, "code": "NotImplemented" }));
    let error = world.data("aws_vpc", json!({ "default": true })).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn reads_and_deletes_outlast_passing_refusals() {
    let world = World::new().await;
    let vpc = world.create("aws_vpc", json!({ "cidr_block": "10.0.0.0/16" })).await;
    // More often than the SDK tries.
    world.fault(json!({ "match": "^DescribeVpcs$", "times": 5, "status": 503, "code": "RequestLimitExceeded" }));
    assert!(world.read("aws_vpc", &vpc).await.is_some());
    world.fault(json!({ "match": "^DeleteVpc$", "times": 2, "status": 400, "code": "DependencyViolation" }));
    world.delete("aws_vpc", &vpc).await;
}

#[tokio::test]
async fn a_failed_update_says_what_the_object_is_now() {
    let world = World::new().await;
    let vpc = world.create("aws_vpc", json!({ "cidr_block": "10.0.0.0/16" })).await;
    world.fault(json!({ "match": "^CreateTags$", "times": 1, "status": 400, "code": "InvalidParameterValue" }));
    let config = json!({ "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true, "tags": { "a": "b" } });
    let config = world.config("aws_vpc", &config);
    let (planned, _) = world.plan("aws_vpc", Some(&vpc), &config);
    let request = UpdateRequest {
        ty: "aws_vpc".into(),
        prior: vpc,
        planned,
        config,
        token: world.token(),
    };
    let failed = world.session.update(request, &NoMonitor).await.unwrap_err();
    let now = failed.object.unwrap();
    assert_eq!(now.get("enable_dns_hostnames").unwrap().as_bool(), Some(true));
    assert!(now.get("tags").unwrap().is_null());
}
