//! Character encodings, by their IANA names.
//!
//! What the encodings hold is that of Go's library, which has older and partly
//! larger tables than browsers have: no characters for private use in Chinese
//! and Japanese encodings, but all of JIS X 0212 and of Big5's extensions.

use std::collections::HashMap;
use std::sync::LazyLock;

use encoding_rs::Encoding;

use super::codepage;

/// A character encoding.
#[derive(Clone, Copy)]
pub(super) enum Charset {
    Ascii,
    Latin1,
    Utf8,
    /// UTF-16; big-endian unless said otherwise.
    Utf16 {
        little: bool,
        mark: bool,
    },
    /// One byte per character.
    Table(&'static str),
    Big5,
    EucJp,
    EucKr,
    Gb18030,
    Gbk,
    /// GB 2312 in seven bits.
    Hz,
    Iso2022Jp,
    ShiftJis,
}

impl Charset {
    /// Returns the encoding of an IANA name or alias, in any case.
    pub(super) fn named(name: &str) -> Option<Charset> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "us-ascii" | "ascii-us" | "us" | "iso646-us" | "iso_646.irv:1991" | "ansi_x3.4-1968" | "ansi_x3.4-1986"
            | "ibm367" | "cp367" | "iso-ir-6" | "csascii" => Charset::Ascii,
            "iso-8859-1" | "iso_8859-1:1987" | "iso-ir-100" | "iso_8859-1" | "latin1" | "l1" | "ibm819" | "cp819"
            | "csisolatin1" => Charset::Latin1,
            "utf-8" | "csutf8" => Charset::Utf8,
            "utf-16" | "csutf16" => Charset::Utf16 {
                little: false,
                mark: true,
            },
            "utf-16be" | "csutf16be" => Charset::Utf16 {
                little: false,
                mark: false,
            },
            "utf-16le" | "csutf16le" => Charset::Utf16 {
                little: true,
                mark: false,
            },
            "big5" | "csbig5" => Charset::Big5,
            "gbk" | "cp936" | "ms936" | "windows-936" | "csgbk" => Charset::Gbk,
            "gb18030" | "csgb18030" => Charset::Gb18030,
            "hz-gb-2312" => Charset::Hz,
            "euc-jp" | "cseucpkdfmtjapanese" | "extended_unix_code_packed_format_for_japanese" => Charset::EucJp,
            "iso-2022-jp" | "csiso2022jp" => Charset::Iso2022Jp,
            "shift_jis" | "ms_kanji" | "csshiftjis" => Charset::ShiftJis,
            "euc-kr" | "cseuckr" => Charset::EucKr,
            other => return codepage::table(other).map(Charset::Table),
        })
    }

    /// Writes text; nothing if a character does not exist in the encoding.
    pub(super) fn encode(self, s: &str) -> Option<Vec<u8>> {
        match self {
            Charset::Ascii => s.is_ascii().then(|| s.as_bytes().to_vec()),
            Charset::Latin1 => s.chars().map(|c| u8::try_from(c as u32).ok()).collect(),
            Charset::Utf8 => Some(s.as_bytes().to_vec()),
            Charset::Utf16 { little, mark } => {
                let mark = (mark && !s.is_empty()).then_some(0xfeff);
                let units = mark.into_iter().chain(s.encode_utf16());
                Some(
                    units
                        .flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() })
                        .collect(),
                )
            }
            Charset::Table(table) => encode_table(table, s),
            Charset::Hz => encode_hz(s),
            Charset::Iso2022Jp => encode_iso_2022_jp(s),
            _ => {
                let mut out = Vec::with_capacity(s.len());
                for c in s.chars() {
                    match c {
                        c if c.is_ascii() => out.push(c as u8),
                        c => self.encode_char(c, &mut out)?,
                    }
                }
                Some(out)
            }
        }
    }

    /// Writes a character that is not one of ASCII, in an encoding with several bytes.
    fn encode_char(self, c: char, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Charset::Big5 => out.extend(BIG5.get(&c)?),
            Charset::EucJp => match jis_x_0208(c) {
                Some(pair) => out.extend(pair),
                None => match katakana(c) {
                    Some(byte) => out.extend([0x8e, byte | 0x80]),
                    None => {
                        out.push(0x8f);
                        out.extend(JIS_X_0212.get(&c)?);
                    }
                },
            },
            Charset::EucKr => out.extend(exactly(encoding_rs::EUC_KR, c)?),
            Charset::Gb18030 => match gbk(c).filter(|_| c != '€') {
                Some(bytes) => out.extend(bytes),
                None => match four_byte_index(c) {
                    Some(index) => out.extend([
                        (index / 12_600) as u8 + 0x81,
                        (index / 1260 % 10) as u8 + 0x30,
                        (index / 10 % 126) as u8 + 0x81,
                        (index % 10) as u8 + 0x30,
                    ]),
                    None => out.extend(exactly(encoding_rs::GB18030, c)?),
                },
            },
            Charset::Gbk => out.extend(gbk(c)?),
            Charset::ShiftJis => match katakana(c) {
                Some(byte) => out.push(byte | 0x80),
                None => out.extend(SHIFT_JIS.get(&c)?),
            },
            _ => return None,
        }
        Some(())
    }

    /// Reads text; nothing if the bytes are not in the encoding.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Charset::Ascii => bytes.is_ascii().then(|| bytes.iter().map(|b| char::from(*b)).collect()),
            Charset::Latin1 => Some(bytes.iter().map(|b| char::from(*b)).collect()),
            Charset::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Charset::Utf16 { little, mark } => decode_utf16(bytes, little, mark),
            Charset::Table(table) => Some(decode_table(table, bytes)),
            Charset::Big5 => whole(encoding_rs::BIG5, bytes),
            Charset::EucJp => whole(encoding_rs::EUC_JP, bytes),
            Charset::EucKr => whole(encoding_rs::EUC_KR, bytes),
            Charset::ShiftJis => whole(encoding_rs::SHIFT_JIS, bytes).filter(|s| !s.chars().any(is_private)),
            Charset::Gb18030 => {
                whole(encoding_rs::GB18030, bytes).filter(|s| !s.chars().any(|c| is_private(c) || is_later(c)))
            }
            Charset::Gbk => {
                // GBK has pairs only; a digit in second place begins four bytes of GB 18030.
                let mut rest = bytes;
                while let [first, after @ ..] = rest {
                    rest = match after {
                        [0x30..=0x39, ..] if *first > 0x80 => return None,
                        [_, after @ ..] if *first > 0x80 => after,
                        after => after,
                    };
                }
                Charset::Gb18030.decode(bytes)
            }
            Charset::Hz => decode_hz(bytes),
            Charset::Iso2022Jp => decode_iso_2022_jp(bytes),
        }
    }
}

