//! Text of the infra language: grammar, syntax tree, formatter, diagnostics.
//!
//! The reading order: [`source`] (files and spans), [`ast`] (the tree),
//! [`parse`] (text to tree), [`format`] (text to formatted text),
//! [`diagnostic`] (what is wrong, and where). [`tokens`] serves what is being typed.

// The parser that pest makes refers to it.
extern crate alloc;

pub mod ast;
pub mod diagnostic;
pub mod format;
mod lex;
pub mod limits;
pub mod parse;
pub mod same;
pub mod source;
pub mod tokens;

pub use diagnostic::{Diagnostic, Diagnostics, Report, Severity};
pub use parse::{parse_expr, parse_file, parse_template};
pub use source::{Source, SourceId, Sources, Span};
