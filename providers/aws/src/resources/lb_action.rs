//! Actions of listeners and rules: forward, redirect, answer, authenticate.
//!
//! Forwarding to one target group can be written as `target_group_arn` or as
//! a `forward` block; the service answers with both. What is read takes the
//! form that was written.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig, FixedResponseActionConfig,
    ForwardActionConfig, RedirectActionConfig, TargetGroupStickinessConfig, TargetGroupTuple,
};
use infra_providers::{Attribute, Block, NestedBlock, Problem, Validator};
use infra_types::{Path, Type, Value};

use crate::value::Fields;

/// Returns the block of an action.
pub(super) fn block() -> Block {
    let text = || Attribute::optional(Type::String);
    let group = Block::new("A target group and its share.")
        .attr("arn", Attribute::required(Type::String))
        .attr(
            "weight",
            Attribute::optional(Type::Number)
                .default(1)
                .check(Validator::Range(0, 999)),
        );
    let stickiness = Block::new("Whether clients stay with a target group.")
        .attr("enabled", Attribute::optional(Type::Bool).default(false))
        .attr(
            "duration",
            Attribute::required(Type::Number).check(Validator::Range(1, 604_800)),
        );
    let forward = Block::new("Forwards to target groups by weight.")
        .block("target_group", NestedBlock::set(group).required().at_most(5))
        .block("stickiness", NestedBlock::list(stickiness).at_most(1));
    let redirect = Block::new("Redirects; what is not said stays as requested.")
        .attr("host", text().default("#{host}"))
        .attr("path", text().default("/#{path}"))
        .attr("port", text().default("#{port}"))
        .attr("protocol", text().default("#{protocol}"))
        .attr("query", text().default("#{query}"))
        .attr(
            "status_code",
            Attribute::required(Type::String).check(Validator::OneOf(&["HTTP_301", "HTTP_302"])),
        );
    let fixed = Block::new("Answers by itself.")
        .attr(
            "content_type",
            Attribute::required(Type::String).check(Validator::OneOf(&[
                "text/plain",
                "text/css",
                "text/html",
                "application/javascript",
                "application/json",
            ])),
        )
        .attr("message_body", text().check(Validator::Length(0, 1024)))
        .attr("status_code", Attribute::optional_computed(Type::String));
    let session = |block: Block| {
        block
            .attr(
                "authentication_request_extra_params",
                Attribute::optional(Type::map(Type::String)),
            )
            .attr("on_unauthenticated_request", Attribute::optional_computed(Type::String))
            .attr("scope", Attribute::optional_computed(Type::String))
            .attr("session_cookie_name", Attribute::optional_computed(Type::String))
            .attr("session_timeout", Attribute::optional_computed(Type::Number))
    };
    let needed = || Attribute::required(Type::String);
    let cognito = session(Block::new("Signs users in with Cognito."))
        .attr("user_pool_arn", needed())
        .attr("user_pool_client_id", needed())
        .attr("user_pool_domain", needed());
    let oidc = session(Block::new("Signs users in with OpenID Connect."))
        .attr("authorization_endpoint", needed())
        .attr("client_id", needed())
        .attr("client_secret", needed().sensitive())
        .attr("issuer", needed())
        .attr("token_endpoint", needed())
        .attr("user_info_endpoint", needed());
    Block::new("What to do with a request.")
        .attr(
            "type",
            Attribute::required(Type::String).check(Validator::OneOf(&[
                "forward",
                "redirect",
                "fixed-response",
                "authenticate-cognito",
                "authenticate-oidc",
            ])),
        )
        .attr(
            "order",
            Attribute::optional_computed(Type::Number).check(Validator::Range(1, 50000)),
        )
        .attr("target_group_arn", text())
        .block("forward", NestedBlock::list(forward).at_most(1))
        .block("redirect", NestedBlock::list(redirect).at_most(1))
        .block("fixed_response", NestedBlock::list(fixed).at_most(1))
        .block("authenticate_cognito", NestedBlock::list(cognito).at_most(1))
        .block("authenticate_oidc", NestedBlock::list(oidc).at_most(1))
}