fn whole(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .map(|s| s.into_owned())
}

/// Writes one character.
fn exactly(encoding: &'static Encoding, c: char) -> Option<Vec<u8>> {
    let mut buffer = [0; 4];
    let (bytes, _, lost) = encoding.encode(c.encode_utf8(&mut buffer));
    (!lost).then(|| bytes.into_owned())
}

/// Says whether a character is one for private use.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}')
}

/// Says whether a character came to GB 18030's pairs in 2005 or later.
fn is_later(c: char) -> bool {
    matches!(c, '\u{1e3f}' | '\u{9fb4}'..='\u{9fbb}' | '\u{fe10}'..='\u{fe19}')
}

/// Returns the number of a code of four bytes that later versions of GB 18030 have
/// not, or not for this character.
fn four_byte_index(c: char) -> Option<u32> {
    let code = c as u32;
    Some(match c {
        '\u{1e3f}' => 7457,
        '\u{9fb4}'..='\u{9fbb}' | '\u{e000}'..='\u{e76b}' => code - 0x9fa6 + 19_043,
        '\u{fe10}'..='\u{fe19}' => code - 0xfe10 + 39_076,
        _ => return None,
    })
}

fn gbk(c: char) -> Option<Vec<u8>> {
    if is_private(c) || is_later(c) {
        return None;
    }
    match c {
        '€' => Some(vec![0x80]),
        c => exactly(encoding_rs::GBK, c),
    }
}

/// Returns the bytes that EUC-JP has for a character of JIS X 0208.
fn jis_x_0208(c: char) -> Option<[u8; 2]> {
    if matches!(c, '\u{a5}' | '\u{203e}' | '\u{2212}') {
        return None;
    }
    match *exactly(encoding_rs::EUC_JP, c)? {
        [first @ 0xa1..=0xff, second] => Some([first, second]),
        _ => None,
    }
}

/// Returns the seven-bit code of a half-width katakana.
fn katakana(c: char) -> Option<u8> {
    match c {
        '\u{ff61}'..='\u{ff9f}' => Some((c as u32 - 0xff61) as u8 + 0x21),
        _ => None,
    }
}

type Pairs = HashMap<char, [u8; 2]>;

/// Makes a table for writing pairs of bytes of one for reading them.
fn pairs(decode: impl Fn([u8; 2]) -> Option<String>, keep_first: bool) -> Pairs {
    let mut table = Pairs::new();
    for pair in (0x81..=0xfe).flat_map(|a| (0x40..=0xfe).map(move |b| [a, b])) {
        let Some(text) = decode(pair) else { continue };
        let mut chars = text.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            let place = table.entry(c).or_insert(pair);
            if !keep_first {
                *place = pair;
            }
        }
    }
    table
}

