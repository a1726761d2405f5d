//! Expressions to values, maybe unknown.
//!
//! The reading order: [`scope`] (what names mean), [`eval`](fn@eval) (expressions to
//! values), [`functions`] (the built-in ones), [`type_expr`] (what types
//! demand of values).

mod access;
pub mod body;
pub mod budget;
mod call;
mod collection;
mod conditional;
mod env;
pub mod equality;
mod expr;
pub mod functions;
mod operators;
mod reference;
pub mod repeat;
pub mod scope;
pub mod spans;
mod splat;
pub mod static_eval;
mod template;
#[cfg(test)]
mod testing;
mod type_apply;
pub mod type_expr;
pub mod world;

pub(crate) use expr::with_article;
pub use expr::{eval, eval_template, eval_with};
pub use scope::{Host, HostError, NoHost, Resolved, Scope};
