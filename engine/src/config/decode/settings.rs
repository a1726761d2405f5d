//! The `infra` block, and what is understood of a `terraform` block.

use infra_syntax::Diagnostic;
use infra_syntax::ast::{Attribute, Block};

use super::fields::{Form, at_most_one};
use super::{Decoder, constant};
use crate::config::backend::STATE_KINDS;
use crate::config::model::StateSettings;
use crate::config::names;
use crate::config::version::{TERRAFORM_VERSION, satisfies};

impl Decoder<'_> {
    pub(super) fn infra(&mut self, mut block: Block) {
        self.labels(&block, &[]);
        if let Some(first) = self.infra_block {
            self.out.push(
                Diagnostic::error("infra::config::duplicate_block", "there is more than one `infra` block")
                    .at(block.header, "one too many")
                    .related(first, "the first is here")
                    .help("put all settings into one of them"),
            );
            self.folder.settings.unclear = true;
            return;
        }
        self.infra_block = Some(block.header);
        let states: Vec<Block> = block.body.blocks.extract_if(.., |b| &*b.kind.name == "state").collect();
        Form {
            what: "an `infra` block",
            arguments: &["required_version"],
            blocks: &["state"],
        }
        .check(&block.body, self.out);
        if let Some(attribute) = block.body.attribute("required_version") {
            self.required_version(attribute, "infra", env!("CARGO_PKG_VERSION"));
            if let Some(text) = attribute.expr.as_literal_string() {
                self.folder.settings.required_version = Some((text.to_string(), attribute.expr.span));
            }
        }
        self.folder.settings.unclear |= states.len() > 1;
        if let Some(state) = at_most_one(states, self.out) {
            self.state(state);
        }
    }

    fn state(&mut self, block: Block) {
        if !self.labels(&block, &["kind"]) {
            self.folder.settings.unclear = true;
            return;
        }
        let kind = block.labels[0].clone();
        if !STATE_KINDS.contains(&&*kind.name) {
            self.out.push(
                Diagnostic::error(
                    "infra::config::unknown_state_kind",
                    format!("there is no state storage of the kind `{}`", kind.name),
                )
                .at(kind.span, "not known")
                .help(names::advice(
                    &kind.name,
                    STATE_KINDS.iter().copied(),
                    "the kinds are",
                    "",
                )),
            );
            self.folder.settings.unclear = true;
            return;
        }
        self.folder.root_only.push(("state", block.header));
        self.folder.settings.state = Some(StateSettings {
            kind,
            body: block.body,
            span: block.header,
        });
    }

    /// Accepts what Terraform's users have in their configurations.
    pub(super) fn terraform(&mut self, mut block: Block) {
        self.labels(&block, &[]);
        let nested = std::mem::take(&mut block.body.blocks);
        Form {
            what: "a `terraform` block",
            arguments: &["required_version", "experiments", "language"],
            blocks: &[],
        }
        .check(&block.body, self.out);
        if let Some(attribute) = block.body.attribute("required_version") {
            self.required_version(attribute, "the language of Terraform", TERRAFORM_VERSION);
        }
        for nested in nested {
            match &*nested.kind.name {
                "required_providers" | "provider_meta" => {}
                kind @ ("backend" | "cloud") => self.out.push(
                    Diagnostic::warning(
                        "infra::config::ignored",
                        format!("the `{kind}` block has no effect: the state is kept where the `infra` block says"),
                    )
                    .at(nested.header, "ignored")
                    .help("write a block `state s3 { … }` in an `infra` block, or nothing for a local file"),
                ),
                kind => self.out.push(
                    Diagnostic::error(
                        "infra::config::unknown_block",
                        format!("a `terraform` block has no block `{kind}`"),
                    )
                    .at(nested.header, "not known here")
                    .help(names::advice(
                        kind,
                        ["required_providers", "backend", "cloud"],
                        "its blocks are",
                        "",
                    )),
                ),
            }
        }
    }

    fn required_version(&mut self, attribute: &Attribute, what: &str, version: &str) {
        let Some(text) = constant::text(attribute, self.out) else {
            return;
        };
        let span = attribute.expr.span;
        match satisfies(version, &text) {
            Ok(true) => {}
            Ok(false) => self.out.push(
                Diagnostic::error(
                    "infra::config::version_mismatch",
                    format!("this configuration needs {what} {text}, but this is {version}"),
                )
                .at(span, format!("excludes {version}"))
                .help("use a version of infra that fits, or change the constraint"),
            ),
            Err(why) => self.out.push(
                Diagnostic::error(
                    "infra::config::invalid_version",
                    format!("`required_version` cannot be read: {why}"),
                )
                .at(span, "not a version constraint")
                .help("write it like `>= 0.1` or `~> 1.2, != 1.2.3`"),
            ),
        }
    }
}
