//! `aws_eip`: a public address.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Address, DomainType, ResourceType};
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use crate::batch::lookup;
use crate::client::dns_suffix;
use crate::ec2::{PROPAGATION, creation_tags, filter, tag_map, update_tags};
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource, with_timeouts};
use crate::retry::not_yet;
use crate::tags::with_tags;
use crate::value::Fields;
use crate::wait::minutes;

/// The resource type.
pub(crate) struct Eip;

/// What the address can be associated with.
const TARGETS: [&str; 3] = ["instance", "network_interface", "associate_with_private_ip"];

#[async_trait]
impl Resource for Eip {
    fn schema(&self) -> Schema {
        let computed = || Attribute::computed(Type::String);
        let settled = || Attribute::optional_computed(Type::String);
        let block = Block::new("A public address.")
            .attr(
                "domain",
                settled()
                    .force_new()
                    .check(Validator::OneOf(&["vpc"]))
                    .doc("Where it is used: always `vpc`."),
            )
            .attr(
                "address",
                Attribute::optional(Type::String)
                    .force_new()
                    .doc("The address wanted, of an own pool."),
            )
            .attr("public_ipv4_pool", settled().force_new().doc("The pool it comes from."))
            .attr(
                "network_border_group",
                settled().force_new().doc("From where it is announced."),
            )
            .attr(
                "customer_owned_ipv4_pool",
                Attribute::optional(Type::String)
                    .force_new()
                    .doc("The pool of own addresses, on an Outpost."),
            )
            .attr("instance", settled().doc("The instance it belongs to."))
            .attr("network_interface", settled().doc("The interface it belongs to."))
            .attr(
                "associate_with_private_ip",
                Attribute::optional(Type::String).doc("Which of the interface's addresses it stands for."),
            );
        let names = [
            "allocation_id",
            "arn",
            "association_id",
            "carrier_ip",
            "customer_owned_ip",
            "private_dns",
            "private_ip",
            "public_dns",
            "public_ip",
        ];
        let block = names.iter().fold(block, |b, name| b.attr(name, computed()));
        Schema::new(with_timeouts(with_tags(block), &["read", "update", "delete"]))
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        if TARGETS.iter().any(|name| plan.changed(name)) {
            plan.unknown(&["association_id", "private_ip", "private_dns"]);
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        let found = lookup(objects, |ids| describe(cx, ids)).await;
        // Describing an address does not tell whose it is. The ARN is a luxury: no reason to fail.
        let account = cx.account().await.ok();
        found.answer(objects, |address, prior| state(cx, account, address, prior))
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let answer = op
            .cx
            .ec2_once()
            .allocate_address()
            .domain(DomainType::Vpc)
            .set_address(planned.text("address"))
            .set_public_ipv4_pool(planned.text("public_ipv4_pool"))
            .set_network_border_group(planned.text("network_border_group"))
            .set_customer_owned_ipv4_pool(planned.text("customer_owned_ipv4_pool"))
            .tag_specifications(creation_tags(op, ResourceType::ElasticIp))
            .send()
            .await
            .op("AllocateAddress")?;
        let id = answer.allocation_id.expect_in("AllocateAddress", "allocation id")?;
        op.exists([("id", id.as_str().into())]);
        associate(op, &id).await
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        if op.any_changed(&TARGETS) {
            disassociate(op).await?;
            associate(op, &id).await?;
        }
        update_tags(op, &id).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.id();
        // What holds it now counts: a NAT gateway that is gone let go of it by itself.
        let Some(address) = describe(op.cx, vec![id.clone()]).await?.remove(&id) else {
            return Ok(());
        };
        if op.prior.is_set("association_id") && address.instance_id.as_deref().is_some_and(|i| !i.is_empty()) {
            disassociate(op).await?;
        }
        // The answer to a release in use is `AuthFailure` for an address that a service holds.
        let busy = |error: &ProviderError| has_code(error, &["InvalidIPAddress.InUse", "AuthFailure"]);
        op.retry(op.timeout("delete", minutes(3)), busy, || async {
            let call = op.cx.ec2().release_address().allocation_id(&id);
            let call = call.set_network_border_group(op.prior.text("network_border_group"));
            call.send().await.op("ReleaseAddress")
        })
        .await
        .map(|_| ())
    }

    fn has_creation_tag(&self) -> bool {
        true
    }

    fn propagation(&self) -> std::time::Duration {
        PROPAGATION
    }
}

async fn describe(cx: &Cx<'_>, ids: Vec<String>) -> Result<BTreeMap<String, Address>, ProviderError> {
    let call = cx.ec2().describe_addresses().filters(filter("allocation-id", ids));
    let answer = call.send().await.op("DescribeAddresses")?;
    let addresses = answer.addresses.unwrap_or_default().into_iter();
    Ok(addresses.filter_map(|a| Some((a.allocation_id.clone()?, a))).collect())
}

fn state(cx: &Cx<'_>, account: Option<&str>, address: &Address, prior: &Value) -> Value {
    let id = address.allocation_id().unwrap_or_default();
    let some = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
    let public = some(address.public_ip());
    let private = some(address.private_ip_address());
    let mut state = cx.state(prior);
    state
        .set("id", id)
        .set("allocation_id", id)
        .set(
            "arn",
            account.map(|account| cx.arn("ec2", account, &format!("elastic-ip/{id}"))),
        )
        .set("domain", address.domain().map(|d| d.as_str()))
        .set("association_id", some(address.association_id()))
        .set("instance", some(address.instance_id()))
        .set("network_interface", some(address.network_interface_id()))
        .set("carrier_ip", some(address.carrier_ip()))
        .set("customer_owned_ip", some(address.customer_owned_ip()))
        .set("customer_owned_ipv4_pool", some(address.customer_owned_ipv4_pool()))
        .set("public_ipv4_pool", some(address.public_ipv4_pool()))
        .set("network_border_group", some(address.network_border_group()))
        .set("public_dns", public.as_deref().map(|ip| public_name(cx, ip)))
        .set("public_ip", public)
        .set(
            "private_dns",
            private.as_deref().map(|ip| private_name(cx.region(), ip)),
        )
        .set("private_ip", private)
        .tags(cx.default_tags(), tag_map(address.tags()));
    state.finish()
}

/// Returns the name that AWS gives a public address.
fn public_name(cx: &Cx<'_>, ip: &str) -> String {
    let zone = match cx.region() {
        "us-east-1" => "compute-1".to_owned(),
        region => format!("{region}.compute"),
    };
    format!("ec2-{}.{zone}.{}", ip.replace('.', "-"), dns_suffix(cx.partition()))
}

/// Returns the name that AWS gives a private address.
fn private_name(region: &str, ip: &str) -> String {
    let zone = match region {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    format!("ip-{}.{zone}", ip.replace('.', "-"))
}

async fn associate(op: &Op<'_>, id: &str) -> Result<(), ProviderError> {
    let (instance, interface) = (op.planned.text("instance"), op.planned.text("network_interface"));
    if instance.is_none() && interface.is_none() {
        return Ok(());
    }
    let pending = |error: &ProviderError| {
        not_yet(error) || (has_code(error, &["InvalidInstanceID"]) && error.message.contains("pending"))
    };
    op.retry(PROPAGATION, pending, || async {
        let call = op
            .cx
            .ec2()
            .associate_address()
            .allocation_id(id)
            .set_instance_id(instance.clone())
            .set_network_interface_id(interface.clone().filter(|_| instance.is_none()))
            .set_private_ip_address(op.planned.text("associate_with_private_ip"));
        call.send().await.op("AssociateAddress").map(|_| ())
    })
    .await
}

async fn disassociate(op: &Op<'_>) -> Result<(), ProviderError> {
    let Some(association) = op.prior.text("association_id") else {
        return Ok(());
    };
    let call = op.cx.ec2().disassociate_address().association_id(association);
    or_gone(call.send().await.op("DisassociateAddress")).map(|_| ())
}
