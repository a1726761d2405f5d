//! `moved`, `removed` and `import` blocks.

use infra_syntax::Diagnostic;
use infra_syntax::ast::{Attribute, Block};
use infra_types::address::Target;
use infra_types::{InstanceKey, Mode};

use super::fields::{Form, at_most_one, missing_argument, placeholder};
use super::{Decoder, address, constant, provider};
use crate::config::model::{Import, Moved, Removed};

impl Decoder<'_> {
    pub(super) fn moved(&mut self, block: Block) {
        self.labels(&block, &[]);
        Form {
            what: "a `moved` block",
            arguments: &["from", "to"],
            blocks: &[],
        }
        .check(&block.body, self.out);
        let from = self.address_argument(&block, "a `moved` block", "from");
        let to = self.address_argument(&block, "a `moved` block", "to");
        let (Some((from, from_at)), Some((to, to_at))) = (from, to) else {
            return;
        };
        let same_kind = matches!(
            (&from, &to),
            (Target::Module(_), Target::Module(_)) | (Target::Resource(_), Target::Resource(_))
        );
        if !same_kind {
            self.out.push(
                Diagnostic::error(
                    "infra::config::invalid_move",
                    "a module moves to a module, and a resource to a resource",
                )
                .at(to_at.expr.span, "not of the same kind")
                .related(from_at.expr.span, "what moves"),
            );
            return;
        }
        if from == to {
            self.out.push(
                Diagnostic::error("infra::config::invalid_move", "`from` and `to` are the same address")
                    .at(to_at.expr.span, "the same as `from`")
                    .help("remove the block"),
            );
            return;
        }
        for (target, at) in [(&from, &from_at), (&to, &to_at)] {
            if is_data(target) {
                self.out.push(
                    Diagnostic::error("infra::config::invalid_move", "data sources do not move")
                        .at(at.expr.span, "a data source")
                        .help("a data source is read anew under its new name; remove the block"),
                );
                return;
            }
        }
        self.folder.module.moved.push(Moved {
            from,
            to,
            from_span: from_at.expr.span,
            to_span: to_at.expr.span,
            span: block.header,
        });
    }

    pub(super) fn removed(&mut self, block: Block) {
        self.labels(&block, &[]);
        Form {
            what: "a `removed` block",
            arguments: &["from"],
            blocks: &["lifecycle"],
        }
        .check(&block.body, self.out);
        let Some((from, at)) = self.address_argument(&block, "a `removed` block", "from") else {
            return;
        };
        let mut destroy = true;
        let lifecycles = block
            .body
            .blocks
            .into_iter()
            .filter(|b| &*b.kind.name == "lifecycle")
            .collect();
        if let Some(lifecycle) = at_most_one(lifecycles, self.out) {
            Form {
                what: "the `lifecycle` block of a `removed` block",
                arguments: &["destroy"],
                blocks: &[],
            }
            .check(&lifecycle.body, self.out);
            if let Some(attribute) = lifecycle.body.attribute("destroy") {
                destroy = constant::flag(attribute, self.out).unwrap_or(true);
            }
        }
        if has_keys(&from) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::invalid_removal",
                    "`removed` is about a whole resource or module, not about one instance",
                )
                .at(at.expr.span, "an instance")
                .help("remove the key; for a single instance use `infra state rm`"),
            );
            return;
        }
        if is_data(&from) {
            self.out.push(
                Diagnostic::error("infra::config::invalid_removal", "data sources have nothing to remove")
                    .at(at.expr.span, "a data source")
                    .help("remove the block"),
            );
            return;
        }
        self.folder.module.removed.push(Removed {
            from,
            destroy,
            from_span: at.expr.span,
            span: block.header,
        });
    }

    pub(super) fn import(&mut self, block: Block) {
        self.labels(&block, &[]);
        Form {
            what: "an `import` block",
            arguments: &["to", "id", "for_each", "provider"],
            blocks: &[],
        }
        .check(&block.body, self.out);
        self.folder.root_only.push(("import", block.header));
        let (mut to, mut id, mut for_each, mut key) = (None, None, None, None);
        for attribute in block.body.attributes {
            match &*attribute.name.name {
                "to" => to = Some(attribute.expr),
                "id" => id = Some(attribute.expr),
                "for_each" => for_each = Some(attribute.expr),
                "provider" => key = provider::provider_key(&attribute.expr, self.out),
                _ => {}
            }
        }
        for (name, missing) in [("to", to.is_none()), ("id", id.is_none())] {
            if missing {
                self.out.push(missing_argument("an `import` block", name, block.header));
            }
        }
        if let Some(to) = to {
            self.folder.module.imports.push(Import {
                to,
                id: id.unwrap_or_else(|| placeholder(block.header)),
                for_each,
                provider: key,
                span: block.header,
            });
        }
    }

    /// Reads an argument that is an address.
    fn address_argument(&mut self, block: &Block, what: &str, name: &str) -> Option<(Target, Attribute)> {
        let Some(attribute) = block.body.attribute(name) else {
            self.out.push(missing_argument(what, name, block.header));
            return None;
        };
        match address::target(&attribute.expr) {
            Ok(target) => Some((target, attribute.clone())),
            Err(d) => {
                self.out.push(d);
                None
            }
        }
    }
}

fn is_data(target: &Target) -> bool {
    matches!(target, Target::Resource(r) if r.resource.mode == Mode::Data)
}

fn has_keys(target: &Target) -> bool {
    let module = match target {
        Target::Module(module) => module,
        Target::Resource(instance) => {
            if instance.key != InstanceKey::None {
                return true;
            }
            &instance.resource.module
        }
    };
    module.0.iter().any(|(_, key)| *key != InstanceKey::None)
}
