//! `aws_iam_role`: an identity that services and people take on.

use async_trait::async_trait;
use aws_sdk_iam::types::Role;
use infra_providers::{Attribute, Block, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::{iam, named};
use crate::batch::each;
use crate::error::{Call, or_gone};
use crate::names;
use crate::policy::{check_json, same_policy, url_decode};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::tags::{self, with_tags};
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_iam_role`.
pub(crate) struct IamRole;

/// The longest name of a role.
const NAME: usize = 64;

#[async_trait]
impl Resource for IamRole {
    fn schema(&self) -> Schema {
        let block = Block::new("An IAM role.")
            .attr("arn", Attribute::computed(Type::String))
            .attr("unique_id", Attribute::computed(Type::String))
            .attr("create_date", Attribute::computed(Type::String))
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, NAME)),
            )
            .attr(
                "name_prefix",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 38)),
            )
            .attr("path", Attribute::optional(Type::String).default("/").force_new())
            .attr(
                "description",
                Attribute::optional(Type::String).check(Validator::Length(0, 1000)),
            )
            .attr(
                "assume_role_policy",
                Attribute::required(Type::String)
                    .equal(same_policy)
                    .check(Validator::Custom(check_json))
                    .doc("Who may take on the role, as a policy document."),
            )
            .attr(
                "max_session_duration",
                Attribute::optional(Type::Number)
                    .default(3600)
                    .check(Validator::Range(3600, 43200)),
            )
            .attr("permissions_boundary", Attribute::optional(Type::String))
            .attr(
                "force_detach_policies",
                Attribute::optional(Type::Bool)
                    .default(false)
                    .doc("Detaches and deletes policies that are left when the role is destroyed."),
            );
        Schema::new(with_tags(block)).unique(&["name"])
    }

    fn regional(&self) -> bool {
        false
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        names::plan(plan);
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let Some(role) = find(cx, &prior.id()).await? else {
                return Ok(None);
            };
            let mut state = cx.state(prior);
            let document = url_decode(role.assume_role_policy_document().unwrap_or_default());
            state
                .name(role.role_name())
                .set("id", role.role_name())
                .set("arn", role.arn())
                .set("unique_id", role.role_id())
                .set("create_date", role.create_date().to_string())
                .set("path", role.path())
                .set("description", role.description().filter(|d| !d.is_empty()))
                .set("assume_role_policy", document)
                .set("max_session_duration", role.max_session_duration().unwrap_or(3600))
                .set(
                    "permissions_boundary",
                    role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()),
                )
                .tags(cx.default_tags(), iam::tag_map(role.tags()));
            named::set_unread(cx, &mut state, prior, &["force_detach_policies"]);
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", NAME);
        let tags = iam::tag_list(&named::creation_tags(op))?;
        let answer = op
            .retry(minutes(2), iam::unsettled, || async {
                let call = op.cx.iam_once().create_role().role_name(&name);
                call.set_path(op.planned.text("path"))
                    .set_description(op.planned.text("description"))
                    .set_assume_role_policy_document(op.planned.text("assume_role_policy"))
                    .set_max_session_duration(op.planned.int("max_session_duration"))
                    .set_permissions_boundary(op.planned.text("permissions_boundary"))
                    .set_tags(tags.clone())
                    .send()
                    .await
                    .op("CreateRole")
            })
            .await;
        let role = match answer {
            Err(error) if crate::error::has_code(&error, &["EntityAlreadyExists"]) => ours(op.cx, &name, op.token)
                .await?
                .ok_or_else(|| named::taken("an IAM role", &name))?,
            other => other?.role.expect_in("CreateRole", "role")?,
        };
        op.exists([("id", role.role_name.into()), ("arn", role.arn.into())]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = op.prior.id();
        let client = op.cx.iam();
        if op.changed("assume_role_policy") {
            let document = op.planned.text("assume_role_policy").unwrap_or_default();
            op.retry(minutes(2), iam::unsettled, || async {
                let call = client.update_assume_role_policy().role_name(&name);
                call.policy_document(&document)
                    .send()
                    .await
                    .op("UpdateAssumeRolePolicy")
            })
            .await?;
        }
        if op.any_changed(&["description", "max_session_duration"]) {
            let call = client.update_role().role_name(&name);
            call.description(op.planned.text("description").unwrap_or_default())
                .set_max_session_duration(op.planned.int("max_session_duration"))
                .send()
                .await
                .op("UpdateRole")?;
        }
        if op.changed("permissions_boundary") {
            match op.planned.text("permissions_boundary") {
                Some(arn) => {
                    let call = client.put_role_permissions_boundary().role_name(&name);
                    call.permissions_boundary(arn)
                        .send()
                        .await
                        .op("PutRolePermissionsBoundary")?;
                }
                None => {
                    let call = client.delete_role_permissions_boundary().role_name(&name);
                    call.send().await.op("DeleteRolePermissionsBoundary")?;
                }
            }
        }
        if let Some((remove, set)) = tags::change(op) {
            if !remove.is_empty() {
                let call = client.untag_role().role_name(&name).set_tag_keys(Some(remove));
                call.send().await.op("UntagRole")?;
            }
            if let Some(tags) = iam::tag_list(&set)? {
                let call = client.tag_role().role_name(&name).set_tags(Some(tags));
                call.send().await.op("TagRole")?;
            }
        }
        Ok(())
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = op.prior.id();
        leave_profiles(op, &name).await?;
        if op.prior.flag("force_detach_policies") == Some(true) {
            drop_policies(op, &name).await?;
        }
        op.retry(minutes(2), iam::hung, || async {
            let call = op.cx.iam().delete_role().role_name(&name);
            call.send().await.op("DeleteRole")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = names::resolve_as(planned, token, "name", "name_prefix", NAME);
        let found = ours(cx, &name, token).await?;
        Ok(found.map(|role| Value::object([("id", role.role_name.into())])))
    }
}

/// Finds a role. While it is new, its ARN may show as a unique id: then it is not there yet.
async fn find(cx: &Cx<'_>, name: &str) -> Result<Option<Role>, ProviderError> {
    let answer = or_gone(cx.iam().get_role().role_name(name).send().await.op("GetRole"))?;
    Ok(answer.and_then(|a| a.role).filter(|r| r.arn().starts_with("arn:")))
}

async fn ours(cx: &Cx<'_>, name: &str, token: &str) -> Result<Option<Role>, ProviderError> {
    let found = find(cx, name).await?;
    Ok(found.filter(|role| named::is_ours(&iam::tag_map(role.tags()), token)))
}

async fn leave_profiles(op: &Op<'_>, name: &str) -> Result<(), ProviderError> {
    let client = op.cx.iam();
    let call = client.list_instance_profiles_for_role().role_name(name);
    let answer = call.send().await.op("ListInstanceProfilesForRole")?;
    for profile in answer.instance_profiles() {
        let call = client.remove_role_from_instance_profile().role_name(name);
        let call = call.instance_profile_name(profile.instance_profile_name());
        or_gone(call.send().await.op("RemoveRoleFromInstanceProfile"))?;
    }
    Ok(())
}

async fn drop_policies(op: &Op<'_>, name: &str) -> Result<(), ProviderError> {
    let client = op.cx.iam();
    let mut pages = client
        .list_attached_role_policies()
        .role_name(name)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for policy in page.op("ListAttachedRolePolicies")?.attached_policies() {
            let call = client.detach_role_policy().role_name(name);
            let call = call.set_policy_arn(policy.policy_arn.clone());
            or_gone(call.send().await.op("DetachRolePolicy"))?;
        }
    }
    let mut pages = client.list_role_policies().role_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        for policy in page.op("ListRolePolicies")?.policy_names() {
            let call = client.delete_role_policy().role_name(name).policy_name(policy);
            or_gone(call.send().await.op("DeleteRolePolicy"))?;
        }
    }
    Ok(())
}
