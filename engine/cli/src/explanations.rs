//! The long forms of errors: one Markdown file for each code.
//!
//! The first line of a file is its title. A test compares the codes here with those in the sources, and
//! another one tries the examples.

/// What is to be said about one kind of error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explanation {
    /// The code, such as `infra::config::unknown_argument`.
    pub code: &'static str,
    /// Markdown.
    text: &'static str,
}

macro_rules! explanations {
    ($($stage:literal: [$($name:literal),* $(,)?]),* $(,)?) => {
        &[$($(
            Explanation {
                code: concat!("infra::", $stage, "::", $name),
                text: include_str!(concat!("explanations/", $stage, "/", $name, ".md")),
            },
        )*)*]
    };
}

/// All explanations, sorted by code.
pub(crate) const ALL: &[Explanation] = explanations! {
    "apply": [
        "configuration",
        "differs_from_plan",
        "failed",
        "no_progress",
        "no_provider",
        "nothing_to_resume",
        "partial",
        "unknown",
    ],
    "cli": [
        "acknowledge",
        "address",
        "file",
        "folder",
        "no_output",
        "not_raw",
        "state_unclear",
        "terminal",
        "unknown_code",
        "unknown_type",
    ],
    "config": [
        "ambiguous_move",
        "argument_for_block",
        "argument_outside_block",
        "block_for_argument",
        "constant_condition",
        "count_and_for_each",
        "count_outside",
        "cycle",
        "deprecated",
        "duplicate",
        "duplicate_block",
        "each_outside",
        "ephemeral_argument",
        "ephemeral_output",
        "ignored",
        "impure_function",
        "incomplete_reference",
        "invalid_address",
        "invalid_argument",
        "invalid_attribute_list",
        "invalid_default",
        "invalid_depends_on",
        "invalid_for_each",
        "invalid_iterator",
        "invalid_move",
        "invalid_name",
        "invalid_provider_reference",
        "invalid_providers",
        "invalid_removal",
        "invalid_trigger",
        "invalid_value",
        "invalid_version",
        "missing_argument",
        "missing_block",
        "missing_key",
        "module_cycle",
        "no_configuration",
        "no_effect",
        "not_constant",
        "null_argument",
        "read_only_argument",
        "recursive_function",
        "recursive_type",
        "reserved_name",
        "root_only",
        "self_outside",
        "self_reference",
        "state_not_static",
        "state_sensitive",
        "state_unknown",
        "too_deep",
        "too_many_blocks",
        "too_many_modules",
        "undeclared",
        "unexpected_key",
        "unknown_argument",
        "unknown_attribute",
        "unknown_block",
        "unknown_function",
        "unknown_output",
        "unknown_provider",
        "unknown_state_kind",
        "unknown_type",
        "unreadable_file",
        "unsupported_adopt",
        "unsupported_block",
        "unsupported_source",
        "unsupported_state",
        "version_mismatch",
        "wrong_arity",
        "wrong_labels",
        "wrong_provider",
        "wrong_type",
    ],
    "eval": [
        "count_outside",
        "duplicate_key",
        "each_outside",
        "ephemeral_argument",
        "ephemeral_output",
        "ephemeral_repetition",
        "function_failed",
        "impure_function",
        "incomplete_reference",
        "inconsistent_conditional",
        "invalid_argument",
        "invalid_condition",
        "invalid_count",
        "invalid_expansion",
        "invalid_flag",
        "invalid_for_each",
        "invalid_index",
        "invalid_interpolation",
        "invalid_iteration",
        "invalid_key",
        "invalid_message",
        "invalid_number",
        "invalid_operand",
        "invalid_type",
        "no_attributes",
        "null_access",
        "null_condition",
        "null_interpolation",
        "null_iteration",
        "null_key",
        "null_operand",
        "null_splat",
        "null_variable",
        "recursive_function",
        "reference_in_values",
        "self_outside",
        "sensitive_repetition",
        "too_deep",
        "too_large",
        "too_many_steps",
        "undeclared",
        "undefined_result",
        "unknown_attribute",
        "unknown_flag",
        "unknown_function",
        "unknown_name",
        "unknown_repetition",
        "unknown_template_variable",
        "value_too_deep",
    ],
    "plan": [
        "ambiguous_move",
        "condition_failed",
        "data_source",
        "differs",
        "duplicate_import",
        "elsewhere",
        "file",
        "import",
        "import_id",
        "import_target",
        "infinite_output",
        "invalid_trigger",
        "move_blocked",
        "move_circle",
        "move_left_out",
        "moved_exists",
        "name_held",
        "name_taken",
        "options",
        "partial",
        "prevent_destroy",
        "protected",
        "provider",
        "recover",
        "refresh",
        "replace",
        "same_name",
        "sensitive_output",
        "unknown_import",
        "unknown_provider_settings",
    ],
    "provider": [
        "configure",
    ],
    "sandbox": [
        "failed",
    ],
    "state": [
        "corrupt",
        "foreign",
        "journal",
        "lineage",
        "lock_lost",
        "locked",
        "mismatch",
        "missing",
        "newer_format",
        "no_such_lock",
        "not_found",
        "secret_key",
        "serial",
        "taken",
        "unreadable",
        "unwritable",
        "unwritten",
        "write",
    ],
    "syntax": [
        "ambiguous_key",
        "control_character",
        "duplicate_argument",
        "duplicate_parameter",
        "file_too_large",
        "format_unsound",
        "invalid_block",
        "invalid_directive",
        "invalid_escape",
        "invalid_for",
        "invalid_heredoc",
        "invalid_number",
        "invalid_operator",
        "invalid_utf8",
        "legacy_index",
        "misplaced_statement",
        "missing_expression",
        "missing_newline",
        "missing_separator",
        "missing_value",
        "nested_splat",
        "nesting_too_deep",
        "single_quotes",
        "template_in_label",
        "too_many_errors",
        "unbalanced_directive",
        "unclosed_bracket",
        "unclosed_comment",
        "unclosed_heredoc",
        "unclosed_quote",
        "unexpected_character",
        "unexpected_token",
        "unmatched_bracket",
    ],
    "variables": [
        "invalid_file",
        "invalid_option",
        "missing",
        "null",
        "undeclared",
        "unreadable_file",
        "wrong_type",
    ],
};

