//! `output` blocks.

use infra_syntax::ast::Block;

use super::fields::{Form, missing_argument};
use super::{Decoder, condition, constant, references};
use crate::config::model::Output;

const FORM: Form<'static> = Form {
    what: "an `output` block",
    arguments: &["value", "description", "sensitive", "ephemeral", "depends_on"],
    blocks: &["precondition"],
};

impl Decoder<'_> {
    pub(super) fn output(&mut self, block: Block) {
        if !self.labels(&block, &["name"]) {
            return;
        }
        let name = block.labels[0].clone();
        let valid = self.valid_name(&name, "output");
        FORM.check(&block.body, self.out);
        let mut value = None;
        let mut output = Output {
            name: name.clone(),
            value: super::fields::placeholder(block.header),
            description: None,
            sensitive: false,
            ephemeral: false,
            depends_on: Vec::new(),
            preconditions: Vec::new(),
            span: block.header,
        };
        for attribute in block.body.attributes {
            match &*attribute.name.name {
                "value" => value = Some(attribute.expr),
                "description" => output.description = constant::text(&attribute, self.out),
                "sensitive" => output.sensitive = constant::flag(&attribute, self.out).unwrap_or(true),
                "ephemeral" => output.ephemeral = constant::flag(&attribute, self.out).unwrap_or(true),
                "depends_on" => output.depends_on = references::depends_on(&attribute.expr, self.out),
                _ => {}
            }
        }
        for nested in block.body.blocks {
            if &*nested.kind.name == "precondition" {
                output.preconditions.push(condition::condition(nested, self.out));
            }
        }
        let is_new = valid && self.is_new(format!("output `{}`", name.name), name.span);
        let Some(value) = value else {
            self.out
                .push(missing_argument("an `output` block", "value", block.header));
            self.lose(&[name]);
            return;
        };
        output.value = value;
        if is_new {
            self.folder.module.outputs.insert(name.name, output);
        }
    }
}
