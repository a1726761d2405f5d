//! Where a state can be kept: the kinds of `state` blocks and their arguments.
//!
//! What a kind does with its arguments is not known here.

use infra_providers::schema::{Attribute, Block, Validator};
use infra_types::Type;

/// The kinds of state storage.
pub const STATE_KINDS: &[&str] = &["local", "s3"];

/// Returns what may be written in a `state` block of a kind.
pub fn state_schema(kind: &str) -> Option<Block> {
    match kind {
        "local" => Some(local()),
        "s3" => Some(s3()),
        _ => None,
    }
}

fn text() -> Attribute {
    Attribute::optional(Type::String)
}

fn filled() -> Validator {
    Validator::Length(1, 1024)
}

fn local() -> Block {
    Block::new("A file.").attr(
        "path",
        Attribute::required(Type::String)
            .check(filled())
            .doc("The file, as seen from the folder of the root module."),
    )
}

fn s3() -> Block {
    Block::new("An object in a bucket.")
        .attr(
            "bucket",
            Attribute::required(Type::String)
                .check(Validator::Length(3, 63))
                .doc("The bucket."),
        )
        .attr(
            "key",
            Attribute::required(Type::String)
                .check(filled())
                .doc("The name of the object."),
        )
        .attr("region", text().doc("The region of the bucket."))
        .attr("profile", text().doc("A profile of the shared configuration files."))
        .attr("endpoint", text().doc("Another endpoint of the service."))
        .attr(
            "kms_key_id",
            text().doc("The key that the service encrypts the state with."),
        )
        .attr(
            "use_path_style",
            Attribute::optional(Type::Bool).doc("Whether the bucket stands in the path of the URL."),
        )
}
