//! Which characters can be seen.

/// Says whether a character is a letter, mark, number, punctuation, symbol or the blank of ASCII.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library writes all others as escapes, at least behind a letter.
    let mut buffer = [b'a', 0, 0, 0, 0];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=length]).is_ok_and(|s| s.escape_debug().nth(1) == Some(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen() {
        for c in ['a', ' ', '"', '\\', '\'', 'é', '\u{301}', '日', '😀', '\u{fffd}'] {
            assert!(is_printable(c), "{c:?}");
        }
        for c in [
            '\n', '\0', '\u{7f}', '\u{80}', '\u{a0}', '\u{200d}', '\u{3000}', '\u{feff}', '\u{e000}',
        ] {
            assert!(!is_printable(c), "{c:?}");
        }
    }
}
