//! A provider that is only schemas: what messages about real configurations look like.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_providers::schema::Validator;
use infra_providers::{
    Attribute, Block, ErrorKind, NestedBlock, Provider, ProviderError, Schema, Session, SessionOptions,
};
use infra_types::{Type, Value};

/// A provider called `aws` with a few of its types. It cannot be connected.
pub struct SchemaProvider {
    config: Schema,
    resources: BTreeMap<&'static str, Schema>,
    data_sources: BTreeMap<&'static str, Schema>,
}

impl SchemaProvider {
    /// Creates the provider.
    pub fn new() -> Self {
        let resources = [
            ("aws_vpc", vpc()),
            ("aws_subnet", subnet()),
            ("aws_security_group", security_group()),
            ("aws_db_instance", database()),
        ];
        let data_sources = [("aws_region", region()), ("aws_ami", ami())];
        SchemaProvider {
            config: config(),
            resources: resources.into(),
            data_sources: data_sources.into(),
        }
    }
}

impl Default for SchemaProvider {
    fn default() -> Self {
        Self::new()
    }
}

fn text() -> Type {
    Type::String
}

fn texts() -> Type {
    Type::list(Type::String)
}

fn id() -> Attribute {
    Attribute::computed(text())
}

fn tags() -> Attribute {
    Attribute::optional(Type::map(text()))
}

fn config() -> Schema {
    let default_tags = Block::new("Tags of all resources.").attr("tags", tags());
    Schema::new(
        Block::new("How to reach the cloud.")
            .attr("region", Attribute::optional(text()))
            .attr("sandbox", Attribute::optional(Type::Bool))
            .block("default_tags", NestedBlock::single(default_tags)),
    )
}

fn vpc() -> Schema {
    Schema::new(
        Block::new("A network.")
            .attr("arn", id())
            .attr("cidr_block", Attribute::required(text()).force_new())
            .attr("enable_dns_support", Attribute::optional(Type::Bool))
            .attr("id", id())
            .attr(
                "instance_tenancy",
                Attribute::optional(text()).check(Validator::OneOf(&["default", "dedicated"])),
            )
            .attr("tags", tags()),
    )
}

fn subnet() -> Schema {
    Schema::new(
        Block::new("A part of a network.")
            .attr("cidr_block", Attribute::required(text()).force_new())
            .attr("id", id())
            .attr("tags", tags())
            .attr("vpc_id", Attribute::required(text()).force_new()),
    )
}

fn rule() -> Block {
    Block::new("What is let through.")
        .attr("cidr_blocks", Attribute::optional(texts()))
        .attr("description", Attribute::optional(text()))
        .attr("from_port", Attribute::required(Type::Number))
        .attr("protocol", Attribute::required(text()))
        .attr("to_port", Attribute::required(Type::Number))
}

fn security_group() -> Schema {
    Schema::new(
        Block::new("A firewall.")
            .attr("id", id())
            .attr("name", Attribute::optional_computed(text()).force_new())
            .attr("vpc_id", Attribute::optional(text()).force_new())
            .block("egress", NestedBlock::set(rule()))
            .block("ingress", NestedBlock::set(rule())),
    )
}

fn database() -> Schema {
    let timeouts = Block::new("How long to wait.").attr("create", Attribute::optional(text()));
    Schema::new(
        Block::new("A database.")
            .attr(
                "allocated_storage",
                Attribute::optional(Type::Number).check(Validator::Range(20, 65536)),
            )
            .attr("endpoint", id())
            .attr(
                "engine",
                Attribute::required(text()).check(Validator::OneOf(&["postgres", "mysql", "mariadb"])),
            )
            .attr("id", id())
            .attr("identifier", Attribute::required(text()))
            .attr(
                "name",
                Attribute::optional(text()).deprecated("use `identifier`, which means the same"),
            )
            .attr("password", Attribute::optional(text()).sensitive())
            .block("timeouts", NestedBlock::single(timeouts)),
    )
    .data_bearing()
}

fn region() -> Schema {
    Schema::new(Block::new("Where we are.").attr("name", id()))
}

fn ami() -> Schema {
    let filter = Block::new("What to look for.")
        .attr("name", Attribute::required(text()))
        .attr("values", Attribute::required(texts()));
    Schema::new(
        Block::new("A machine image.")
            .attr("id", id())
            .attr("owners", Attribute::required(texts()))
            .block("filter", NestedBlock::set(filter).required()),
    )
}

#[async_trait::async_trait]
impl Provider for SchemaProvider {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn config_schema(&self) -> &Schema {
        &self.config
    }

    fn resource_types(&self) -> Vec<&'static str> {
        self.resources.keys().copied().collect()
    }

    fn data_sources(&self) -> Vec<&'static str> {
        self.data_sources.keys().copied().collect()
    }

    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        self.resources.get(ty)
    }

    fn data_source_schema(&self, ty: &str) -> Option<&Schema> {
        self.data_sources.get(ty)
    }

    async fn configure(&self, _: &Value, _: &SessionOptions) -> Result<Arc<dyn Session>, ProviderError> {
        Err(ProviderError::new(
            ErrorKind::Unsupported,
            "this provider is only schemas",
        ))
    }
}
