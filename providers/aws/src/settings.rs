//! What the `provider "aws"` block may contain, and what it says.

use std::collections::BTreeMap;

use infra_providers::{Attribute, Block, NestedBlock, Schema, Validator};
use infra_types::{Type, Value};

use crate::tags::Tags;
use crate::value::Fields;

/// The services whose endpoint can be set, by Terraform's names.
const SERVICES: [&str; 8] = ["ec2", "ecs", "elbv2", "iam", "logs", "rds", "secretsmanager", "sts"];

/// The settings of a provider block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The region.
    pub(crate) region: Option<String>,
    /// The profile of the shared configuration files.
    pub(crate) profile: Option<String>,
    /// A fixed access key id.
    pub(crate) access_key: Option<String>,
    /// Its secret.
    pub(crate) secret_key: Option<String>,
    /// Its session token.
    pub(crate) token: Option<String>,
    /// One endpoint for all services.
    pub(crate) endpoint: Option<String>,
    /// Endpoints by service.
    pub(crate) endpoints: BTreeMap<String, String>,
    /// Tags of everything.
    pub(crate) default_tags: Tags,
    /// Whether to use the local simulator.
    pub(crate) sandbox: bool,
    /// How often the SDK tries.
    pub(crate) max_attempts: u32,
    /// The only accounts that may be touched, if any are named.
    pub(crate) allowed_accounts: Vec<String>,
    /// Accounts that must not be touched.
    pub(crate) forbidden_accounts: Vec<String>,
    /// A role to work as.
    pub(crate) assume_role: Option<AssumeRole>,
}

/// A role to work as.
#[derive(Clone, Debug)]
pub(crate) struct AssumeRole {
    /// Its ARN.
    pub(crate) role_arn: String,
    /// The name of the session.
    pub(crate) session_name: Option<String>,
    /// The id that the role's owner asks for.
    pub(crate) external_id: Option<String>,
    /// A policy that narrows the session.
    pub(crate) policy: Option<String>,
}

/// Returns the schema of the provider block.
pub(crate) fn schema() -> Schema {
    let text = || Attribute::optional(Type::String);
    let accounts = || Attribute::optional(Type::set(Type::String));
    let endpoints = SERVICES
        .iter()
        .fold(Block::new("Endpoints by service."), |b, name| b.attr(name, text()));
    let tags = Attribute::optional(Type::map(Type::String)).doc("Tags of every object; an object's own tags win.");
    Schema::new(
        Block::new("Amazon Web Services.")
            .attr(
                "region",
                text().doc("The region; otherwise AWS_REGION, or the profile's."),
            )
            .attr("profile", text().doc("A profile of the shared configuration files."))
            .attr("access_key", text().doc("A fixed access key id."))
            .attr("secret_key", text().sensitive().doc("The secret of `access_key`."))
            .attr("token", text().sensitive().doc("The session token of `access_key`."))
            .attr(
                "endpoint",
                text().doc("One endpoint for all services; otherwise AWS_ENDPOINT_URL."),
            )
            .attr(
                "sandbox",
                Attribute::optional(Type::Bool).doc("Works in the local AWS simulator, started when needed."),
            )
            .attr(
                "max_retries",
                Attribute::optional(Type::Number)
                    .check(Validator::Range(0, 100))
                    .doc("How often a request is tried again, besides the waits for things to settle."),
            )
            .attr(
                "allowed_account_ids",
                accounts().doc("The only accounts this configuration may touch."),
            )
            .attr(
                "forbidden_account_ids",
                accounts().doc("Accounts this configuration must not touch."),
            )
            .block(
                "default_tags",
                NestedBlock::list(Block::new("").attr("tags", tags)).at_most(1),
            )
            .block("endpoints", NestedBlock::list(endpoints).at_most(1))
            .block(
                "assume_role",
                NestedBlock::list(
                    Block::new("A role to work as.")
                        .attr("role_arn", Attribute::required(Type::String).doc("The role's ARN."))
                        .attr("session_name", text().doc("The name of the session."))
                        .attr("external_id", text().doc("The id that the role's owner asks for."))
                        .attr("policy", text().doc("A policy that narrows what the session may do.")),
                )
                .at_most(1),
            ),
    )
}

impl Settings {
    /// Reads a provider block.
    pub(crate) fn of(config: &Value) -> Self {
        let endpoints = config.block("endpoints");
        let endpoints = SERVICES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), endpoints?.text(name)?)));
        Self {
            region: config.text("region"),
            profile: config.text("profile"),
            access_key: config.text("access_key"),
            secret_key: config.text("secret_key"),
            token: config.text("token"),
            endpoint: config.text("endpoint"),
            endpoints: endpoints.collect(),
            default_tags: config.block("default_tags").map(|b| b.map("tags")).unwrap_or_default(),
            sandbox: config.flag("sandbox").unwrap_or(false),
            max_attempts: config
                .int("max_retries")
                .and_then(|n| u32::try_from(n).ok())
                .map_or(3, |n| n + 1),
            allowed_accounts: config.texts("allowed_account_ids"),
            forbidden_accounts: config.texts("forbidden_account_ids"),
            assume_role: config.block("assume_role").and_then(|b| {
                Some(AssumeRole {
                    role_arn: b.text("role_arn")?,
                    session_name: b.text("session_name"),
                    external_id: b.text("external_id"),
                    policy: b.text("policy"),
                })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read() {
        let config = Value::object([
            ("region", "eu-west-1".into()),
            ("max_retries", 1.into()),
            (
                "default_tags",
                Value::tuple(vec![Value::object([(
                    "tags",
                    Value::object([("team", "core".into())]),
                )])]),
            ),
            (
                "endpoints",
                Value::tuple(vec![Value::object([("ec2", "http://localhost:1".into())])]),
            ),
        ]);
        let settings = Settings::of(&config);
        assert_eq!(settings.max_attempts, 2);
        assert_eq!(settings.default_tags["team"], "core");
        assert_eq!(settings.endpoints["ec2"], "http://localhost:1");
        assert!(!settings.sandbox);
    }
}
