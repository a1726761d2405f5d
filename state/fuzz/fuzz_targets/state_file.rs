//! Any text is a state or refused; a state that was read is written and read again.

#![no_main]

use infra_state::file::{read, write};
use infra_state::{NoTypes, ReadOptions, SecretCodec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let codec = SecretCodec::with_key("fuzz");
    let options = ReadOptions::default();
    let Ok(first) = read(text, "fuzz", &NoTypes, &codec, options) else {
        return;
    };
    let mut again = Vec::new();
    if write(&mut again, &first.state, first.state.serial, "fuzz", &NoTypes, &codec).is_err() {
        return;
    }
    let second = read(&again, "fuzz", &NoTypes, &codec, options).expect("what was written is read");
    assert_eq!(first.state, second.state);
});
