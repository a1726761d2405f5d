//! Names: which are valid, and how lists of them are shown in messages.

use infra_types::suggest;

/// Says whether a text can be the name of a variable, resource, output, ….
pub(crate) fn is_valid(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Names that arguments of module calls have already.
pub(super) const RESERVED_VARIABLES: &[&str] = &[
    "source",
    "version",
    "providers",
    "count",
    "for_each",
    "lifecycle",
    "depends_on",
    "locals",
];

/// Returns advice for an unknown name: the most similar known one, else what there is.
///
/// `there_is` introduces the list (`the arguments are`), `nothing` is said of an empty one.
pub(crate) fn advice<'c>(
    name: &str,
    known: impl IntoIterator<Item = &'c str> + Clone,
    there_is: &str,
    nothing: &str,
) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let list = list(known);
    if list.is_empty() {
        nothing.to_owned()
    } else {
        format!("{there_is} {list}")
    }
}

/// Returns the known name that was probably meant: a similar one, else the only one
/// that goes on where this ends (`cidr` for `cidr_block`).
pub(crate) fn nearest<'c>(name: &str, known: impl IntoIterator<Item = &'c str> + Clone) -> Option<&'c str> {
    suggest(name, known.clone()).or_else(|| {
        if name.len() < 3 {
            return None;
        }
        let mut longer = known.into_iter().filter(|known| known.starts_with(name));
        longer.next().filter(|_| longer.next().is_none())
    })
}

/// How many names of a list are shown.
const SHOWN: usize = 12;

/// Returns names in backticks with commas between, cut when there are many.
pub(crate) fn list<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(SHOWN).map(|n| format!("`{n}`")).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_identifiers() {
        for good in ["a", "_a", "a-b", "größe", "a1"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", "1a", "-a", "a b", "a.b"] {
            assert!(!is_valid(bad), "{bad}");
        }
    }

    #[test]
    fn advice_prefers_the_similar_name() {
        let known = ["count", "for_each"];
        assert_eq!(advice("cuont", known, "there are", "none"), "did you mean `count`?");
        assert_eq!(
            advice("xyz", known, "there are", "none"),
            "there are `count`, `for_each`"
        );
        assert_eq!(advice("xyz", [], "there are", "none"), "none");
        assert_eq!(nearest("cidr", ["cidr_block", "id"]), Some("cidr_block"));
        assert_eq!(nearest("cidr", ["cidr_block", "cidr_blocks"]), None);
    }
}
