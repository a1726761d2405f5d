//! How large an input may be, so that no input can exhaust the stack.

/// How deep brackets, quotes, blocks and conditionals may be nested in the text.
pub const MAX_NESTING: usize = 200;

/// How deep an expression tree may be.
///
/// A chain such as `a + b + c` or `a.b.c` is as deep as it has links.
pub const MAX_EXPR_DEPTH: u32 = 1000;

/// After how many errors a file is given up.
pub(crate) const MAX_ERRORS: usize = 100;
