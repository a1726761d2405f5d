//! The `infra` command as its users meet it: each test runs the program in a
//! folder of its own and reads what it says and what it leaves behind.
//!
//! One module for each command; [`support`] has the folder and the program.

mod support;

mod test_apply;
mod test_bad_input;
mod test_completions;
mod test_console;
mod test_destroy;
mod test_docs;
mod test_error_format;
mod test_explain_error;
mod test_fmt;
mod test_graph;
mod test_output;
mod test_plan;
mod test_resume;
mod test_schema;
mod test_show;
mod test_stages;
mod test_state;
mod test_state_settings;
mod test_unlock;
mod test_validate;
mod test_version;