/// Checks that each action has what its type needs.
pub(super) fn validate(config: &Value, name: &'static str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, action) in config.blocks(name).iter().enumerate() {
        let at = Path::attr(name).join_index(i);
        let kind = action.get_str("type").unwrap_or_default();
        let part = match kind {
            "forward" => {
                let written = action.is_set("target_group_arn");
                let block = action.get("forward").is_some_and(|f| !f.is_known()) || action.block("forward").is_some();
                if !written && !block {
                    problems.push(
                        Problem::new(at, "a `forward` action needs a target group")
                            .help("set `target_group_arn`, or write a `forward` block"),
                    );
                }
                continue;
            }
            "redirect" => "redirect",
            "fixed-response" => "fixed_response",
            "authenticate-cognito" => "authenticate_cognito",
            "authenticate-oidc" => "authenticate_oidc",
            _ => continue,
        };
        let there = action.get(part).is_some_and(|b| !b.is_known()) || action.block(part).is_some();
        if !there {
            problems.push(Problem::new(at, format!("a `{kind}` action needs a `{part}` block")));
        }
    }
    problems
}

/// Turns planned actions into requests, in order.
pub(super) fn requests(blocks: &[Value]) -> Vec<Action> {
    let actions = blocks.iter().enumerate();
    actions
        .map(|(i, a)| request(a, a.int("order").unwrap_or(i as i32 + 1)))
        .collect()
}

fn request(action: &Value, order: i32) -> Action {
    let kind = action.text("type").unwrap_or_default();
    let forward = action.block("forward").map(|f| {
        let groups = f.blocks("target_group").iter().map(|g| {
            TargetGroupTuple::builder()
                .set_target_group_arn(g.text("arn"))
                .set_weight(g.int("weight"))
                .build()
        });
        ForwardActionConfig::builder()
            .set_target_groups(Some(groups.collect()))
            .set_target_group_stickiness_config(f.block("stickiness").map(|s| {
                TargetGroupStickinessConfig::builder()
                    .set_enabled(s.flag("enabled"))
                    .set_duration_seconds(s.int("duration"))
                    .build()
            }))
            .build()
    });
    let redirect = action.block("redirect").map(|r| {
        RedirectActionConfig::builder()
            .set_host(r.text("host"))
            .set_path(r.text("path"))
            .set_port(r.text("port"))
            .set_protocol(r.text("protocol"))
            .set_query(r.text("query"))
            .set_status_code(r.text("status_code").map(|s| s.as_str().into()))
            .build()
    });
    let fixed = action.block("fixed_response").map(|f| {
        FixedResponseActionConfig::builder()
            .set_content_type(f.text("content_type"))
            .set_message_body(f.text("message_body"))
            .set_status_code(f.text("status_code").or_else(|| Some("200".to_owned())))
            .build()
    });
    let forwards = kind == "forward";
    Action::builder()
        .r#type(kind.as_str().into())
        .order(order)
        .set_target_group_arn(
            action
                .text("target_group_arn")
                .filter(|_| forwards && forward.is_none()),
        )
        .set_forward_config(forward.filter(|_| forwards))
        .set_redirect_config(redirect)
        .set_fixed_response_config(fixed)
        .set_authenticate_cognito_config(action.block("authenticate_cognito").map(cognito))
        .set_authenticate_oidc_config(action.block("authenticate_oidc").map(oidc))
        .build()
}

fn extra(block: &Value) -> Option<std::collections::HashMap<String, String>> {
    let extra = block.map("authentication_request_extra_params");
    (!extra.is_empty()).then(|| extra.into_iter().collect())
}

fn cognito(c: &Value) -> AuthenticateCognitoActionConfig {
    AuthenticateCognitoActionConfig::builder()
        .set_user_pool_arn(c.text("user_pool_arn"))
        .set_user_pool_client_id(c.text("user_pool_client_id"))
        .set_user_pool_domain(c.text("user_pool_domain"))
        .set_scope(c.text("scope"))
        .set_session_cookie_name(c.text("session_cookie_name"))
        .set_session_timeout(c.int("session_timeout").map(i64::from))
        .set_authentication_request_extra_params(extra(c))
        .set_on_unauthenticated_request(c.text("on_unauthenticated_request").map(|t| t.as_str().into()))
        .build()
}

