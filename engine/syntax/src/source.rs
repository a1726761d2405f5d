//! Source files, and positions in them.

use std::fmt;
use std::sync::Arc;

/// Identifies one source file within a [`Sources`] set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A half-open range of bytes in one source file.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// Returns the span of `start..end` in `source`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        Self {
            source,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        }
    }

    /// Returns the smallest span that covers both.
    ///
    /// Both must lie in the same file; otherwise `self` is returned.
    pub fn to(self, other: Span) -> Span {
        if self.source != other.source {
            return self;
        }
        Span {
            source: self.source,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Returns the number of bytes covered.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Says whether the span covers nothing.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.source.0, self.start, self.end)
    }
}

/// One source file: its name as the user knows it, and its text.
#[derive(Debug)]
pub struct Source {
    /// Path as shown in messages.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
    /// Offsets of the first byte of each line.
    line_starts: Vec<u32>,
    /// The text as it may be shown, if that is different.
    shown: Option<Arc<str>>,
}

/// All source files of one run. Cheap to share; append-only.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let text: Arc<str> = text.into();
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| u32::try_from(i + 1).unwrap_or(u32::MAX)),
        );
        let id = SourceId(u32::try_from(self.files.len()).expect("fewer than 2^32 files"));
        let shown = printable(&text).map(Arc::from);
        self.files.push(Source {
            name: name.into(),
            text,
            line_starts,
            shown,
        });
        id
    }

    /// Returns the file with this id.
    ///
    /// # Panics
    ///
    /// Panics if the id comes from another set.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// Returns the file with this id, or nothing for an id of another set.
    pub fn try_get(&self, id: SourceId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }

    /// Iterates over all files in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.files.iter().enumerate().map(|(i, s)| (SourceId(i as u32), s))
    }

    /// Returns the text covered by the span.
    pub fn text(&self, span: Span) -> &str {
        self.try_get(span.source)
            .and_then(|s| s.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }

    /// Returns `file:line` of the start of a span, for one-line mentions.
    pub fn location(&self, span: Span) -> String {
        match self.try_get(span.source) {
            Some(source) => format!("{}:{}", source.name, source.line_column(span.start).0),
            None => String::new(),
        }
    }
}

/// Replaces what could deceive a reader or control a terminal: control
/// characters and those that change the direction of text.
///
/// Each by one of the same length, so that offsets stay. Returns nothing if
/// there is nothing to replace.
fn printable(text: &str) -> Option<String> {
    let replacement = |c: char| match c {
        '\t' | '\n' | '\r' => None,
        '\0'..='\u{1f}' | '\u{7f}' => Some("?"),
        '\u{80}'..='\u{9f}' | '\u{61c}' => Some("\u{b7}"),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some("\u{fffd}"),
        _ => None,
    };
    let is_plain = |b: u8| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    if text.bytes().all(is_plain) || !text.chars().any(|c| replacement(c).is_some()) {
        return None;
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match replacement(c) {
            Some(r) => shown.push_str(r),
            None => shown.push(c),
        }
    }
    Some(shown)
}

impl Source {
    /// Returns the text as it may be shown: of the same length, without control
    /// characters.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.text)
    }

    /// Returns line and column (both from 1, column in characters) of a byte offset.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|s| *s <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let column = self.text.get(start..offset as usize).map_or(0, |s| s.chars().count());
        (line + 1, column + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns() {
        let mut sources = Sources::new();
        let id = sources.add("x", "é = 1\n\nb = 2");
        let source = sources.get(id);
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(3), (1, 3));
        assert_eq!(source.line_column(7), (2, 1));
        assert_eq!(source.line_column(8), (3, 1));
        assert_eq!(sources.text(Span::new(id, 0, 2)), "é");
        assert_eq!(sources.location(Span::new(id, 8, 9)), "x:3");
    }

    #[test]
    fn what_is_shown_has_no_control_characters() {
        let text = "a\u{1b}[0m\u{9b}\u{202e}é\t\r\n";
        let shown = printable(text).expect("something to replace");
        assert_eq!(shown, "a?[0m\u{b7}\u{fffd}é\t\r\n");
        assert_eq!(shown.len(), text.len());
        assert_eq!(printable("é\t\r\n"), None);
    }
}
