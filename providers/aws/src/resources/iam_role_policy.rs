//! `aws_iam_role_policy`: a policy that is part of a role.

use async_trait::async_trait;
use infra_providers::{Attribute, Block, ErrorKind, ProviderError, ReadRequest, Schema, Validator};
use infra_types::{Type, Value};

use super::iam;
use crate::batch::each;
use crate::error::{Call, or_gone};
use crate::names;
use crate::policy::{check_json, same_policy, url_decode};
use crate::resource::{Answers, Cx, Op, Plan, Resource};
use crate::retry::not_yet;
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_iam_role_policy`.
pub(crate) struct IamRolePolicy;

const NAME: usize = 128;

#[async_trait]
impl Resource for IamRolePolicy {
    fn schema(&self) -> Schema {
        let block = Block::new("A policy that is part of a role.")
            .attr(
                "role",
                Attribute::required(Type::String).force_new().doc("The role's name."),
            )
            .attr(
                "name",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::Length(1, NAME)),
            )
            .attr("name_prefix", Attribute::optional_computed(Type::String).force_new())
            .attr(
                "policy",
                Attribute::required(Type::String)
                    .equal(same_policy)
                    .check(Validator::Custom(check_json)),
            );
        Schema::new(block).unique(&["role", "name"])
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
            let id = prior.id();
            let (role, name) = split(&id)?;
            let call = cx.iam().get_role_policy().role_name(role).policy_name(name);
            let Some(found) = or_gone(call.send().await.op("GetRolePolicy"))? else {
                return Ok(None);
            };
            let mut state = cx.state(prior);
            state
                .name(found.policy_name())
                .set("id", id.as_str())
                .set("role", found.role_name())
                .set("policy", url_decode(found.policy_document()));
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let role = op.planned.text("role").unwrap_or_default();
        let name = names::resolve_as(op.planned, op.token, "name", "name_prefix", NAME);
        // PutRolePolicy overwrites; only what is written here may be overwritten.
        if op.planned.is_set("name") {
            let call = op.cx.iam().get_role_policy().role_name(&role).policy_name(&name);
            if let Some(found) = or_gone(call.send().await.op("GetRolePolicy"))? {
                let document = url_decode(found.policy_document());
                let planned = op.planned.text("policy").unwrap_or_default();
                if !crate::policy::equivalent(&document, &planned) {
                    return Err(super::named::taken(&format!("a policy of role `{role}`"), &name));
                }
            }
        }
        put(op, &role, &name).await?;
        op.exists([("id", format!("{role}:{name}").into()), ("name", name.into())]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.prior.id();
        let (role, name) = split(&id)?;
        put(op, role, name).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.prior.id();
        let (role, name) = split(&id)?;
        op.retry(minutes(2), iam::hung, || async {
            let call = op.cx.iam().delete_role_policy().role_name(role).policy_name(name);
            call.send().await.op("DeleteRolePolicy")
        })
        .await
        .map(|_| ())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        // Only an equal policy can be this create's; writing it again would do no harm either.
        let role = planned.text("role").unwrap_or_default();
        let name = names::resolve_as(planned, token, "name", "name_prefix", NAME);
        let call = cx.iam().get_role_policy().role_name(&role).policy_name(&name);
        let found = or_gone(call.send().await.op("GetRolePolicy"))?;
        let policy = planned.text("policy").unwrap_or_default();
        let same = found.is_some_and(|f| crate::policy::equivalent(&url_decode(f.policy_document()), &policy));
        Ok(same.then(|| Value::object([("id", format!("{role}:{name}").into())])))
    }
}

async fn put(op: &Op<'_>, role: &str, name: &str) -> Result<(), ProviderError> {
    let document = op.planned.text("policy").unwrap_or_default();
    let again = |error: &ProviderError| iam::unsettled(error) || not_yet(error);
    op.retry(minutes(2), again, || async {
        let call = op.cx.iam().put_role_policy().role_name(role).policy_name(name);
        call.policy_document(&document).send().await.op("PutRolePolicy")
    })
    .await
    .map(|_| ())
}

fn split(id: &str) -> Result<(&str, &str), ProviderError> {
    id.split_once(':').ok_or_else(|| {
        ProviderError::new(ErrorKind::Invalid, format!("`{id}` does not name a role and a policy"))
            .help("the id has the form `ROLE:POLICY`")
    })
}
