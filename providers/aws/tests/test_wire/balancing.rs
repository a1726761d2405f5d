//! Load balancers, target groups, listeners and rules.

use infra_providers::ErrorKind;
use infra_types::Value;
use serde_json::{Value as Json, json};

use crate::contract::Contract;
use crate::world::{World, id, with};

/// Two subnets in two zones.
pub(crate) async fn subnets(world: &World) -> (Value, [String; 2]) {
    let vpc = world.create("aws_vpc", json!({ "cidr_block": "10.0.0.0/16" })).await;
    world
        .create("aws_internet_gateway", json!({ "vpc_id": id(&vpc) }))
        .await;
    let mut ids = Vec::new();
    for (zone, cidr) in [("us-east-1a", "10.0.1.0/24"), ("us-east-1b", "10.0.2.0/24")] {
        let subnet = json!({ "vpc_id": id(&vpc), "cidr_block": cidr, "availability_zone": zone });
        ids.push(id(&world.create("aws_subnet", subnet).await).to_owned());
    }
    (vpc, ids.try_into().unwrap())
}

/// A load balancer.
async fn a_lb(world: &World) -> (Value, Value) {
    let (vpc, subnets) = subnets(world).await;
    let lb = world
        .create("aws_lb", json!({ "name": "main", "subnets": subnets }))
        .await;
    (vpc, lb)
}

/// The configuration of a target group.
fn group(vpc: &Value, name: &str) -> Json {
    json!({ "name": name, "port": 80, "protocol": "HTTP", "vpc_id": id(vpc), "target_type": "ip" })
}

#[tokio::test]
async fn lb() {
    let world = World::new().await;
    world.settle(json!({ "lb": 0.3 }));
    let (_, subnets) = subnets(&world).await;
    let base = json!({ "name": "main", "subnets": subnets });
    let made = Contract::new(
        &world,
        "aws_lb",
        with(&base, json!({ "idle_timeout": 30, "tags": { "a": "b" } })),
    )
    .update(with(
        &base,
        json!({ "idle_timeout": 90, "drop_invalid_header_fields": true }),
    ))
    .update(with(&base, json!({ "enable_http2": false, "tags": { "a": "c" } })))
    .replaces("name", with(&base, json!({ "name": "other" })))
    .replaces("internal", with(&base, json!({ "internal": true })))
    .run()
    .await;
    assert!(made.get_str("arn_suffix").unwrap().starts_with("app/main/"));
}