impl Explanation {
    /// Returns the title: what the error means, in one line.
    pub(crate) fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.strip_prefix("# ").unwrap_or(first)
    }

    /// Returns what follows the title.
    pub(crate) fn body(&self) -> &'static str {
        self.text.split_once('\n').map_or("", |(_, rest)| rest.trim())
    }

    /// Returns the last part of the code.
    pub(crate) fn name(&self) -> &'static str {
        self.code.rsplit("::").next().unwrap_or(self.code)
    }
}

/// Returns the explanations that a text names: by the whole code, by its end, or by its last part.
pub(crate) fn named(text: &str) -> Vec<&'static Explanation> {
    let is_end = |code: &str| {
        code.strip_suffix(text)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
    };
    match ALL.iter().find(|e| e.code == text) {
        Some(found) => vec![found],
        None => ALL.iter().filter(|e| !text.is_empty() && is_end(e.code)).collect(),
    }
}

/// Returns the code that was probably meant.
pub(crate) fn nearest(text: &str) -> Option<&'static str> {
    let name = text.rsplit("::").next().unwrap_or(text);
    infra_types::suggest(text, ALL.iter().map(|e| e.code)).or_else(|| {
        let near = infra_types::suggest(name, ALL.iter().map(Explanation::name))?;
        ALL.iter().find(|e| e.name() == near).map(|e| e.code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sorted_and_whole() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
        for e in ALL {
            assert!(e.text.starts_with("# "), "{} has no title", e.code);
            assert!(e.title().len() <= 90, "the title of {} is long", e.code);
            assert!(!e.title().ends_with('.'), "the title of {} is no title", e.code);
            assert!(e.body().len() > 80, "{} is hardly explained", e.code);
            let fences = e.text.lines().filter(|l| l.starts_with("```")).count();
            assert_eq!(fences % 2, 0, "{} has an open fence", e.code);
        }
    }

    #[test]
    fn the_titles_differ_within_a_stage() {
        for (i, a) in ALL.iter().enumerate() {
            let stage = a.code.rsplit_once("::");
            for b in &ALL[i + 1..] {
                let same = stage.map(|s| s.0) == b.code.rsplit_once("::").map(|s| s.0);
                assert!(!same || a.title() != b.title(), "{} and {}", a.code, b.code);
            }
        }
    }

    #[test]
    fn codes_have_short_forms() {
        let codes = |text: &str| named(text).iter().map(|e| e.code).collect::<Vec<_>>();
        let whole = "infra::config::unknown_argument";
        assert_eq!(codes(whole), [whole]);
        assert_eq!(codes("config::unknown_argument"), [whole]);
        assert_eq!(codes("unknown_argument"), [whole]);
        assert_eq!(codes("undeclared").len(), 3);
        assert!(codes("").is_empty());
        assert!(codes("argument").is_empty());
        assert_eq!(nearest("infra::config::unknown_argumnt"), Some(whole));
        assert_eq!(nearest("unknown_argumnt"), Some(whole));
        assert_eq!(nearest("xyz"), None);
    }
}
