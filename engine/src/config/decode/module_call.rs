//! `module` blocks.

use std::collections::BTreeMap;

use infra_syntax::ast::{Attribute, Block, Expr, ExprKind, ObjectKey};
use infra_syntax::{Diagnostic, Diagnostics};

use super::fields::missing_argument;
use super::repetition::repetition;
use super::{Decoder, constant, provider, references};
use crate::config::model::{ModuleCall, ModuleId, ProviderKey};

impl Decoder<'_> {
    pub(super) fn module_call(&mut self, block: Block) {
        if !self.labels(&block, &["name"]) {
            return;
        }
        let name = block.labels[0].clone();
        let valid = self.valid_name(&name, "module call");
        for nested in &block.body.blocks {
            self.out.push(no_blocks(nested));
        }
        let mut call = ModuleCall {
            name: name.clone(),
            child: ModuleId::ROOT,
            source_span: None,
            args: BTreeMap::new(),
            repetition: Default::default(),
            enabled: None,
            depends_on: Vec::new(),
            providers: BTreeMap::new(),
            span: block.header,
        };
        let (mut source, mut count, mut for_each) = (None, None, None);
        for attribute in block.body.attributes {
            match &*attribute.name.name {
                "source" => source = Some(attribute),
                "version" => self.out.push(no_version(&attribute)),
                "count" => count = Some(attribute),
                "for_each" => for_each = Some(attribute),
                "depends_on" => call.depends_on = references::depends_on(&attribute.expr, self.out),
                "providers" => call.providers = providers(&attribute.expr, self.out),
                // `enabled` becomes the meta-argument unless the module has a variable of that name.
                _ => {
                    call.args.insert(attribute.name.name.clone(), attribute);
                }
            }
        }
        call.repetition = repetition(count, for_each, self.out);
        let place = source.as_ref().map(|a| a.expr.span);
        call.source_span = place;
        match &source {
            Some(source) => {
                let text = constant::text(source, self.out);
                if let (Some(text), Some(place), true) = (text, place, valid) {
                    self.folder.sources.entry(name.name.clone()).or_insert((text, place));
                }
            }
            None => self.out.push(
                missing_argument("a `module` block", "source", block.header)
                    .help("add the folder of the module, such as `source = \"../../modules/network\"`"),
            ),
        }
        if valid && self.is_new(format!("module call `{}`", name.name), name.span) {
            self.folder.module.calls.insert(name.name, call);
        }
    }
}

fn no_version(attribute: &Attribute) -> Diagnostic {
    Diagnostic::error(
        "infra::config::unsupported_source",
        "`version` needs a module registry, and registries are not supported",
    )
    .at(attribute.name.span, "a local module has no version")
    .help("remove `version`; the module is the folder that `source` names")
}

fn no_blocks(block: &Block) -> Diagnostic {
    let kind = &block.kind.name;
    let d = Diagnostic::error(
        "infra::config::unknown_block",
        format!("a `module` block holds no blocks like `{kind}`"),
    )
    .at(block.header, "not known here");
    match &**kind {
        "providers" => d.help("`providers` is an argument: write `providers = { … }`"),
        "lifecycle" => d.help("write `lifecycle` into the resources of the module; its arguments may use variables"),
        _ => d.help(format!(
            "to give the module's variable `{kind}` a value, write `{kind} = {{ … }}`"
        )),
    }
}

/// Reads `providers = { aws = aws.west }`: the module's provider to ours.
fn providers(expr: &Expr, out: &mut Diagnostics) -> BTreeMap<ProviderKey, ProviderKey> {
    let mut map = BTreeMap::new();
    let ExprKind::Object(items) = &expr.kind else {
        out.push(
            Diagnostic::error(
                "infra::config::invalid_providers",
                "`providers` must say which provider of the module is which of this one",
            )
            .at(expr.span, "not an object")
            .help("write `providers = { aws = aws.west }`"),
        );
        return map;
    };
    for item in items {
        let theirs = match &item.key {
            ObjectKey::Name(name) => Some(ProviderKey {
                name: name.name.clone(),
                alias: None,
            }),
            ObjectKey::Expr(key) => provider::provider_key(key, out),
        };
        let ours = provider::provider_key(&item.value, out);
        if let (Some(theirs), Some(ours)) = (theirs, ours) {
            map.insert(theirs, ours);
        }
    }
    map
}
