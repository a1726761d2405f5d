//! `aws_internet_gateway`: what connects a VPC to the internet.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{InternetGateway as Remote, ResourceType};
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema};
use infra_types::{Type, Value};

use crate::batch::lookup;
use crate::ec2::{PROPAGATION, creation_tags, filter, tag_map, update_tags};
use crate::error::{Call, has_code};
use crate::resource::{Answers, Cx, Expect, Op, Resource, with_timeouts};
use crate::retry::{in_use, not_yet};
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes, seconds};

/// The resource type.
pub(crate) struct InternetGateway;

#[async_trait]
impl Resource for InternetGateway {
    fn schema(&self) -> Schema {
        let block = Block::new("What connects a VPC to the internet.")
            .attr(
                "vpc_id",
                Attribute::optional_computed(Type::String).doc("The VPC it is attached to."),
            )
            .attr("arn", Attribute::computed(Type::String))
            .attr("owner_id", Attribute::computed(Type::String));
        Schema::new(with_timeouts(with_tags(block), &["create", "update", "delete"]))
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe(cx, ids)).await;
        found.answer(objects, |gateway, prior| state(cx, gateway, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let call = op.cx.ec2_once().create_internet_gateway();
        let call = call.tag_specifications(creation_tags(op, ResourceType::InternetGateway));
        let answer = call.send().await.op("CreateInternetGateway")?;
        let gateway = answer.internet_gateway.and_then(|g| g.internet_gateway_id);
        let id = gateway.expect_in("CreateInternetGateway", "gateway id")?;
        op.exists([("id", id.as_str().into())]);
        match op.planned.text("vpc_id") {
            Some(vpc) => attach(op, &id, &vpc).await,
            None => Ok(()),
        }
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        if op.changed("vpc_id") {
            if let Some(vpc) = op.prior.text("vpc_id") {
                detach(op, &id, &vpc, op.timeout("update", minutes(20))).await?;
            }
            if let Some(vpc) = op.planned.text("vpc_id") {
                attach(op, &id, &vpc).await?;
            }
        }
        update_tags(op, &id).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        let timeout = op.timeout("delete", minutes(20));
        if let Some(vpc) = op.prior.text("vpc_id") {
            detach(op, &id, &vpc, timeout).await?;
        }
        op.retry(timeout, in_use, || async {
            let call = op.cx.ec2().delete_internet_gateway().internet_gateway_id(&id);
            call.send().await.op("DeleteInternetGateway")
        })
        .await?;
        let wait = Wait::new(format!("{id} to be gone"), timeout).every(seconds(5));
        op.wait_gone(wait, || async {
            Ok(describe(op.cx, vec![id.clone()])
                .await?
                .remove(&id)
                .map(|_| "there".to_owned()))
        })
        .await
    }

    fn has_creation_tag(&self) -> bool {
        true
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Remote>, ProviderError> {
    let call = cx.ec2().describe_internet_gateways();
    let call = call.filters(filter("internet-gateway-id", ids));
    let pages = call.into_paginator().items().send();
    let gateways: Vec<Remote> = pages.collect::<Result<_, _>>().await.op("DescribeInternetGateways")?;
    let by_id = gateways
        .into_iter()
        .filter_map(|g| Some((g.internet_gateway_id.clone()?, g)));
    Ok(by_id.collect())
}

fn state(cx: &Cx<'_>, gateway: &Remote, prior: &Value) -> Value {
    let id = gateway.internet_gateway_id().unwrap_or_default();
    let owner = gateway.owner_id().unwrap_or_default();
    let mut state = cx.state(prior);
    state
        .set("id", id)
        .set("arn", cx.arn("ec2", owner, &format!("internet-gateway/{id}")))
        .set("owner_id", owner)
        .set("vpc_id", gateway.attachments().first().and_then(|a| a.vpc_id()))
        .tags(cx.default_tags(), tag_map(gateway.tags()));
    state.finish()
}

async fn attach(op: &Op<'_>, id: &str, vpc: &str) -> Result<(), ProviderError> {
    let attached = op
        .retry(PROPAGATION, not_yet, || async {
            let call = op.cx.ec2().attach_internet_gateway();
            let call = call.internet_gateway_id(id).vpc_id(vpc);
            call.send().await.op("AttachInternetGateway").map(|_| ())
        })
        .await;
    match attached {
        // A repeated request finds its own work.
        Err(error) if has_code(&error, &["Resource.AlreadyAssociated"]) && is_attached(op.cx, id, vpc).await? => {}
        other => other?,
    }
    let wait = Wait::new(
        format!("{id} to be attached to {vpc}"),
        op.timeout("create", minutes(20)),
    );
    op.wait(wait.every(seconds(5)), || async {
        Ok(if is_attached(op.cx, id, vpc).await? {
            Look::Done(())
        } else {
            Look::Pending("attaching".to_owned())
        })
    })
    .await
}

async fn is_attached(cx: &Cx<'_>, id: &str, vpc: &str) -> Result<bool, ProviderError> {
    let gateway = describe(cx, vec![id.to_owned()]).await?.remove(id);
    Ok(gateway.is_some_and(|g| {
        g.attachments().iter().any(|a| {
            let state = a.state().map(|s| s.as_str());
            a.vpc_id() == Some(vpc) && matches!(state, Some("available" | "attached"))
        })
    }))
}

/// Detaches; waits for the VPC's public addresses to go.
async fn detach(op: &Op<'_>, id: &str, vpc: &str, timeout: std::time::Duration) -> Result<(), ProviderError> {
    let detached = op
        .retry(timeout, in_use, || async {
            let call = op.cx.ec2().detach_internet_gateway();
            let call = call.internet_gateway_id(id).vpc_id(vpc);
            call.send().await.op("DetachInternetGateway").map(|_| ())
        })
        .await;
    match detached {
        Err(error) if has_code(&error, &["Gateway.NotAttached"]) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let wait = Wait::new(format!("{id} to be detached from {vpc}"), timeout).every(seconds(5));
            op.wait_gone(wait, || async {
                let gateway = describe(op.cx, vec![id.to_owned()]).await?.remove(id);
                let attached = gateway.is_some_and(|g| !g.attachments().is_empty());
                Ok(attached.then(|| "detaching".to_owned()))
            })
            .await
        }
    }
}