#[tokio::test]
async fn a_load_balancer_name_that_is_taken_is_refused() {
    let world = World::new().await;
    let (_, subnets) = subnets(&world).await;
    let config = json!({ "name": "main", "subnets": subnets });
    world.create("aws_lb", config.clone()).await;
    let error = world.try_create("aws_lb", config).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_load_balancer_whose_answer_is_lost_is_made_once() {
    let world = World::new().await;
    let (_, subnets) = subnets(&world).await;
    world.fault(json!({ "match": "^CreateLoadBalancer$", "status": 500, "after": true }));
    world
        .create(
            "aws_lb",
            json!({ "name": "main", "subnets": subnets, "idle_timeout": 30 }),
        )
        .await;
    let creates = world.log().into_iter().filter(|(op, _)| op == "CreateLoadBalancer");
    assert_eq!(creates.count(), 1);
}

#[tokio::test]
async fn target_group() {
    let world = World::new().await;
    let (vpc, _) = subnets(&world).await;
    let base = group(&vpc, "web");
    let check = |path: &str| json!({ "path": path, "interval": 15, "timeout": 5, "healthy_threshold": 2 });
    let first = json!({ "health_check": check("/health"), "deregistration_delay": 10 });
    Contract::new(&world, "aws_lb_target_group", with(&base, first))
        .update(with(
            &base,
            json!({ "health_check": check("/ready"), "slow_start": 60 }),
        ))
        .update(with(
            &base,
            json!({ "health_check": check("/ready"), "stickiness": { "type": "lb_cookie", "cookie_duration": 600 } }),
        ))
        .update(with(
            &base,
            json!({ "health_check": check("/ready"), "tags": { "a": "b" } }),
        ))
        .replaces("port", with(&base, json!({ "port": 8080 })))
        .replaces("name", group(&vpc, "api"))
        .replaces("vpc_id", with(&base, json!({ "vpc_id": "vpc-0123" })))
        .run()
        .await;
}

#[tokio::test]
async fn a_target_group_with_a_generated_name() {
    let world = World::new().await;
    let (vpc, _) = subnets(&world).await;
    let mut config = group(&vpc, "web");
    config.as_object_mut().unwrap().remove("name");
    Contract::new(
        &world,
        "aws_lb_target_group",
        with(&config, json!({ "name_prefix": "web-" })),
    )
    .run()
    .await;
}

#[tokio::test]
async fn listener() {
    let world = World::new().await;
    let (vpc, lb) = a_lb(&world).await;
    let one = world.create("aws_lb_target_group", group(&vpc, "one")).await;
    let two = world.create("aws_lb_target_group", group(&vpc, "two")).await;
    let base = json!({ "load_balancer_arn": id(&lb), "port": 80, "protocol": "HTTP" });
    let action = |action: Json| with(&base, json!({ "default_action": [action] }));
    let weighted = json!({ "type": "forward", "forward": {
        "target_group": [{ "arn": id(&one), "weight": 3 }, { "arn": id(&two), "weight": 1 }],
        "stickiness": { "enabled": true, "duration": 60 },
    } });
    Contract::new(
        &world,
        "aws_lb_listener",
        action(json!({ "type": "forward", "target_group_arn": id(&one) })),
    )
    .update(action(json!({ "type": "forward", "target_group_arn": id(&two) })))
    .update(action(weighted))
    .update(action(json!({ "type": "redirect", "redirect": {
            "status_code": "HTTP_301", "protocol": "HTTPS", "port": "443",
        } })))
    .update(action(json!({ "type": "fixed-response", "fixed_response": {
            "content_type": "text/plain", "message_body": "nothing here", "status_code": "404",
        } })))
    .update(with(
        &action(json!({ "type": "forward", "target_group_arn": id(&one) })),
        json!({ "port": 8080 }),
    ))
    .replaces(
        "load_balancer_arn",
        with(
            &action(json!({ "type": "forward", "target_group_arn": id(&one) })),
            json!({ "load_balancer_arn": "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1" }),
        ),
    )
    .run()
    .await;
}

#[tokio::test]
async fn a_forward_block_with_one_group_stays_one() {
    let world = World::new().await;
    let (vpc, lb) = a_lb(&world).await;
    let one = world.create("aws_lb_target_group", group(&vpc, "one")).await;
    let action = json!({ "type": "forward", "forward": { "target_group": [{ "arn": id(&one) }] } });
    let config = json!({ "load_balancer_arn": id(&lb), "port": 80, "default_action": [action] });
    let listener = world.create("aws_lb_listener", config.clone()).await;
    let config = world.config("aws_lb_listener", &config);
    let (planned, _) = world.plan("aws_lb_listener", Some(&listener), &config);
    assert!(planned.same_value(&listener), "{planned:#?}\n{listener:#?}");
}

#[tokio::test]
async fn listener_rule() {
    let world = World::new().await;
    let (vpc, lb) = a_lb(&world).await;
    let one = world.create("aws_lb_target_group", group(&vpc, "one")).await;
    let two = world.create("aws_lb_target_group", group(&vpc, "two")).await;
    let fixed = json!({ "content_type": "text/plain", "status_code": "404" });
    let listener = json!({
        "load_balancer_arn": id(&lb), "port": 80, "protocol": "HTTP",
        "default_action": [{ "type": "fixed-response", "fixed_response": fixed }],
    });
    let listener = world.create("aws_lb_listener", listener).await;
    let rule = |group: &Value, conditions: Json| {
        json!({
            "listener_arn": id(&listener), "priority": 100, "condition": conditions,
            "action": [{ "type": "forward", "target_group_arn": id(group) }],
        })
    };
    let hosts = json!([{ "host_header": { "values": ["a.example.com", "b.example.com"] } }]);
    let mixed = json!([
        { "path_pattern": { "values": ["/api", "/api/*"] } },
        { "http_header": { "http_header_name": "X-Beta", "values": ["yes"] } },
        { "query_string": [{ "key": "v", "value": "2" }] },
    ]);
    let other = json!([
        { "http_request_method": { "values": ["GET"] } },
        { "source_ip": { "values": ["10.0.0.0/8"] } },
    ]);
    Contract::new(&world, "aws_lb_listener_rule", rule(&one, hosts.clone()))
        .update(rule(&two, hosts.clone()))
        .update(rule(&two, mixed))
        .update(with(&rule(&two, other.clone()), json!({ "priority": 200 })))
        .update(with(
            &rule(&two, other),
            json!({ "priority": 200, "tags": { "a": "b" } }),
        ))
        .replaces(
            "listener_arn",
            with(&rule(&one, hosts), json!({ "listener_arn": "arn:aws:x" })),
        )
        .run()
        .await;
}

#[tokio::test]
async fn rules_without_priority_come_last() {
    let world = World::new().await;
    let (vpc, lb) = a_lb(&world).await;
    let one = world.create("aws_lb_target_group", group(&vpc, "one")).await;
    let forward = json!([{ "type": "forward", "target_group_arn": id(&one) }]);
    let listener = json!({ "load_balancer_arn": id(&lb), "port": 80, "default_action": forward.clone() });
    let listener = world.create("aws_lb_listener", listener).await;
    let rule = |path: &str| {
        json!({
            "listener_arn": id(&listener), "action": forward.clone(),
            "condition": [{ "path_pattern": { "values": [path] } }],
        })
    };
    let first = world.create("aws_lb_listener_rule", rule("/a")).await;
    let second = world.create("aws_lb_listener_rule", rule("/b")).await;
    let priority = |rule: &Value| rule.get("priority").unwrap().as_i64().unwrap();
    assert!(priority(&second) > priority(&first));
    let taken = with(&rule("/c"), json!({ "priority": priority(&first) }));
    let error = world.try_create("aws_lb_listener_rule", taken).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("PriorityInUse"));
    assert!(error.help.unwrap().contains("another"));
}

#[tokio::test]
async fn a_target_group_in_use_says_so() {
    let world = World::new().await;
    let (vpc, lb) = a_lb(&world).await;
    let one = world.create("aws_lb_target_group", group(&vpc, "one")).await;
    let forward = json!([{ "type": "forward", "target_group_arn": id(&one) }]);
    let listener = json!({ "load_balancer_arn": id(&lb), "port": 80, "default_action": forward });
    let listener = world.create("aws_lb_listener", listener).await;
    let request = infra_providers::DeleteRequest {
        ty: "aws_lb_target_group".into(),
        prior: one.clone(),
    };
    let deletion = world.session.delete(request, &infra_providers::NoMonitor);
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        world.delete("aws_lb_listener", &listener).await;
    };
    let (deleted, ()) = tokio::join!(deletion, release);
    deleted.unwrap();
}
