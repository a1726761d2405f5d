//! Networks: VPCs and what is in them.

use infra_providers::{ErrorKind, ReadRequest};
use serde_json::json;

use crate::contract::Contract;
use crate::world::{World, id, with};

#[tokio::test]
async fn vpc() {
    let world = World::with(json!({ "default_tags": { "tags": { "team": "core" } } })).await;
    let config = json!({ "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true, "tags": { "Name": "a" } });
    Contract::new(&world, "aws_vpc", config)
        .update(json!({ "cidr_block": "10.0.0.0/16", "tags": { "Name": "b", "team": "web" } }))
        .update(json!({ "cidr_block": "10.0.0.0/16", "enable_dns_support": false }))
        .update(json!({ "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true }))
        .replaces("cidr_block", json!({ "cidr_block": "10.1.0.0/16" }))
        .replaces(
            "instance_tenancy",
            json!({ "cidr_block": "10.0.0.0/16", "instance_tenancy": "dedicated" }),
        )
        .replaces("region", json!({ "cidr_block": "10.0.0.0/16", "region": "eu-west-1" }))
        .run()
        .await;
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_not_done_twice() {
    let world = World::new().await;
    world.fault(json!({ "match": "^CreateVpc$", "status": 500, "after": true }));
    let vpc = world
        .create(
            "aws_vpc",
            json!({ "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true }),
        )
        .await;
    assert_eq!(vpc.get("enable_dns_hostnames").unwrap().as_bool(), Some(true));
    let creates = world.log().into_iter().filter(|(op, _)| op == "CreateVpc").count();
    assert_eq!(creates, 1);
    world.delete("aws_vpc", &vpc).await;
}

#[tokio::test]
async fn a_create_that_is_refused_for_now_is_done_again() {
    let world = World::new().await;
    world.fault(json!({ "match": "^CreateVpc$", "times": 2, "status": 503, "code": "RequestLimitExceeded" }));
    let vpc = world.create("aws_vpc", json!({ "cidr_block": "10.0.0.0/16" })).await;
    assert!(id(&vpc).starts_with("vpc-"));
}

#[tokio::test]
async fn what_exists_is_reported_when_the_rest_fails() {
    let world = World::new().await;
    world.fault(json!({ "match": "^ModifyVpcAttribute$", "times": 9, "status": 400, "code": "InvalidParameterValue" }));
    let config = world.config(
        "aws_vpc",
        &json!({ "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true }),
    );
    let (planned, _) = world.plan("aws_vpc", None, &config);
    let request = infra_providers::CreateRequest {
        ty: "aws_vpc".into(),
        planned,
        config,
        token: world.token(),
    };
    let failed = world
        .session
        .create(request, &infra_providers::NoMonitor)
        .await
        .unwrap_err();
    let left = failed.object.expect("the object left behind");
    assert!(id(&left).starts_with("vpc-"));
    assert_eq!(failed.error.code.as_deref(), Some("InvalidParameterValue"));
}

/// Creates a VPC.
async fn a_vpc(world: &World) -> infra_types::Value {
    world.create("aws_vpc", json!({ "cidr_block": "10.0.0.0/16" })).await
}

#[tokio::test]
async fn subnet() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let vpc = id(&vpc);
    let base = json!({ "vpc_id": vpc, "cidr_block": "10.0.1.0/24", "availability_zone": "us-east-1a" });
    Contract::new(
        &world,
        "aws_subnet",
        with(&base, json!({ "map_public_ip_on_launch": true })),
    )
    .update(with(&base, json!({ "tags": { "Name": "b" } })))
    .update(with(
        &base,
        json!({ "enable_resource_name_dns_a_record_on_launch": true }),
    ))
    .replaces(
        "availability_zone",
        with(&base, json!({ "availability_zone": "us-east-1b" })),
    )
    .replaces("cidr_block", with(&base, json!({ "cidr_block": "10.0.2.0/24" })))
    .run()
    .await;
}

#[tokio::test]
async fn internet_gateway() {
    let world = World::new().await;
    let (one, two) = (a_vpc(&world).await, a_vpc(&world).await);
    Contract::new(&world, "aws_internet_gateway", json!({ "vpc_id": id(&one) }))
        .update(json!({ "vpc_id": id(&one), "tags": { "Name": "b" } }))
        .update(json!({ "vpc_id": id(&two) }))
        .run()
        .await;
}

#[tokio::test]
async fn eip() {
    let world = World::new().await;
    Contract::new(&world, "aws_eip", json!({ "domain": "vpc", "tags": { "Name": "a" } }))
        .update(json!({ "domain": "vpc", "tags": { "Name": "b" } }))
        .replaces("address", json!({ "address": "198.51.100.1" }))
        .run()
        .await;
}

#[tokio::test]
async fn nat_gateway() {
    let world = World::new().await;
    world.settle(json!({ "nat": 0.5 }));
    let vpc = a_vpc(&world).await;
    world
        .create("aws_internet_gateway", json!({ "vpc_id": id(&vpc) }))
        .await;
    let subnet = world
        .create("aws_subnet", json!({ "vpc_id": id(&vpc), "cidr_block": "10.0.1.0/24" }))
        .await;
    let eip = world.create("aws_eip", json!({ "domain": "vpc" })).await;
    let base = json!({ "subnet_id": id(&subnet), "allocation_id": id(&eip) });
    let nat = Contract::new(&world, "aws_nat_gateway", base.clone())
        .update(with(&base, json!({ "tags": { "Name": "b" } })))
        .replaces("subnet_id", with(&base, json!({ "subnet_id": "subnet-0123" })))
        .replaces(
            "allocation_id",
            with(&base, json!({ "allocation_id": "eipalloc-0123" })),
        )
        .run()
        .await;
    assert_eq!(nat.get_str("public_ip"), eip.get_str("public_ip"));
    world.delete("aws_eip", &eip).await;
}

#[tokio::test]
async fn route_table() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let gateway = world
        .create("aws_internet_gateway", json!({ "vpc_id": id(&vpc) }))
        .await;
    let route = |cidr: &str| json!({ "cidr_block": cidr, "gateway_id": id(&gateway) });
    let base = json!({ "vpc_id": id(&vpc) });
    Contract::new(
        &world,
        "aws_route_table",
        with(&base, json!({ "route": [route("0.0.0.0/0")] })),
    )
    .update(with(
        &base,
        json!({ "route": [route("0.0.0.0/0"), route("192.168.0.0/16")] }),
    ))
    .update(with(
        &base,
        json!({ "route": [route("172.16.0.0/12")], "tags": { "Name": "b" } }),
    ))
    .replaces("vpc_id", json!({ "vpc_id": "vpc-0123" }))
    .run()
    .await;
}

#[tokio::test]
async fn a_route_table_without_inline_routes_leaves_them_alone() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let gateway = world
        .create("aws_internet_gateway", json!({ "vpc_id": id(&vpc) }))
        .await;
    let table = world.create("aws_route_table", json!({ "vpc_id": id(&vpc) })).await;
    let route =
        json!({ "route_table_id": id(&table), "destination_cidr_block": "0.0.0.0/0", "gateway_id": id(&gateway) });
    world.create("aws_route", route).await;
    let now = world.read("aws_route_table", &table).await.unwrap();
    assert!(now.same_value(&table), "{now:?}");
}

#[tokio::test]
async fn route() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let gateway = world
        .create("aws_internet_gateway", json!({ "vpc_id": id(&vpc) }))
        .await;
    let subnet = world
        .create("aws_subnet", json!({ "vpc_id": id(&vpc), "cidr_block": "10.0.1.0/24" }))
        .await;
    let eip = world.create("aws_eip", json!({ "domain": "vpc" })).await;
    let nat = world
        .create(
            "aws_nat_gateway",
            json!({ "subnet_id": id(&subnet), "allocation_id": id(&eip) }),
        )
        .await;
    let table = world.create("aws_route_table", json!({ "vpc_id": id(&vpc) })).await;
    let base = json!({ "route_table_id": id(&table), "destination_cidr_block": "0.0.0.0/0" });
    Contract::new(&world, "aws_route", with(&base, json!({ "gateway_id": id(&gateway) })))
        .update(with(&base, json!({ "nat_gateway_id": id(&nat) })))
        .replaces(
            "destination_cidr_block",
            with(
                &base,
                json!({ "destination_cidr_block": "1.0.0.0/8", "gateway_id": id(&gateway) }),
            ),
        )
        .import_id(|v| {
            let text = |name| v.get_str(name).unwrap();
            format!("{}_{}", text("route_table_id"), text("destination_cidr_block"))
        })
        .run()
        .await;
}

#[tokio::test]
async fn a_route_that_exists_is_not_taken_over() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let gateway = world
        .create("aws_internet_gateway", json!({ "vpc_id": id(&vpc) }))
        .await;
    let table = world.create("aws_route_table", json!({ "vpc_id": id(&vpc) })).await;
    let route =
        json!({ "route_table_id": id(&table), "destination_cidr_block": "0.0.0.0/0", "gateway_id": id(&gateway) });
    world.create("aws_route", route.clone()).await;
    let error = world.try_create("aws_route", route).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.help.unwrap().contains("import"));
}

#[tokio::test]
async fn route_table_association() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let subnet = world
        .create("aws_subnet", json!({ "vpc_id": id(&vpc), "cidr_block": "10.0.1.0/24" }))
        .await;
    let one = world.create("aws_route_table", json!({ "vpc_id": id(&vpc) })).await;
    let two = world.create("aws_route_table", json!({ "vpc_id": id(&vpc) })).await;
    let base = json!({ "subnet_id": id(&subnet), "route_table_id": id(&one) });
    Contract::new(&world, "aws_route_table_association", base.clone())
        .update(with(&base, json!({ "route_table_id": id(&two) })))
        .replaces("subnet_id", with(&base, json!({ "subnet_id": "subnet-0123" })))
        .import_id(|v| {
            let text = |name| v.get_str(name).unwrap();
            format!("{}/{}", text("subnet_id"), text("route_table_id"))
        })
        .run()
        .await;
    world.delete("aws_route_table", &one).await;
    world.delete("aws_route_table", &two).await;
}

#[tokio::test]
async fn security_group() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let rule = |port: i64, cidrs: &[&str]| json!({ "from_port": port, "to_port": port, "protocol": "tcp", "cidr_blocks": cidrs });
    let out = json!({ "from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": ["0.0.0.0/0"] });
    let base = json!({ "name": "web", "vpc_id": id(&vpc), "egress": [out] });
    let ingress = |rules: &[serde_json::Value]| with(&base, json!({ "ingress": rules }));
    Contract::new(
        &world,
        "aws_security_group",
        ingress(&[rule(80, &["10.0.0.0/8", "192.168.0.0/16"])]),
    )
    .update(ingress(&[rule(80, &["10.0.0.0/8"]), rule(443, &["0.0.0.0/0"])]))
    .update(ingress(&[
        with(&rule(80, &["10.0.0.0/8"]), json!({ "description": "web" })),
        json!({ "from_port": 1, "to_port": 2, "protocol": "udp", "self": true }),
    ]))
    .update(with(
        &base,
        json!({ "tags": { "Name": "b" }, "ingress": [
        json!({ "from_port": 1, "to_port": 2, "protocol": "17", "self": true })] }),
    ))
    .replaces("name", with(&base, json!({ "name": "other" })))
    .replaces("description", with(&base, json!({ "description": "other" })))
    .replaces("vpc_id", with(&base, json!({ "vpc_id": "vpc-0123" })))
    .run()
    .await;
}

#[tokio::test]
async fn a_security_group_without_rules_lets_nothing_out() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let group = Contract::new(
        &world,
        "aws_security_group",
        json!({ "name_prefix": "web-", "vpc_id": id(&vpc) }),
    )
    .update(json!({ "name_prefix": "web-", "vpc_id": id(&vpc), "tags": { "a": "b" } }))
    .replaces("name_prefix", json!({ "name_prefix": "api-", "vpc_id": id(&vpc) }))
    .run()
    .await;
    assert!(group.get_str("name").unwrap().starts_with("web-"));
    let revoked = world
        .log()
        .iter()
        .filter(|(op, _)| op == "RevokeSecurityGroupEgress")
        .count();
    assert_eq!(revoked, 1);
}

#[tokio::test]
async fn security_group_rules() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let group = world
        .create("aws_security_group", json!({ "name": "web", "vpc_id": id(&vpc) }))
        .await;
    let other = world
        .create("aws_security_group", json!({ "name": "api", "vpc_id": id(&vpc) }))
        .await;
    let base = json!({ "security_group_id": id(&group) });
    let web = json!({ "ip_protocol": "tcp", "from_port": 80, "to_port": 80, "cidr_ipv4": "10.0.0.0/8" });
    let all = json!({ "ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0" });
    let from_other =
        json!({ "ip_protocol": "tcp", "from_port": 1, "to_port": 2, "referenced_security_group_id": id(&other) });
    for ty in [
        "aws_vpc_security_group_ingress_rule",
        "aws_vpc_security_group_egress_rule",
    ] {
        let web = with(&base, web.clone());
        Contract::new(&world, ty, with(&web, json!({ "tags": { "Name": "a" } })))
            .update(with(&web, json!({ "to_port": 81, "description": "web" })))
            .update(with(&base, all.clone()))
            .replaces("referenced_security_group_id", with(&base, from_other.clone()))
            .replaces(
                "security_group_id",
                with(&web, json!({ "security_group_id": id(&other) })),
            )
            .run()
            .await;
        Contract::new(&world, ty, with(&base, from_other.clone())).run().await;
    }
}