fn oidc(o: &Value) -> AuthenticateOidcActionConfig {
    AuthenticateOidcActionConfig::builder()
        .set_authorization_endpoint(o.text("authorization_endpoint"))
        .set_client_id(o.text("client_id"))
        .set_client_secret(o.text("client_secret"))
        .set_issuer(o.text("issuer"))
        .set_token_endpoint(o.text("token_endpoint"))
        .set_user_info_endpoint(o.text("user_info_endpoint"))
        .set_scope(o.text("scope"))
        .set_session_cookie_name(o.text("session_cookie_name"))
        .set_session_timeout(o.int("session_timeout").map(i64::from))
        .set_authentication_request_extra_params(extra(o))
        .set_on_unauthenticated_request(o.text("on_unauthenticated_request").map(|t| t.as_str().into()))
        .build()
}

/// Turns the service's actions into blocks, in the form that was written before.
pub(super) fn values(actions: &[Action], before: &[Value]) -> Vec<Value> {
    let mut actions: Vec<&Action> = actions.iter().collect();
    actions.sort_by_key(|a| a.order().unwrap_or(0));
    let actions = actions.into_iter().enumerate();
    actions.map(|(i, action)| value(action, i, before.get(i))).collect()
}

fn value(action: &Action, index: usize, before: Option<&Value>) -> Value {
    let forwards = action.r#type() == Some(&ActionTypeEnum::Forward);
    let groups = action.forward_config().map(|f| f.target_groups()).unwrap_or_default();
    let sticky = action
        .forward_config()
        .and_then(|f| f.target_group_stickiness_config())
        .filter(|s| s.enabled() == Some(true) || s.duration_seconds().is_some());
    let wrote_block = before.is_some_and(|b| !b.blocks("forward").is_empty());
    let single = groups.len() <= 1 && sticky.is_none_or(|s| s.enabled() != Some(true));
    let as_block = forwards && !groups.is_empty() && (wrote_block || !single);
    let arn = action
        .target_group_arn()
        .or_else(|| groups.first().and_then(|g| g.target_group_arn()))
        .filter(|_| forwards && !as_block);
    let forward = as_block.then(|| {
        let wrote_stickiness = before
            .and_then(|b| b.block("forward"))
            .is_some_and(|f| f.block("stickiness").is_some());
        let sticky = sticky.filter(|s| wrote_stickiness || s.enabled() == Some(true));
        let sticky = sticky.map(|s| {
            Value::object([
                ("enabled", s.enabled().unwrap_or(false).into()),
                ("duration", s.duration_seconds().map(i64::from).into()),
            ])
        });
        let groups = groups.iter().map(|g| {
            Value::object([
                ("arn", g.target_group_arn().into()),
                ("weight", i64::from(g.weight().unwrap_or(1)).into()),
            ])
        });
        Value::object([
            ("target_group", Value::tuple(groups.collect())),
            ("stickiness", Value::tuple(sticky.into_iter().collect())),
        ])
    });
    let redirect = action.redirect_config().map(|r| {
        Value::object([
            ("host", r.host().unwrap_or("#{host}").into()),
            ("path", r.path().unwrap_or("/#{path}").into()),
            ("port", r.port().unwrap_or("#{port}").into()),
            ("protocol", r.protocol().unwrap_or("#{protocol}").into()),
            ("query", r.query().unwrap_or("#{query}").into()),
            ("status_code", r.status_code().map(|s| s.as_str()).into()),
        ])
    });
    let fixed = action.fixed_response_config().map(|f| {
        Value::object([
            ("content_type", f.content_type().into()),
            ("message_body", f.message_body().filter(|b| !b.is_empty()).into()),
            ("status_code", f.status_code().into()),
        ])
    });
    let secret = before
        .and_then(|b| b.block("authenticate_oidc"))
        .and_then(|o| o.get("client_secret"))
        .cloned();
    let list = |block: Option<Value>| Value::tuple(block.into_iter().collect());
    Value::object([
        ("type", action.r#type().map(|t| t.as_str()).into()),
        ("order", i64::from(action.order().unwrap_or(index as i32 + 1)).into()),
        ("target_group_arn", arn.into()),
        ("forward", list(forward)),
        ("redirect", list(redirect)),
        ("fixed_response", list(fixed)),
        (
            "authenticate_cognito",
            list(action.authenticate_cognito_config().map(cognito_value)),
        ),
        (
            "authenticate_oidc",
            list(action.authenticate_oidc_config().map(|o| oidc_value(o, secret))),
        ),
    ])
}

fn extra_value(extra: Option<&std::collections::HashMap<String, String>>) -> Value {
    match extra {
        Some(extra) if !extra.is_empty() => {
            let mut pairs: Vec<_> = extra.iter().collect();
            pairs.sort();
            let entries = pairs.into_iter().map(|(k, v)| (k.as_str().into(), v.as_str().into()));
            Value::map(Type::String, entries.collect())
        }
        _ => Value::null(),
    }
}

fn cognito_value(c: &AuthenticateCognitoActionConfig) -> Value {
    Value::object([
        ("user_pool_arn", c.user_pool_arn().into()),
        ("user_pool_client_id", c.user_pool_client_id().into()),
        ("user_pool_domain", c.user_pool_domain().into()),
        ("scope", c.scope().into()),
        ("session_cookie_name", c.session_cookie_name().into()),
        ("session_timeout", c.session_timeout().into()),
        (
            "on_unauthenticated_request",
            c.on_unauthenticated_request().map(|t| t.as_str()).into(),
        ),
        (
            "authentication_request_extra_params",
            extra_value(c.authentication_request_extra_params()),
        ),
    ])
}

/// The client secret is never answered: it stays as it was written.
fn oidc_value(o: &AuthenticateOidcActionConfig, secret: Option<Value>) -> Value {
    Value::object([
        ("authorization_endpoint", o.authorization_endpoint().into()),
        ("client_id", o.client_id().into()),
        ("client_secret", secret.into()),
        ("issuer", o.issuer().into()),
        ("token_endpoint", o.token_endpoint().into()),
        ("user_info_endpoint", o.user_info_endpoint().into()),
        ("scope", o.scope().into()),
        ("session_cookie_name", o.session_cookie_name().into()),
        ("session_timeout", o.session_timeout().into()),
        (
            "on_unauthenticated_request",
            o.on_unauthenticated_request().map(|t| t.as_str()).into(),
        ),
        (
            "authentication_request_extra_params",
            extra_value(o.authentication_request_extra_params()),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered() -> Action {
        let group = TargetGroupTuple::builder().target_group_arn("arn:tg").weight(1).build();
        Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .order(1)
            .target_group_arn("arn:tg")
            .forward_config(ForwardActionConfig::builder().target_groups(group).build())
            .build()
    }

    #[test]
    fn one_group_takes_the_written_form() {
        let plain = value(&answered(), 0, None);
        assert_eq!(plain.get_str("target_group_arn"), Some("arn:tg"));
        assert!(plain.blocks("forward").is_empty());

        let group = Value::object([("arn", "arn:tg".into()), ("weight", 1.into())]);
        let forward = Value::object([
            ("target_group", Value::tuple(vec![group])),
            ("stickiness", Value::tuple(vec![])),
        ]);
        let written = Value::object([("forward", Value::tuple(vec![forward]))]);
        let block = value(&answered(), 0, Some(&written));
        assert!(block.get("target_group_arn").unwrap().is_null());
        assert_eq!(block.blocks("forward")[0].blocks("target_group").len(), 1);
    }

    #[test]
    fn parts_must_fit_the_type() {
        let action = |kind: &str| {
            let action = Value::object([("type", kind.into())]);
            validate(&Value::object([("action", Value::tuple(vec![action]))]), "action").len()
        };
        assert_eq!(action("forward"), 1);
        assert_eq!(action("redirect"), 1);
        assert_eq!(action("fixed-response"), 1);
    }
}
