//! Text of the infra language: grammar, syntax tree, formatter, diagnostics.
//!
//! The reading order: [`source`] (files and spans), [`ast`] (the tree),
//! [`parse`] (text to tree), [`format`] (text to formatted text),
//! [`diagnostic`] (what is wrong, and where).

pub mod ast;
pub mod diagnostic;
pub mod format;
mod lex;
pub mod limits;
pub mod parse;
pub mod same;
pub mod source;

pub use diagnostic::{Diagnostic, Diagnostics, Report, Severity};
pub use parse::{parse_expr, parse_file, parse_template};
pub use source::{Source, SourceId, Sources, Span};
