//! `provider` blocks, and references to them.

use infra_syntax::ast::{Attribute, Block, Expr, ExprKind};
use infra_syntax::{Diagnostic, Diagnostics};
use infra_types::Str;

use super::{Decoder, constant};
use crate::config::model::{ProviderBlock, ProviderKey};
use crate::config::references::as_traversal;

impl Decoder<'_> {
    pub(super) fn provider(&mut self, block: Block) {
        if !self.labels(&block, &["name"]) {
            return;
        }
        let name = &block.labels[0];
        let mut key = ProviderKey {
            name: name.name.clone(),
            alias: None,
        };
        let mut body = block.body;
        let mut arguments = Vec::with_capacity(body.attributes.len());
        for attribute in body.attributes {
            match &*attribute.name.name {
                "alias" => key.alias = constant::text(&attribute, self.out).map(Str::from),
                "version" => self.out.push(ignored_version(&attribute)),
                _ => arguments.push(attribute),
            }
        }
        body.attributes = arguments;
        if self.is_new(format!("provider `{key}`"), block.header) {
            self.folder.module.providers.insert(
                key.clone(),
                ProviderBlock {
                    key,
                    body,
                    span: block.header,
                },
            );
        }
    }
}

fn ignored_version(attribute: &Attribute) -> Diagnostic {
    Diagnostic::warning(
        "infra::config::ignored",
        "`version` of a provider has no effect: providers are built in",
    )
    .at(attribute.span(), "ignored")
    .help("remove it")
}

/// Reads a reference to a provider configuration, such as `aws` or `aws.west`.
pub(super) fn provider_key(expr: &Expr, out: &mut Diagnostics) -> Option<ProviderKey> {
    let key = match &expr.kind {
        // The quoted form of old configurations.
        ExprKind::String(text) => {
            let (name, alias) = match text.split_once('.') {
                Some((name, alias)) => (name, Some(alias)),
                None => (&**text, None),
            };
            let names_only = crate::config::names::is_valid(name) && alias.is_none_or(crate::config::names::is_valid);
            names_only.then(|| ProviderKey {
                name: name.into(),
                alias: alias.map(Str::from),
            })
        }
        _ => as_traversal(expr).and_then(|t| {
            let alias = match t.steps.len() {
                0 => None,
                1 => Some(t.name(0)?.name.clone()),
                _ => return None,
            };
            Some(ProviderKey {
                name: t.root.name.clone(),
                alias,
            })
        }),
    };
    if key.is_none() {
        out.push(
            Diagnostic::error(
                "infra::config::invalid_provider_reference",
                "a provider is named by its name, or its name and alias",
            )
            .at(expr.span, "not such a reference")
            .help("write `provider = aws` or `provider = aws.west`"),
        );
    }
    key
}
