//! Objects that live under a name which somebody else may have taken.
//!
//! Many creates quietly return, or overwrite, an object of the same name. So a
//! create looks the name up first and refuses a name that is taken. Whether
//! the object is its own, made by an attempt whose answer was lost, it sees by
//! the creation tag.

use infra_providers::{ErrorKind, ProviderError};
use infra_types::Value;
use sha2::{Digest, Sha256};

use crate::resource::{Cx, Op};
use crate::tags::{self, CREATION_TAG, Tags};
use crate::value::{Fields, State};

/// Returns the tags of a new object: the planned ones and the creation tag.
pub(super) fn creation_tags(op: &Op<'_>) -> Tags {
    let mut tags = tags::planned(op);
    tags.insert(CREATION_TAG.to_owned(), op.token.to_owned());
    tags
}

/// Says whether an object's tags show that the create with this token made it.
pub(super) fn is_ours(tags: &Tags, token: &str) -> bool {
    !token.is_empty() && tags.get(CREATION_TAG).is_some_and(|t| t == token)
}

/// Makes the error about a name that is taken.
pub(super) fn taken(what: &str, name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Conflict,
        format!("{what} named `{name}` exists already, and is not managed here"),
    )
    .help("choose another name, or take it over with an `import` block")
}

/// Returns the token of a create in the form of a client token: 32 to 36 characters.
pub(super) fn client_token(token: &str) -> String {
    let fits = (32..=36).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    match fits {
        true => token.to_owned(),
        false => {
            let mut text = hex::encode(Sha256::digest(token.as_bytes()));
            text.truncate(32);
            text
        }
    }
}

/// Sets arguments that the service does not know: as they were, or to their defaults.
pub(super) fn set_unread(cx: &Cx<'_>, state: &mut State<'_>, prior: &Value, names: &[&'static str]) {
    for name in names.iter().filter(|name| !prior.is_set(name)) {
        let default = cx.schema.block.attributes.get(name).and_then(|a| a.default.clone());
        state.set(name, default);
    }
}
