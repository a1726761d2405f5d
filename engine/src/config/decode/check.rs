//! `check` blocks.

use infra_syntax::Diagnostic;
use infra_syntax::ast::Block;
use infra_types::Mode;

use super::fields::at_most_one;
use super::{Decoder, condition};
use crate::config::model::Check;
use crate::config::names;

impl Decoder<'_> {
    pub(super) fn check(&mut self, block: Block) {
        if !self.labels(&block, &["name"]) {
            return;
        }
        let name = block.labels[0].clone();
        let valid = self.valid_name(&name, "check");
        for attribute in &block.body.attributes {
            self.out.push(
                Diagnostic::error(
                    "infra::config::unknown_argument",
                    format!("a `check` block has no argument `{}`", attribute.name.name),
                )
                .at(attribute.name.span, "not known here")
                .help("a `check` block holds `assert` blocks and at most one `data` block"),
            );
        }
        let mut check = Check {
            name: name.clone(),
            asserts: Vec::new(),
            data: None,
            span: block.header,
        };
        let mut data = Vec::new();
        let mut asserts = 0;
        for nested in block.body.blocks {
            match &*nested.kind.name {
                "assert" => {
                    asserts += 1;
                    check.asserts.push(condition::condition(nested, self.out));
                }
                "data" => data.push(nested),
                kind => self.out.push(
                    Diagnostic::error(
                        "infra::config::unknown_block",
                        format!("a `check` block has no block `{kind}`"),
                    )
                    .at(nested.header, "not known here")
                    .help(names::advice(kind, ["assert", "data"], "its blocks are", "")),
                ),
            }
        }
        if asserts == 0 {
            self.out.push(
                Diagnostic::error(
                    "infra::config::missing_block",
                    format!("the check `{}` asserts nothing", name.name),
                )
                .at(block.header, "no `assert` block")
                .help("add `assert { condition = … error_message = \"…\" }`"),
            );
        }
        if let Some(data) = at_most_one(data, self.out) {
            check.data = self
                .decode_resource(data, Mode::Data)
                .filter(|data| self.is_new_resource(data));
        }
        if valid && self.is_new(format!("check `{}`", name.name), name.span) {
            self.folder.module.checks.insert(name.name, check);
        }
    }
}
