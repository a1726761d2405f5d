//! Bounds on what one expression may cost: a mistake in a loop must end with an
//! error, not with a machine out of memory.

use std::cell::Cell;

use infra_syntax::{Diagnostic, Span};
use infra_types::Value;

/// How many steps the evaluation of one expression may take.
///
/// An operation is a step, and so are 64 bytes or parts of a value that a function makes
/// or is handed. A minute or two on a usual machine; what people write takes far less.
pub(super) const MAX_STEPS: u64 = if cfg!(any(fuzzing, test)) { 1 << 18 } else { 1 << 30 };

/// The greatest size of a value, in parts and bytes of text.
pub(crate) const MAX_SIZE: u64 = if cfg!(any(fuzzing, test)) { 1 << 22 } else { 1 << 30 };

/// How deeply a value may nest.
///
/// Everything that walks values does so by recursion.
pub(crate) const MAX_DEPTH: u32 = 400;

/// What an expression has used.
#[derive(Debug, Default)]
pub struct Budget {
    used: Cell<u64>,
}

impl Budget {
    /// Takes some steps.
    pub(super) fn charge(&self, steps: u64, span: Span) -> Result<(), Diagnostic> {
        let used = self.used.get().saturating_add(steps);
        self.used.set(used);
        if used <= MAX_STEPS {
            return Ok(());
        }
        Err(Diagnostic::error(
            "infra::eval::too_many_steps",
            format!("evaluating this expression takes more than {MAX_STEPS} steps"),
        )
        .at(span, "given up here")
        .help("look for loops within loops over large collections; parts that do not depend on the loop belong in local values, which are evaluated once"))
    }

    /// Takes the steps that looking through a value costs.
    pub(super) fn charge_walk(&self, value: &Value, span: Span) -> Result<(), Diagnostic> {
        self.charge(value.facts().size / 64, span)
    }

    /// Refuses a value that is too large.
    pub(super) fn check(&self, value: &Value, span: Span) -> Result<(), Diagnostic> {
        let facts = value.facts();
        if facts.size > MAX_SIZE {
            return Err(Diagnostic::error(
                "infra::eval::too_large",
                format!("the value would have more than {MAX_SIZE} parts and bytes"),
            )
            .at(span, "too large")
            .help("values that contain others several times over grow quickly"));
        }
        if facts.depth > MAX_DEPTH {
            return Err(Diagnostic::error(
                "infra::eval::value_too_deep",
                format!("the value would nest more than {MAX_DEPTH} levels deep"),
            )
            .at(span, "too deep")
            .help("a value that wraps another, which wraps another, and so on, has to end somewhere"));
        }
        Ok(())
    }
}

/// Says that a text of this length may be made.
pub(super) fn check_text(len: usize) -> Result<(), String> {
    if len as u64 <= MAX_SIZE {
        return Ok(());
    }
    Err(format!("the text would have {len} bytes; the limit is {MAX_SIZE}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Names;
    use super::super::testing::check_in;

    #[test]
    fn loops_in_loops_end() {
        let r = "range(1000)";
        let text =
            format!("[for a in {r} : a if length([for b in {r} : b if length([for c in {r} : c if c < 0]) > 9]) > 9]");
        let errors = Names::usual().eval(&text).unwrap_err();
        assert_eq!(
            errors.iter().next().map(|d| d.code),
            Some("infra::eval::too_many_steps")
        );
    }

    #[test]
    fn what_doubles_ends() {
        // Each level holds the one before four times.
        let mut text = "[1, 2, 3, 4]".to_owned();
        for i in 0..20 {
            text = format!("[for v{i} in [{text}] : [v{i}, v{i}, v{i}, v{i}]][0]");
        }
        let errors = Names::usual().eval(&text).unwrap_err();
        assert_eq!(errors.iter().next().map(|d| d.code), Some("infra::eval::too_large"));
    }

    #[test]
    fn functions_share_the_budget() {
        let mut text = "function f0(n: number): number = n\n".to_owned();
        for i in 1..40 {
            let before = i - 1;
            text += &format!("function f{i}(n: number): number = f{before}(n) + f{before}(n)\n");
        }
        let names = Names::declaring(&text);
        check_in(&names, "f5(1)", "32");
        let errors = names.eval("f39(1)").unwrap_err();
        assert_eq!(
            errors.iter().next().map(|d| d.code),
            Some("infra::eval::too_many_steps")
        );
    }
}
