//! Patterns for file names: `*`, `**`, `?`, `[a-z]`, `{a,b}`.

/// A pattern, one part per name between slashes.
#[derive(Debug)]
pub(super) struct Glob {
    /// Every choice among the braces.
    choices: Vec<Vec<Part>>,
}

#[derive(Clone, Debug)]
enum Part {
    /// `**`: any number of names.
    Any,
    /// One name.
    Name(Vec<Token>),
}

#[derive(Clone, Debug)]
enum Token {
    Char(char),
    /// `?`.
    One,
    /// `*`.
    Many,
    /// `[…]`: ranges, and whether it is what they don't hold.
    Class(Vec<(char, char)>, bool),
}

/// How many choices braces may make.
const MAX_CHOICES: usize = 1000;

impl Glob {
    /// Reads a pattern.
    pub(super) fn parse(pattern: &str) -> Result<Glob, &'static str> {
        let mut choices = Vec::new();
        for choice in expand_braces(pattern)? {
            let parts: Result<Vec<Part>, _> = choice
                .split('/')
                .map(|name| {
                    if name == "**" {
                        Ok(Part::Any)
                    } else {
                        tokens(name).map(Part::Name)
                    }
                })
                .collect();
            choices.push(parts?);
        }
        Ok(Glob { choices })
    }

    /// Says whether a relative path matches.
    pub(super) fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        self.choices.iter().any(|parts| match_parts(parts, &names))
    }
}

/// Says whether a text has characters with a meaning in patterns.
pub(super) fn is_pattern(s: &str) -> bool {
    s.contains(['*', '?', '[', '{', '\\'])
}

/// Returns all texts that a pattern's braces stand for.
fn expand_braces(pattern: &str) -> Result<Vec<String>, &'static str> {
    let Some((open, close, commas)) = first_braces(pattern)? else {
        return Ok(vec![pattern.to_owned()]);
    };
    let mut out = Vec::new();
    let mut from = open + 1;
    for end in commas.into_iter().chain([close]) {
        let choice = format!("{}{}{}", &pattern[..open], &pattern[from..end], &pattern[close + 1..]);
        out.extend(expand_braces(&choice)?);
        if out.len() > MAX_CHOICES {
            return Err("the braces have too many choices");
        }
        from = end + 1;
    }
    Ok(out)
}

/// Where braces open and close, and their own commas.
type Braces = (usize, usize, Vec<usize>);

/// Returns the first braces of a pattern.
fn first_braces(pattern: &str) -> Result<Option<Braces>, &'static str> {
    let (mut depth, mut open, mut commas) = (0, 0, Vec::new());
    let mut chars = pattern.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '{' => {
                if depth == 0 {
                    open = i;
                }
                depth += 1;
            }
            '}' if depth == 1 => return Ok(Some((open, i, commas))),
            '}' if depth > 1 => depth -= 1,
            ',' if depth == 1 => commas.push(i),
            _ => {}
        }
    }
    if depth > 0 {
        Err("a `{` is not closed")
    } else {
        Ok(None)
    }
}

fn tokens(name: &str) -> Result<Vec<Token>, &'static str> {
    let mut out = Vec::new();
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' => Token::Many,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().ok_or("there is a `\\` at the end")?),
            '[' => {
                let negated = chars.next_if(|c| matches!(c, '^' | '!')).is_some();
                let mut ranges = Vec::new();
                loop {
                    let mut one = || -> Result<char, &'static str> {
                        match chars.next() {
                            Some('\\') => chars.next().ok_or("a `[` is not closed"),
                            Some(c) => Ok(c),
                            None => Err("a `[` is not closed"),
                        }
                    };
                    let low = one()?;
                    if low == ']' && !ranges.is_empty() {
                        break;
                    }
                    if chars.next_if_eq(&'-').is_none() {
                        ranges.push((low, low));
                        continue;
                    }
                    match chars.next() {
                        Some(']') => {
                            ranges.extend([(low, low), ('-', '-')]);
                            break;
                        }
                        Some(high) => ranges.push((low, high)),
                        None => return Err("a `[` is not closed"),
                    }
                }
                Token::Class(ranges, negated)
            }
            c => Token::Char(c),
        });
    }
    Ok(out)
}

/// Matches names against parts; remembers the last `**` to go back to.
fn match_parts(parts: &[Part], names: &[&str]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match parts.get(p) {
            Some(Part::Any) => {
                back = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(Part::Name(tokens)) if n < names.len() && match_name(tokens, names[n]) => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            None if n == names.len() => return true,
            _ => {}
        }
        match back {
            Some((after, from)) if from < names.len() => {
                back = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// Matches a name against tokens; remembers the last `*` to go back to.
fn match_name(tokens: &[Token], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut t, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        let fits = match (tokens.get(t), name.get(n)) {
            (Some(Token::Many), _) => {
                back = Some((t + 1, n));
                t += 1;
                continue;
            }
            (None, None) => return true,
            (Some(Token::One), Some(_)) => true,
            (Some(Token::Char(c)), Some(d)) => c == d,
            (Some(Token::Class(ranges, negated)), Some(d)) => {
                ranges.iter().any(|(low, high)| (low..=high).contains(&d)) != *negated
            }
            _ => false,
        };
        if fits {
            (t, n) = (t + 1, n + 1);
            continue;
        }
        match back {
            Some((after, from)) if from < name.len() => {
                back = Some((after, from + 1));
                (t, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, path: &str, expect: bool) {
        assert_eq!(Glob::parse(pattern).unwrap().matches(path), expect, "{pattern} {path}");
    }

    #[test]
    fn names_match_patterns() {
        check("*.json", "a.json", true);
        check("*.json", "b/a.json", false);
        check("a?c", "abc", true);
        check("[a-c][!x]", "by", true);
        check("[^a]", "a", false);
        check("a*b*c", "aXbYbc", true);
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("*", ".hidden", true);
    }

    #[test]
    fn stars_cross_folders() {
        check("**/*.json", "a.json", true);
        check("**/*.json", "x/y/a.json", true);
        check("x/**", "x/y/a", true);
        check("x/**/a", "x/a", true);
        check("x/**/b/**/a", "x/1/b/2/3/a", true);
        check("x/**/b/a", "x/b/c/a", false);
    }

    #[test]
    fn braces_are_choices() {
        check("{a,b/c}.txt", "b/c.txt", true);
        check("x.{j{s,son},yml}", "x.json", true);
        check("x.{j{s,son},yml}", "x.toml", false);
        assert!(Glob::parse("{a").is_err());
        assert!(Glob::parse("[a").is_err());
    }
}
