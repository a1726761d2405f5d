//! Any text is a journal or refused.

#![no_main]

use infra_state::journal::fold;
use infra_state::{NoTypes, ReadOptions, SecretCodec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let codec = SecretCodec::with_key("fuzz");
    let _ = fold(text, None, "fuzz", &NoTypes, &codec, ReadOptions::default());
});
