//! `aws_secretsmanager_secret_version`: a value of a secret.

use async_trait::async_trait;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_smithy_types::base64;
use infra_providers::{Attribute, Block, ErrorKind, Problem, ProviderError, ReadRequest, Schema};
use infra_types::{Path, Type, Value};

use super::named;
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::retry::not_yet;
use crate::value::Fields;
use crate::wait::minutes;

/// The type `aws_secretsmanager_secret_version`.
pub(crate) struct SecretsmanagerSecretVersion;

const CURRENT: &str = "AWSCURRENT";

#[async_trait]
impl Resource for SecretsmanagerSecretVersion {
    fn schema(&self) -> Schema {
        let value = || Attribute::optional(Type::String).force_new().sensitive();
        let block = Block::new("A value of a secret.")
            .attr("arn", Attribute::computed(Type::String))
            .attr("version_id", Attribute::computed(Type::String))
            .attr(
                "secret_id",
                Attribute::required(Type::String)
                    .force_new()
                    .doc("The secret's ARN or name."),
            )
            .attr("secret_string", value().doc("The value as text."))
            .attr("secret_binary", value().doc("The value as bytes in base64."))
            .attr(
                "version_stages",
                Attribute::optional_computed(Type::set(Type::String)).doc("Labels of the version."),
            );
        Schema::new(block).create_before_destroy()
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        match (config.is_set("secret_string"), config.is_set("secret_binary")) {
            (true, true) => vec![Problem::new(
                Path::attr("secret_binary"),
                "`secret_string` and `secret_binary` exclude each other",
            )],
            (false, false) => vec![Problem::new(
                Path::attr("secret_string"),
                "a version needs `secret_string` or `secret_binary`",
            )],
            _ => Vec::new(),
        }
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        // A newer version takes AWSCURRENT away: that is no change to make here.
        if plan.prior.is_some() && !plan.config.is_set("version_stages") {
            plan.keep("version_stages");
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let id = prior.id();
            let (secret, version) = split(&id)?;
            let call = cx.secrets().get_secret_value().secret_id(secret).version_id(version);
            let found = match call.send().await.op("GetSecretValue") {
                // The secret, or the version, is marked as deleted.
                Err(error) if has_code(&error, &["InvalidRequestException"]) => return Ok(None),
                other => or_gone(other)?,
            };
            let Some(found) = found else { return Ok(None) };
            if found.version_stages().is_empty() {
                return Ok(None);
            }
            let mut state = cx.state(prior);
            state
                .set("id", id.as_str())
                .set("arn", found.arn())
                .set("version_id", version)
                .set("secret_string", found.secret_string())
                .set(
                    "secret_binary",
                    found.secret_binary().map(|b| base64::encode(b.as_ref())),
                )
                .set("version_stages", found.version_stages());
            if !prior.is_set("secret_id") {
                state.set("secret_id", secret);
            }
            Ok(Some(state.finish()))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let secret = op.planned.text("secret_id").unwrap_or_default();
        let binary = match op.planned.text("secret_binary") {
            Some(text) => Some(Blob::new(base64::decode(text).map_err(|_| {
                ProviderError::new(ErrorKind::Invalid, "`secret_binary` is not base64").at(Path::attr("secret_binary"))
            })?)),
            None => None,
        };
        let stages = op.planned.texts("version_stages");
        // The token is the version's id: asking twice makes one version.
        let answer = op
            .retry(minutes(1), not_yet, || async {
                let call = op.cx.secrets().put_secret_value().secret_id(&secret);
                call.client_request_token(named::client_token(op.token))
                    .set_secret_string(op.planned.text("secret_string"))
                    .set_secret_binary(binary.clone())
                    .set_version_stages((!stages.is_empty()).then(|| stages.clone()))
                    .send()
                    .await
                    .op("PutSecretValue")
            })
            .await?;
        let version = answer.version_id.expect_in("PutSecretValue", "version id")?;
        op.exists([
            ("id", format!("{secret}|{version}").into()),
            ("version_id", version.into()),
        ]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        if !op.changed("version_stages") {
            return Ok(());
        }
        let id = op.prior.id();
        let (secret, version) = split(&id)?;
        let (old, new) = (op.prior.texts("version_stages"), op.planned.texts("version_stages"));
        for stage in new.iter().filter(|s| !old.contains(s)) {
            move_stage(op, secret, stage, None, Some(version)).await?;
        }
        for stage in old.iter().filter(|s| !new.contains(s) && *s != CURRENT) {
            move_stage(op, secret, stage, Some(version), None).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let id = op.prior.id();
        let (secret, version) = split(&id)?;
        // The current version goes with the secret, or with the next version.
        for stage in op.prior.texts("version_stages") {
            if stage == CURRENT {
                continue;
            }
            match move_stage(op, secret, &stage, Some(version), None).await {
                Err(error) if has_code(&error, &["InvalidRequestException", "InvalidParameterException"]) => {}
                other => other?,
            }
        }
        Ok(())
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let secret = planned.text("secret_id").unwrap_or_default();
        let token = named::client_token(token);
        let call = cx.secrets().describe_secret().secret_id(&secret);
        let found = or_gone(call.send().await.op("DescribeSecret"))?;
        let made = found.is_some_and(|s| {
            let versions = s.version_ids_to_stages();
            versions.is_some_and(|v| v.contains_key(&token))
        });
        Ok(made.then(|| Value::object([("id", format!("{secret}|{token}").into())])))
    }
}

async fn move_stage(
    op: &Op<'_>,
    secret: &str,
    stage: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), ProviderError> {
    let mut from = from.map(str::to_owned);
    if to.is_some() {
        // A label is on one version at most; whoever has it must be named.
        let call = op.cx.secrets().describe_secret().secret_id(secret);
        let answer = call.send().await.op("DescribeSecret")?;
        let versions = answer.version_ids_to_stages.unwrap_or_default();
        let mut holders: Vec<String> = versions
            .into_iter()
            .filter(|(_, stages)| stages.iter().any(|s| s == stage))
            .map(|(version, _)| version)
            .collect();
        holders.sort();
        from = holders.into_iter().next();
    }
    let call = op.cx.secrets().update_secret_version_stage();
    call.secret_id(secret)
        .version_stage(stage)
        .set_remove_from_version_id(from)
        .set_move_to_version_id(to.map(str::to_owned))
        .send()
        .await
        .op("UpdateSecretVersionStage")
        .map(|_| ())
}

fn split(id: &str) -> Result<(&str, &str), ProviderError> {
    id.rsplit_once('|').ok_or_else(|| {
        ProviderError::new(
            ErrorKind::Invalid,
            format!("`{id}` does not name a secret and a version"),
        )
        .help("the id has the form `SECRET_ARN|VERSION_ID`")
    })
}