static JIS_X_0212: LazyLock<Pairs> = LazyLock::new(|| pairs(|[a, b]| whole(encoding_rs::EUC_JP, &[0x8f, a, b]), true));

static SHIFT_JIS: LazyLock<Pairs> = LazyLock::new(|| pairs(|pair| Charset::ShiftJis.decode(&pair), true));

/// Of two codes for a character the last is taken, but for a few.
static BIG5: LazyLock<Pairs> = LazyLock::new(|| {
    let mut table = pairs(|pair| Charset::Big5.decode(&pair), false);
    let others = [
        ('兀', [0xa4, 0x61]),
        ('嗀', [0xdc, 0xd1]),
        ('弢', [0xcc, 0x71]),
        ('慈', [0xb7, 0x4f]),
    ];
    table.extend(others);
    table
});

fn encode_table(table: &str, s: &str) -> Option<Vec<u8>> {
    let offset = if table.chars().count() == 256 { 0 } else { 128 };
    s.chars()
        .map(|c| match c {
            char::REPLACEMENT_CHARACTER => None,
            c if offset == 128 && c.is_ascii() => Some(c as u8),
            c => table
                .chars()
                .position(|d| d == c)
                .and_then(|i| u8::try_from(i + offset).ok()),
        })
        .collect()
}

fn decode_table(table: &str, bytes: &[u8]) -> String {
    let table: Vec<char> = table.chars().collect();
    let offset = 256 - table.len();
    let char = |b: &u8| match usize::from(*b).checked_sub(offset) {
        Some(i) => table[i],
        None => char::from(*b),
    };
    bytes.iter().map(char).collect()
}