#[tokio::test]
async fn a_group_that_others_let_in_can_be_deleted() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let one = world
        .create("aws_security_group", json!({ "name": "one", "vpc_id": id(&vpc) }))
        .await;
    let two = world
        .create("aws_security_group", json!({ "name": "two", "vpc_id": id(&vpc) }))
        .await;
    let rule = json!({ "security_group_id": id(&two), "ip_protocol": "-1", "referenced_security_group_id": id(&one) });
    world.create("aws_vpc_security_group_ingress_rule", rule).await;
    world.delete("aws_security_group", &one).await;
    assert!(world.read("aws_security_group", &one).await.is_none());
}

#[tokio::test]
async fn many_objects_are_read_in_few_calls() {
    let world = World::new().await;
    let vpc = a_vpc(&world).await;
    let mut requests = Vec::new();
    for i in 0..5 {
        let config = json!({ "name": format!("group-{i}"), "vpc_id": id(&vpc) });
        let prior = world.create("aws_security_group", config).await;
        requests.push(ReadRequest {
            prior,
            just_created: false,
        });
    }
    let gone = requests[2].prior.with_attr("id", "sg-0123456789abcdef0".into());
    requests.insert(
        2,
        ReadRequest {
            prior: gone,
            just_created: false,
        },
    );
    world.log();
    let answers = world.session.read("aws_security_group", requests.clone()).await;
    assert_eq!(world.log().len(), 1);
    for (i, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.is_none(), i == 2);
        if let Some(found) = answer {
            assert!(found.same_value(&requests[i].prior));
        }
    }
}
