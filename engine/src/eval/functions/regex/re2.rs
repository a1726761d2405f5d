//! Translation of patterns in RE2's syntax, as Go has it, to that of the `regex` crate.
//!
//! Every literal is written as an escape, so nothing can get a meaning that
//! RE2 does not give it. `\d`, `\w`, `\s` and `\b` are about ASCII only.

/// The largest count of a repetition, nested ones multiplied.
const MAX_REPEAT: u32 = 1000;

/// How deeply groups may nest.
const MAX_DEPTH: usize = 200;

/// Translates a pattern; returns also the groups' names.
pub(super) fn translate(source: &str) -> Result<(String, Vec<Option<String>>), String> {
    let mut t = Translator {
        rest: source,
        out: String::with_capacity(source.len() * 2),
        names: Vec::new(),
        depth: 0,
    };
    t.alternatives()?;
    if t.rest.starts_with(')') {
        return Err("there is a `)` without a `(`".into());
    }
    Ok((t.out, t.names))
}

struct Translator<'s> {
    rest: &'s str,
    out: String,
    names: Vec<Option<String>>,
    depth: usize,
}

type Done = Result<(), String>;

/// What a repetition applies to.
struct Operand {
    /// Where it begins and ends in the output.
    start: usize,
    end: usize,
    /// The largest repetition inside.
    times: u32,
    /// Whether it is repeated already.
    repeated: bool,
    /// Whether the operator of that repetition came just before.
    adjacent: bool,
}

impl Operand {
    fn new(start: usize, end: usize, times: u32) -> Operand {
        Operand {
            start,
            end,
            times,
            repeated: false,
            adjacent: false,
        }
    }
}

/// Writes a character that stands for itself.
fn literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", c as u32));
    }
}

