//! `aws_iam_role_policy_attachment`: a managed policy on a role.

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ErrorKind, ProviderError, ReadRequest, Schema};
use infra_types::{Type, Value};

use super::iam;
use crate::batch::each;
use crate::error::Call;
use crate::resource::{Answers, Cx, Op, Resource};
use crate::retry::not_yet;
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_iam_role_policy_attachment`.
pub(crate) struct IamRolePolicyAttachment;

#[async_trait]
impl Resource for IamRolePolicyAttachment {
    fn schema(&self) -> Schema {
        let block = Block::new("Attaches a managed policy to a role.")
            .attr(
                "role",
                Attribute::required(Type::String).force_new().doc("The role's name."),
            )
            .attr(
                "policy_arn",
                Attribute::required(Type::String).force_new().doc("The policy's ARN."),
            );
        Schema::new(block)
    }

    fn regional(&self) -> bool {
        false
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let id = prior.id();
            let (role, policy) = split(&id)?;
            if !is_attached(cx, role, policy).await? {
                return Ok(None);
            }
            let mut state = cx.state(prior);
            state.set("id", id.as_str()).set("role", role).set("policy_arn", policy);
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let role = op.planned.text("role").unwrap_or_default();
        let policy = op.planned.text("policy_arn").unwrap_or_default();
        let again = |error: &ProviderError| iam::unsettled(error) || not_yet(error);
        // Attaching twice is the same as attaching once.
        op.retry(minutes(2), again, || async {
            let call = op.cx.iam().attach_role_policy().role_name(&role).policy_arn(&policy);
            call.send().await.op("AttachRolePolicy")
        })
        .await?;
        op.exists([("id", format!("{role}/{policy}").into())]);
        Ok(())
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.prior.id();
        let (role, policy) = split(&id)?;
        op.retry(minutes(2), iam::hung, || async {
            let call = op.cx.iam().detach_role_policy().role_name(role).policy_arn(policy);
            call.send().await.op("DetachRolePolicy")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, _token: &str) -> Result<Option<Value>, ProviderError> {
        let role = planned.text("role").unwrap_or_default();
        let policy = planned.text("policy_arn").unwrap_or_default();
        let attached = crate::error::or_gone(is_attached(cx, &role, &policy).await)?;
        let id = format!("{role}/{policy}");
        Ok((attached == Some(true)).then(|| Value::object([("id", id.into())])))
    }
}

async fn is_attached(cx: &Cx<'_>, role: &str, policy: &str) -> Result<bool, ProviderError> {
    let call = cx.iam().list_attached_role_policies().role_name(role);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.op("ListAttachedRolePolicies")?;
        if page.attached_policies().iter().any(|p| p.policy_arn() == Some(policy)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn split(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once('/').ok_or_else(|| {
        ProviderError::new(ErrorKind::Invalid, format!("`{id}` does not name a role and a policy"))
            .help("the id has the form `ROLE/POLICY_ARN`")
    })
}
