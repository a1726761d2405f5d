//! `resource` and `data` blocks.

use std::sync::Arc;

use infra_syntax::Diagnostic;
use infra_syntax::ast::{Attribute, Block};
use infra_types::{Mode, ModulePath, ResourcePath};

use super::repetition::repetition;
use super::{Decoder, fields, lifecycle, provider, references};
use crate::config::model::{Lifecycle, ProviderKey, Resource, ResourceKey};

/// The meta-arguments of one block, as found.
#[derive(Default)]
struct Meta {
    count: Option<Attribute>,
    for_each: Option<Attribute>,
    enabled: Option<Attribute>,
    depends_on: Option<Attribute>,
    provider: Option<Attribute>,
    lifecycle: Vec<Block>,
}

impl Decoder<'_> {
    pub(super) fn resource(&mut self, block: Block) {
        if let Some(resource) = self.decode_resource(block, Mode::Managed) {
            self.add_resource(resource);
        }
    }

    pub(super) fn data(&mut self, block: Block) {
        if let Some(resource) = self.decode_resource(block, Mode::Data) {
            self.add_resource(resource);
        }
    }

    fn add_resource(&mut self, resource: Resource) {
        if self.is_new_resource(&resource) {
            self.folder.module.resources.insert(resource.key.clone(), resource);
        }
    }

    /// Notes a resource; reports it and says no if there was one of that name.
    pub(super) fn is_new_resource(&mut self, resource: &Resource) -> bool {
        let what = match resource.key.mode {
            Mode::Managed => "resource",
            Mode::Data => "data source",
        };
        self.is_new(format!("{what} `{}`", resource.key), resource.span)
    }

    /// Reads a `resource` or `data` block.
    pub(super) fn decode_resource(&mut self, mut block: Block, mode: Mode) -> Option<Resource> {
        if !self.labels(&block, &["type", "name"]) {
            return None;
        }
        let (ty, name) = (block.labels[0].clone(), block.labels[1].clone());
        let what = match mode {
            Mode::Managed => "resource",
            Mode::Data => "data source",
        };
        let valid = self.valid_name(&ty, "type") & self.valid_name(&name, what);
        if !valid {
            self.lose(std::slice::from_ref(&name));
        }
        let has_own_enabled = self
            .registry
            .schema(mode, &ty.name)
            .is_some_and(|s| s.block.attributes.contains_key("enabled"));
        let meta = self.take_meta(&mut block, has_own_enabled);
        let header = block.header;
        let lifecycle = self.lifecycle(meta.lifecycle, mode);
        let default_provider = || ProviderKey {
            name: self
                .registry
                .provider_of(&ty.name)
                .map_or_else(|| ty.name.split('_').next().unwrap_or_default(), |p| p.name())
                .into(),
            alias: None,
        };
        let provider_span = meta.provider.as_ref().map(|a| a.expr.span);
        let provider = meta
            .provider
            .and_then(|a| provider::provider_key(&a.expr, self.out))
            .unwrap_or_else(default_provider);
        let resource = Resource {
            key: ResourceKey {
                mode,
                ty: ty.name.clone(),
                name: name.name.clone(),
            },
            ty_span: ty.span,
            path: ResourcePath {
                module: ModulePath::root(),
                mode,
                ty: ty.name,
                name: name.name,
            },
            body: Arc::new(block.body),
            repetition: repetition(meta.count, meta.for_each, self.out),
            enabled: meta.enabled.map(|a| a.expr),
            depends_on: meta
                .depends_on
                .map(|a| references::depends_on(&a.expr, self.out))
                .unwrap_or_default(),
            provider,
            provider_span,
            lifecycle,
            span: header,
        };
        valid.then_some(resource)
    }

    /// Takes the meta-arguments out of a block.
    fn take_meta(&mut self, block: &mut Block, has_own_enabled: bool) -> Meta {
        let mut meta = Meta::default();
        let mut arguments = Vec::with_capacity(block.body.attributes.len());
        for attribute in std::mem::take(&mut block.body.attributes) {
            match &*attribute.name.name {
                "count" => meta.count = Some(attribute),
                "for_each" => meta.for_each = Some(attribute),
                "depends_on" => meta.depends_on = Some(attribute),
                "provider" => meta.provider = Some(attribute),
                "enabled" if !has_own_enabled => meta.enabled = Some(attribute),
                _ => arguments.push(attribute),
            }
        }
        block.body.attributes = arguments;
        if block.body.blocks.is_empty() {
            return meta;
        }
        let mut blocks = Vec::with_capacity(block.body.blocks.len());
        for nested in std::mem::take(&mut block.body.blocks) {
            match &*nested.kind.name {
                "lifecycle" => meta.lifecycle.push(nested),
                "provisioner" | "connection" => self.out.push(no_provisioners(&nested)),
                _ => blocks.push(nested),
            }
        }
        block.body.blocks = blocks;
        meta
    }

    fn lifecycle(&mut self, blocks: Vec<Block>, mode: Mode) -> Arc<Lifecycle> {
        match fields::at_most_one(blocks, self.out) {
            Some(block) => Arc::new(lifecycle::lifecycle(block, mode, self.out)),
            None => Arc::clone(&self.no_lifecycle),
        }
    }
}

fn no_provisioners(block: &Block) -> Diagnostic {
    Diagnostic::error(
        "infra::config::unsupported_block",
        format!("`{}` blocks are not supported", block.kind.name),
    )
    .at(block.header, "not supported")
    .help("do the work in an image or in user data; nothing is run on machines from here")
}