/// Returns the class that `\d` and the like stand for, between brackets.
fn perl_class(c: char) -> Option<&'static str> {
    Some(match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => "[\\t\\n\\f\\r ]",
        'S' => "[^\\t\\n\\f\\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// Brings flags to a form in which each stands once; of repeated ones the last counts.
fn normalize_flags(flags: &str) -> Option<String> {
    let (on, off) = flags.split_once('-').map_or((flags, None), |(on, off)| (on, Some(off)));
    if off == Some("") {
        return None;
    }
    let off = off.unwrap_or_default();
    if !on
        .chars()
        .chain(off.chars())
        .all(|c| matches!(c, 'i' | 'm' | 's' | 'U'))
    {
        return None;
    }
    let pick = |wanted: &dyn Fn(char) -> bool| "imsU".chars().filter(|c| wanted(*c)).collect::<String>();
    let (on, off) = (
        pick(&|c| on.contains(c) && !off.contains(c)),
        pick(&|c| off.contains(c)),
    );
    Some(if off.is_empty() { on } else { format!("{on}-{off}") })
}

impl<'s> Translator<'s> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    /// Reads up to a `)` or the end. Returns the largest repetition inside.
    fn alternatives(&mut self) -> Result<u32, String> {
        if self.depth > MAX_DEPTH {
            return Err("groups are nested too deeply".into());
        }
        let mut most = 1;
        let mut operand: Option<Operand> = None;
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.next();
                    self.out.push('|');
                    operand = None;
                }
                '*' | '+' | '?' => {
                    self.next();
                    self.repeat(&c.to_string(), operand.as_mut(), c)?;
                }
                '{' => match self.counted()? {
                    Some((count, largest)) => {
                        let total = operand.as_ref().map_or(1, |o| o.times);
                        let total = total.saturating_mul(largest.max(1));
                        if total > MAX_REPEAT {
                            return Err(format!("a repetition must not be more than {MAX_REPEAT}-fold"));
                        }
                        self.repeat(&count, operand.as_mut(), '{')?;
                        operand.iter_mut().for_each(|o| o.times = total);
                        most = most.max(total);
                    }
                    None => {
                        let start = self.out.len();
                        self.next();
                        literal(&mut self.out, c);
                        operand = Some(Operand::new(start, self.out.len(), 1));
                    }
                },
                _ => match self.atom()? {
                    Some(atom) => {
                        most = most.max(atom.times);
                        operand = Some(atom);
                    }
                    None => operand.iter_mut().for_each(|o| o.adjacent = false),
                },
            }
        }
        Ok(most)
    }

    /// Writes a repetition operator. What it applies to must be there, and not be
    /// repeated by the operator just before.
    fn repeat(&mut self, operator: &str, operand: Option<&mut Operand>, c: char) -> Done {
        let Some(operand) = operand.filter(|o| !o.adjacent) else {
            return Err(format!("there is nothing before `{c}` to repeat"));
        };
        let lazy = if self.eat("?") { "?" } else { "" };
        // Flags may stand between; they hold for what follows.
        if operand.repeated {
            self.out.insert(operand.end, ')');
            self.out.insert_str(operand.start, "(?:");
            operand.end += "(?:)".len();
        }
        let operator = format!("{operator}{lazy}");
        self.out.insert_str(operand.end, &operator);
        operand.end += operator.len();
        (operand.repeated, operand.adjacent) = (true, true);
        Ok(())
    }

    /// Reads `{n}`, `{n,}` or `{n,m}`; anything else is no repetition.
    fn counted(&mut self) -> Result<Option<(String, u32)>, String> {
        let Some(end) = self.rest.find('}') else {
            return Ok(None);
        };
        let inside = &self.rest[1..end];
        let number = |s: &str| -> Option<u32> {
            let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
            let plain = digits && (s.len() == 1 || !s.starts_with('0'));
            plain.then(|| s.parse().unwrap_or(u32::MAX))
        };
        let (least, most) = match inside.split_once(',') {
            None => (number(inside), number(inside)),
            Some((least, "")) => (number(least), number(least)),
            Some((least, most)) => (number(least), number(most)),
        };
        let (Some(least), Some(most)) = (least, most) else {
            return Ok(None);
        };
        if least > MAX_REPEAT || most > MAX_REPEAT || least > most {
            return Err(format!("the repetition `{{{inside}}}` is out of range"));
        }
        let shown = self.rest[..=end].to_owned();
        self.rest = &self.rest[end + 1..];
        Ok(Some((shown, most)))
    }

    /// Reads one atom; nothing if it matches nothing by itself, such as flags.
    fn atom(&mut self) -> Result<Option<Operand>, String> {
        let mut start = self.out.len();
        let mut times = 1;
        if self.eat("(?") {
            match self.special_group()? {
                Some(inside) => times = inside,
                None => return Ok(None),
            }
        } else if self.eat("(") {
            self.names.push(None);
            times = self.group("(")?;
        } else if self.eat("\\Q") {
            let (quoted, after) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            if quoted.is_empty() {
                self.rest = after;
                return Ok(None);
            }
            for c in quoted.chars() {
                start = self.out.len();
                literal(&mut self.out, c);
            }
            self.rest = after;
        } else {
            match self.next() {
                Some('[') => self.class()?,
                Some('\\') => self.escape()?,
                Some(c @ ('.' | '^' | '$')) => self.out.push(c),
                Some(c) => literal(&mut self.out, c),
                None => {}
            }
        }
        Ok(Some(Operand::new(start, self.out.len(), times)))
    }

    /// Reads a group after its opening.
    fn group(&mut self, open: &str) -> Result<u32, String> {
        self.out.push_str(open);
        self.depth += 1;
        let most = self.alternatives()?;
        self.depth -= 1;
        if !self.eat(")") {
            return Err("a `)` is missing".into());
        }
        self.out.push(')');
        Ok(most)
    }

    /// Reads a group after `(?`: with a name, or with flags.
    ///
    /// Returns the largest repetition inside; nothing if there are only flags.
    fn special_group(&mut self) -> Result<Option<u32>, String> {
        if self.eat("P<") || self.eat("<") {
            let (name, after) = self.rest.split_once('>').ok_or("a group's name has no end")?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("`(?<{name}>` is not supported"));
            }
            self.names.push(Some(name.to_owned()));
            self.rest = after;
            return self.group("(").map(Some);
        }
        let end = self.rest.find([':', ')']).ok_or("a group has no end")?;
        let flags = &self.rest[..end];
        let group = self.rest[end..].starts_with(':');
        let flags = normalize_flags(flags).ok_or_else(|| format!("`(?{flags}` is not supported"))?;
        self.rest = &self.rest[end + 1..];
        if group {
            return self.group(&format!("(?{flags}:")).map(Some);
        }
        if !flags.is_empty() {
            self.out.push_str(&format!("(?{flags})"));
        }
        Ok(None)
    }

    /// Reads an escape outside of brackets, after its backslash.
    fn escape(&mut self) -> Done {
        match self.peek() {
            Some('A') => self.out.push_str("\\A"),
            Some('z') => self.out.push_str("\\z"),
            Some('b') => self.out.push_str("(?-u:\\b)"),
            Some('B') => self.out.push_str("(?-u:\\B)"),
            Some('p' | 'P') => return self.unicode_class(),
            Some(c) => match perl_class(c) {
                Some(class) => self.out.push_str(class),
                None => {
                    let c = self.escaped_char()?;
                    literal(&mut self.out, c);
                    return Ok(());
                }
            },
            None => return Err("there is a `\\` at the end".into()),
        }
        self.next();
        Ok(())
    }

    /// Reads `\p{Name}` or `\pN`, after its backslash.
    fn unicode_class(&mut self) -> Done {
        let mut negated = self.next() == Some('P');
        let name = if self.eat("{") {
            let (name, after) = self.rest.split_once('}').ok_or("a `\\p{` has no end")?;
            self.rest = after;
            name
        } else {
            let rest = self.rest;
            self.next().ok_or("a `\\p` has no name")?;
            &rest[..rest.len() - self.rest.len()]
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => name,
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("there is no class `\\p{{{name}}}`"));
        }
        self.out
            .push_str(&format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }));
        Ok(())
    }

    /// Reads an escape that stands for one character, after its backslash.
    fn escaped_char(&mut self) -> Result<char, String> {
        let wrong = || "there is a wrong escape".to_owned();
        let c = self.next().ok_or("there is a `\\` at the end")?;
        Ok(match c {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => {
                let digits = if self.eat("{") {
                    let (digits, after) = self.rest.split_once('}').ok_or_else(wrong)?;
                    self.rest = after;
                    digits
                } else {
                    let (digits, after) = self.rest.split_at_checked(2).ok_or_else(wrong)?;
                    self.rest = after;
                    digits
                };
                let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex);
                code.and_then(char::from_u32).ok_or_else(wrong)?
            }
            '0'..='7' => {
                let more = self
                    .rest
                    .bytes()
                    .take(2)
                    .take_while(|b| matches!(b, b'0'..=b'7'))
                    .count();
                if c != '0' && more == 0 {
                    return Err(format!("`\\{c}` is not supported"));
                }
                let digits = &self.rest[..more];
                self.rest = &self.rest[more..];
                let code = u32::from_str_radix(&format!("{c}{digits}"), 8).map_err(|_| wrong())?;
                char::from_u32(code).ok_or_else(wrong)?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            c => return Err(format!("there is no escape `\\{c}`")),
        })
    }

    /// Reads a class after its `[`.
    fn class(&mut self) -> Done {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            match self.peek() {
                None => return Err("a `]` is missing".into()),
                Some(']') if !first => break,
                _ => {}
            }
            first = false;
            if self.rest.starts_with("[:") && self.posix_class()? {
                continue;
            }
            if self.rest.starts_with("\\p") || self.rest.starts_with("\\P") {
                self.next();
                self.unicode_class()?;
                continue;
            }
            let perl = self
                .rest
                .strip_prefix('\\')
                .and_then(|r| r.chars().next())
                .and_then(perl_class);
            if let Some(class) = perl {
                self.out.push_str(class);
                self.rest = &self.rest[2..];
                continue;
            }
            let low = self.class_char()?;
            literal(&mut self.out, low);
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                let high = self.class_char()?;
                if high < low {
                    return Err(format!("the range `{low}-{high}` is empty"));
                }
                self.out.push('-');
                literal(&mut self.out, high);
            }
        }
        self.next();
        self.out.push(']');
        Ok(())
    }

    fn class_char(&mut self) -> Result<char, String> {
        match self.next() {
            Some('\\') => self.escaped_char(),
            Some(c) => Ok(c),
            None => Err("a `]` is missing".into()),
        }
    }

    /// Reads `[:name:]`; says whether it was one.
    fn posix_class(&mut self) -> Result<bool, String> {
        let Some(end) = self.rest[2..].find(":]") else {
            return Ok(false);
        };
        let name = &self.rest[2..2 + end];
        let known = matches!(
            name.strip_prefix('^').unwrap_or(name),
            "alnum"
                | "alpha"
                | "ascii"
                | "blank"
                | "cntrl"
                | "digit"
                | "graph"
                | "lower"
                | "print"
                | "punct"
                | "space"
                | "upper"
                | "word"
                | "xdigit"
        );
        if !known {
            return Err(format!("there is no class `[:{name}:]`"));
        }
        self.out.push_str(&format!("[[:{name}:]]"));
        self.rest = &self.rest[end + 4..];
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(pattern: &str, s: &str) -> Option<String> {
        let (translated, _) = translate(pattern).unwrap();
        let regex = regex::Regex::new(&translated).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        regex.find(s).map(|m| m.as_str().to_owned())
    }

    #[track_caller]
    fn check(pattern: &str, s: &str, expect: &str) {
        assert_eq!(first(pattern, s).as_deref(), Some(expect), "{pattern}");
    }

    #[test]
    fn classes_are_about_ascii() {
        check("\\w+", "aé", "a");
        check("\\d", "٣4", "4");
        check("[\\w-]+", "a-b c", "a-b");
        check("[^\\s]+", "  x y", "x");
        check("[[:^alpha:]]+", "ab12", "12");
        check("[\\p{Lu}]", "abÇ", "Ç");
        check("\\bk", "ak k", "k");
    }

    #[test]
    fn literals_stay_literals() {
        check("\\Qa.b\\E", "axb a.b", "a.b");
        check("a{,2}", "a{,2}", "a{,2}");
        check("x{", "x{", "x{");
        check("[a&&b]+", "&&", "&&");
        check("[[a]+", "[a", "[a");
        check("[]a]+", "]a", "]a");
        check("#-~", "#-~", "#-~");
        check("\\_\\x41\\101", "_AA", "_AA");
    }

    #[test]
    fn groups_and_flags() {
        check("(?i)abc", "ABC", "ABC");
        check("(?U)a+", "aaa", "a");
        check("(?s:.)b", "\nb", "\nb");
        check("(?ii-s)(?)A", "a", "a");
        check("(?i-i)a|A", "A", "A");
        check("a+?", "aaa", "a");
        check("(a|)b", "b", "b");
        assert_eq!(translate("(?P<1>a)(b)").unwrap().1, [Some("1".into()), None]);
    }

    #[test]
    fn flags_do_not_separate_a_repetition_from_its_operand() {
        check("a(?i)+B", "Aaab", "aab");
        check("a{2}(?i){2}B", "aaab aaaab", "aaaab");
        check("a*(?i)*B", "aab", "aab");
        check("a\\Q\\E+", "aa", "aa");
        check("\\Qab\\E+", "abb", "abb");
        for pattern in ["(?i)*", "a|(?i)*", "((?i)+)", "a{500}(?i){3}"] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_re2_lacks_is_refused() {
        for pattern in [
            "(?=a)",
            "(?!a)",
            "(?<=a)b",
            "(a)\\1",
            "a**",
            "\\",
            "(?x) a",
            "(",
            ")",
            "*",
            "[a",
            "a{1001}",
            "(a{100}){100}",
            "\\Z",
            "[b-a]",
            "[[:foo:]]",
            "(?i-)a",
        ] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