fn decode_utf16(bytes: &[u8], little: bool, mark: bool) -> Option<String> {
    let (little, bytes) = match bytes {
        [0xff, 0xfe, rest @ ..] if mark => (true, rest),
        [0xfe, 0xff, rest @ ..] if mark => (false, rest),
        all => (little, all),
    };
    let chunks = bytes.chunks_exact(2);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let unit = if little { u16::from_le_bytes } else { u16::from_be_bytes };
    let units: Vec<u16> = chunks.map(|c| unit([c[0], c[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Writes HZ: `~{` starts pairs of seven-bit bytes, `~}` ends them, `~~` is a tilde.
fn encode_hz(s: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut pairs = false;
    for c in s.chars() {
        if c.is_ascii() {
            if std::mem::take(&mut pairs) {
                out.extend(b"~}");
            }
            out.push(c as u8);
            if c == '~' {
                out.push(b'~');
            }
            continue;
        }
        let [a, b] = match c {
            '€' => [0xa2, 0xe3],
            c => match *gbk(c)? {
                [a @ 0xa1..=0xfe, b @ 0xa1..=0xfe] => [a, b],
                _ => return None,
            },
        };
        if !std::mem::replace(&mut pairs, true) {
            out.extend(b"~{");
        }
        out.extend([a & 0x7f, b & 0x7f]);
    }
    Some(out)
}

fn decode_hz(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    let mut pairs = false;
    let mut rest = bytes;
    loop {
        match rest {
            [] => break,
            [b'~', b'{', after @ ..] => (pairs, rest) = (true, after),
            [b'~', b'}', after @ ..] => (pairs, rest) = (false, after),
            [b'~', b'~', after @ ..] => {
                out.push(b'~');
                rest = after;
            }
            [b'~', b'\n', after @ ..] => rest = after,
            [b'~' | 0x80.., ..] => return None,
            [a @ 0x21..=0x7f, b @ 0x21..=0x7e, after @ ..] if pairs => {
                out.extend([a | 0x80, b | 0x80]);
                rest = after;
            }
            _ if pairs => return None,
            [a, after @ ..] => {
                out.push(*a);
                rest = after;
            }
        }
    }
    Charset::Gbk.decode(&out)
}

/// Writes ISO-2022-JP: escape sequences switch between ASCII, half-width katakana and JIS X 0208.
fn encode_iso_2022_jp(s: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut mode = b'B';
    let mut put = |wanted: u8, bytes: &[u8]| {
        if std::mem::replace(&mut mode, wanted) != wanted {
            out.extend(if wanted == b'$' { b"\x1b$B" } else { b"\x1b(B" });
            if wanted == b'I' {
                out.pop();
                out.push(b'I');
            }
        }
        out.extend(bytes);
    };
    for c in s.chars() {
        if c.is_ascii() {
            put(b'B', &[c as u8]);
        } else if let Some(byte) = katakana(c) {
            put(b'I', &[byte]);
        } else {
            let [a, b] = jis_x_0208(c)?;
            put(b'$', &[a & 0x7f, b & 0x7f]);
        }
    }
    put(b'B', &[]);
    Some(out)
}

fn decode_iso_2022_jp(bytes: &[u8]) -> Option<String> {
    let mut out = String::new();
    // `B` and `J` are ASCII, `I` katakana, `$` JIS X 0208 and `D` JIS X 0212.
    let mut mode = b'B';
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return Some(out),
            [0x1b, b'(', set @ (b'B' | b'J' | b'I'), after @ ..] => {
                mode = *set;
                after
            }
            [0x1b, b'$', b'@' | b'B', after @ ..] => {
                mode = b'$';
                after
            }
            [0x1b, b'$', b'(', b'D', after @ ..] => {
                mode = b'D';
                after
            }
            [0x1b | 0x80.., ..] => return None,
            [b'\n', after @ ..] if mode != b'I' => {
                mode = b'B';
                out.push('\n');
                after
            }
            [a, after @ ..] if matches!(mode, b'B' | b'J') => {
                out.push(char::from(*a));
                after
            }
            [a @ 0x21..=0x5f, after @ ..] if mode == b'I' => {
                out.push(char::from_u32(u32::from(*a) - 0x21 + 0xff61)?);
                after
            }
            [a @ 0x21..=0x7f, b @ 0x20..=0x7f, after @ ..] if mode != b'I' => {
                // The second byte may be one off the row, and then means a place in another row.
                let index = usize::from(a - 0x21) * 94 + usize::from(b.wrapping_sub(0x21));
                let [row, cell] = [index / 94, index % 94].map(|n| n as u8);
                let pair = [row.checked_add(0xa1).filter(|row| *row < 0xff)?, cell + 0xa1];
                let code = if mode == b'D' {
                    &[0x8f, pair[0], pair[1]][..]
                } else {
                    &pair
                };
                out.push_str(&whole(encoding_rs::EUC_JP, code)?);
                after
            }
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn both(name: &str, s: &str, bytes: &[u8]) {
        let charset = Charset::named(name).unwrap();
        assert_eq!(charset.encode(s).as_deref(), Some(bytes), "{name}");
        assert_eq!(charset.decode(bytes).as_deref(), Some(s), "{name}");
    }

    #[track_caller]
    fn lacks(name: &str, s: &str) {
        assert_eq!(Charset::named(name).unwrap().encode(s), None, "{name} {s:?}");
    }

    #[track_caller]
    fn wrong(name: &str, bytes: &[u8]) {
        assert_eq!(Charset::named(name).unwrap().decode(bytes), None, "{name} {bytes:x?}");
    }

    #[test]
    fn japanese() {
        both("EUC-JP", "a日ｽé", b"a\xc6\xfc\x8e\xbd\x8f\xab\xb1");
        both("Shift_JIS", "ｽ炻ⅰ", b"\xbd\xed\x46\xee\xef");
        both("ISO-2022-JP", "a日ｽb", b"a\x1b$BF|\x1b(I=\x1b(Bb");
        assert_eq!(Charset::Iso2022Jp.decode(b"\x1b$(D+1\x1b(J\\").as_deref(), Some("é\\"));
        for name in ["EUC-JP", "Shift_JIS", "ISO-2022-JP"] {
            for s in ["¥", "‾", "−"] {
                lacks(name, s);
            }
        }
        wrong("Shift_JIS", b"\xf0\x40");
        assert_eq!(Charset::Iso2022Jp.decode(b"\x1b$B\" ").as_deref(), Some("や"));
        wrong("ISO-2022-JP", b"\x1b$B\x7f\x7f");
    }

    #[test]
    fn chinese() {
        both("GBK", "a€中", b"a\x80\xd6\xd0");
        both("GB18030", "a\u{80}€中", b"a\x81\x30\x81\x30\xa2\xe3\xd6\xd0");
        both("HZ-GB-2312", "~€中", b"~~~{\"cVP");
        both("Big5", "兀貓港", b"\xa4\x61\xbf\xdf\xfd\xbb");
        both("Big5", "À", b"\x88\x59");
        for s in ["\u{1e3f}", "\u{fe10}", "\u{e000}"] {
            lacks("GBK", s);
            lacks("HZ-GB-2312", s);
        }
        assert_eq!(
            Charset::Gb18030.encode("\u{1e3f}").as_deref(),
            Some(&b"\x81\x35\xf4\x37"[..])
        );
        wrong("GBK", b"\x81\x30\x81\x30");
        wrong("GBK", b"\xa8\xbc");
        wrong("HZ-GB-2312", b"~{ !~}");
    }
}
