//! `aws_lb_listener`: a port of a load balancer, and what it does by default.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    AdvertiseTrustStoreCaNamesEnum, Certificate, Listener, MutualAuthenticationAttributes,
};
use infra_providers::{Attribute, Block, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::{elb, lb_action, named};
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_lb_listener`.
pub(crate) struct LbListener;

#[async_trait]
impl Resource for LbListener {
    fn schema(&self) -> Schema {
        let filled = || Attribute::optional_computed(Type::String);
        let mutual = Block::new("How clients show who they are.")
            .attr(
                "mode",
                Attribute::required(Type::String).check(Validator::OneOf(&["off", "passthrough", "verify"])),
            )
            .attr("trust_store_arn", Attribute::optional(Type::String))
            .attr(
                "ignore_client_certificate_expiry",
                Attribute::optional_computed(Type::Bool),
            )
            .attr("advertise_trust_store_ca_names", filled());
        let block = Block::new("A listener of a load balancer.")
            .attr("arn", Attribute::computed(Type::String))
            .attr("load_balancer_arn", Attribute::required(Type::String).force_new())
            .attr(
                "port",
                Attribute::optional(Type::Number).check(Validator::Range(1, 65535)),
            )
            .attr(
                "protocol",
                filled().check(Validator::OneOf(&[
                    "HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC",
                ])),
            )
            .attr("ssl_policy", filled())
            .attr("certificate_arn", Attribute::optional(Type::String))
            .attr("alpn_policy", Attribute::optional(Type::String))
            .block("default_action", NestedBlock::list(lb_action::block()).required())
            .block("mutual_authentication", NestedBlock::list(mutual).at_most(1).computed());
        Schema::new(with_timeouts(with_tags(block), &["create", "update"]))
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        lb_action::validate(config, "default_action")
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        // The policy of encryption goes with the protocol.
        if plan.changed("protocol") && !plan.config.is_set("ssl_policy") {
            plan.unknown(&["ssl_policy"]);
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = elb::lookup_tagged(cx, objects, |arns| find(cx, arns)).await;
        found.answer(objects, |(listener, tags), prior| {
            let mut state = cx.state(prior);
            let arn = listener.listener_arn();
            let protocol = listener.protocol().map(|p| p.as_str());
            let encrypted = matches!(protocol, Some("HTTPS" | "TLS"));
            let certificate = listener.certificates().first().and_then(|c| c.certificate_arn());
            state
                .set("id", arn)
                .set("arn", arn)
                .set("load_balancer_arn", listener.load_balancer_arn())
                .set("port", listener.port().filter(|p| *p != 0))
                .set("protocol", protocol)
                // Some endpoints name a policy for plain HTTP too.
                .set("ssl_policy", listener.ssl_policy().filter(|_| encrypted))
                .set("certificate_arn", certificate)
                .set("alpn_policy", listener.alpn_policy().first().map(String::as_str))
                .tags(cx.default_tags(), tags.clone());
            let before = prior.blocks("default_action");
            state.set_blocks("default_action", lb_action::values(listener.default_actions(), before));
            let mutual = listener.mutual_authentication().map(mutual_value);
            state.set_blocks("mutual_authentication", mutual.into_iter().collect());
            state.finish()
        })
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let lb = planned.text("load_balancer_arn").unwrap_or_default();
        let answer = op
            .retry(op.timeout("create", minutes(5)), certificate_unknown, || async {
                let call = op.cx.elb_once().create_listener().load_balancer_arn(&lb);
                call.set_port(planned.int("port"))
                    .set_protocol(protocol(planned).map(|p| p.as_str().into()))
                    .set_ssl_policy(planned.text("ssl_policy"))
                    .set_certificates(certificates(planned))
                    .set_alpn_policy(planned.text("alpn_policy").map(|p| vec![p]))
                    .set_mutual_authentication(mutual(planned))
                    .set_default_actions(Some(lb_action::requests(planned.blocks("default_action"))))
                    .set_tags(elb::tag_list(&named::creation_tags(op)))
                    .send()
                    .await
                    .op("CreateListener")
            })
            .await?;
        let made = answer.listeners.and_then(|l| l.into_iter().next());
        let arn = made.and_then(|l| l.listener_arn).expect_in("CreateListener", "ARN")?;
        op.exists([("id", arn.as_str().into()), ("arn", arn.as_str().into())]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.id();
        let planned = op.planned;
        const SENT: [&str; 7] = [
            "port",
            "protocol",
            "ssl_policy",
            "certificate_arn",
            "alpn_policy",
            "default_action",
            "mutual_authentication",
        ];
        if op.any_changed(&SENT) {
            let actions = op.changed("default_action");
            op.retry(op.timeout("update", minutes(5)), certificate_unknown, || async {
                let call = op.cx.elb().modify_listener().listener_arn(&arn);
                let actions = actions.then(|| lb_action::requests(planned.blocks("default_action")));
                call.set_port(planned.int("port"))
                    .set_protocol(protocol(planned).map(|p| p.as_str().into()))
                    .set_ssl_policy(planned.text("ssl_policy"))
                    .set_certificates(certificates(planned))
                    .set_alpn_policy(planned.text("alpn_policy").map(|p| vec![p]))
                    .set_mutual_authentication(mutual(planned))
                    .set_default_actions(actions)
                    .send()
                    .await
                    .op("ModifyListener")
            })
            .await?;
        }
        elb::update_tags(op, &arn).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let call = op.cx.elb().delete_listener().listener_arn(op.prior.id());
        call.send().await.op("DeleteListener").map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let lb = planned.text("load_balancer_arn").unwrap_or_default();
        let call = cx.elb().describe_listeners().load_balancer_arn(lb);
        let mut pages = call.into_paginator().send();
        let mut candidates = Vec::new();
        while let Some(page) = pages.next().await {
            let Some(page) = or_gone(page.op("DescribeListeners"))? else {
                return Ok(None);
            };
            let same_port = page.listeners.unwrap_or_default().into_iter();
            let same_port = same_port.filter(|l| l.port() == planned.int("port"));
            candidates.extend(same_port.filter_map(|l| l.listener_arn));
        }
        for arn in candidates {
            if elb::is_ours(cx, &arn, token).await? {
                return Ok(Some(Value::object([("id", arn.into())])));
            }
        }
        Ok(None)
    }
}

/// Says whether a new certificate is not known to the load balancer yet.
fn certificate_unknown(error: &ProviderError) -> bool {
    has_code(
        error,
        &[
            "CertificateNotFound",
            "CertificateNotFoundException",
            "UnsupportedCertificate",
        ],
    )
}

async fn find(cx: &Cx<'_>, arns: Vec<String>) -> Result<BTreeMap<String, Listener>, ProviderError> {
    let call = cx.elb().describe_listeners().set_listener_arns(Some(arns));
    let answer = call.send().await.op("DescribeListeners")?;
    let found = answer.listeners.unwrap_or_default().into_iter();
    Ok(found.filter_map(|l| Some((l.listener_arn.clone()?, l))).collect())
}

/// Returns the protocol: as planned, or the usual one of application load balancers.
fn protocol(planned: &Value) -> Option<String> {
    let application = planned
        .get_str("load_balancer_arn")
        .is_some_and(|arn| arn.contains(":loadbalancer/app/"));
    planned
        .text("protocol")
        .or_else(|| application.then(|| "HTTP".to_owned()))
}

fn certificates(planned: &Value) -> Option<Vec<Certificate>> {
    let arn = planned.text("certificate_arn")?;
    Some(vec![Certificate::builder().certificate_arn(arn).build()])
}

fn mutual(planned: &Value) -> Option<MutualAuthenticationAttributes> {
    let block = planned.block("mutual_authentication")?;
    let mode = block.text("mode").unwrap_or_default();
    let verify = mode == "verify";
    let names = block.text("advertise_trust_store_ca_names").filter(|_| verify);
    Some(
        MutualAuthenticationAttributes::builder()
            .set_trust_store_arn(block.text("trust_store_arn"))
            .set_ignore_client_certificate_expiry(block.flag("ignore_client_certificate_expiry").filter(|_| verify))
            .set_advertise_trust_store_ca_names(names.map(|n| AdvertiseTrustStoreCaNamesEnum::from(n.as_str())))
            .mode(mode)
            .build(),
    )
}

fn mutual_value(mutual: &MutualAuthenticationAttributes) -> Value {
    Value::object([
        ("mode", mutual.mode().into()),
        (
            "trust_store_arn",
            mutual.trust_store_arn().filter(|a| !a.is_empty()).into(),
        ),
        (
            "ignore_client_certificate_expiry",
            mutual.ignore_client_certificate_expiry().unwrap_or(false).into(),
        ),
        (
            "advertise_trust_store_ca_names",
            mutual.advertise_trust_store_ca_names().map(|n| n.as_str()).into(),
        ),
    ])
}
