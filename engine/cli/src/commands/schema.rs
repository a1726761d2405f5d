//! `infra schema`: the arguments and attributes of a type.

use std::fmt::Write;

use infra_providers::{Block, Nesting, Schema};
use infra_syntax::Diagnostic;
use infra_types::Mode;

use crate::args::SchemaArgs;
use crate::error::{Failure, SUCCESS};
use crate::providers;
use crate::ui::Output;

/// Runs the command.
pub(super) fn run(args: &SchemaArgs, output: &Output) -> Result<u8, Failure> {
    let registry = providers::registry();
    let Some(ty) = &args.ty else {
        let mut text = String::new();
        for ty in registry.types(Mode::Managed) {
            let _ = writeln!(text, "resource {ty}");
        }
        for ty in registry.types(Mode::Data) {
            let _ = writeln!(text, "data {ty}");
        }
        output.text(&text);
        return Ok(SUCCESS);
    };
    let mut text = String::new();
    for (mode, word) in [(Mode::Managed, "resource"), (Mode::Data, "data")] {
        if let Some(schema) = registry.schema(mode, ty) {
            describe(word, ty, schema, &mut text);
        }
    }
    if text.is_empty() {
        let mut types = registry.types(Mode::Managed);
        types.extend(registry.types(Mode::Data));
        let mut d = Diagnostic::error(
            "infra::cli::unknown_type",
            format!("no provider offers the type `{ty}`"),
        );
        if let Some(near) = infra_providers::schema::nearest(ty, &types) {
            d = d.help(format!("did you mean `{near}`?"));
        }
        return Err(d.into());
    }
    output.text(&text);
    Ok(SUCCESS)
}

fn describe(word: &str, ty: &str, schema: &Schema, out: &mut String) {
    let _ = writeln!(out, "{word} {ty}");
    if !schema.block.description.is_empty() {
        let _ = writeln!(out, "  {}", schema.block.description);
    }
    block(&schema.block, 1, out);
}

fn block(block: &Block, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for (name, attribute) in &block.attributes {
        let mut words = vec![attribute.ty.to_string()];
        if attribute.required {
            words.push("required".into());
        }
        if !attribute.is_settable() {
            words.push("read-only".into());
        }
        if attribute.force_new {
            words.push("replaces".into());
        }
        if attribute.sensitive {
            words.push("sensitive".into());
        }
        if let Some(default) = &attribute.default {
            words.push(format!("default {}", crate::ui::values::value(default, 0)));
        }
        let _ = write!(out, "{indent}{name}  ({})", words.join(", "));
        if !attribute.description.is_empty() {
            let _ = write!(out, "  {}", attribute.description);
        }
        out.push('\n');
    }
    for (name, nested) in &block.blocks {
        let many = match (nested.nesting, nested.max) {
            (Nesting::Single, _) | (_, Some(1)) => "block",
            (Nesting::List, _) => "blocks, in order",
            (Nesting::Set, _) => "blocks",
        };
        let required = if nested.min > 0 { ", required" } else { "" };
        let _ = writeln!(out, "{indent}{name} {{ … }}  ({many}{required})");
        self::block(&nested.block, depth + 1, out);
    }
}
