//! `infra console` as people and as programs use it.

mod test_lines;
#[cfg(unix)]
mod test_terminal;
