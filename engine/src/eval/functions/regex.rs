//! `regex`, `regexall` and `replace`.
//!
//! Patterns have the syntax of RE2, which is translated for the `regex` crate.

mod re2;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use infra_types::{Type, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::{FnError, Param, Spec, returns, string, text};
use crate::eval::budget::check_text;
use crate::eval::scope::Scope;

/// How large a compiled pattern may be, in bytes.
const SIZE_LIMIT: usize = 64 << 20;

/// How many compiled patterns are kept per thread.
const CACHE_SIZE: usize = 64;

pub(super) fn specs() -> Vec<Spec> {
    let params = || vec![Param::string("pattern"), Param::string("string")];
    vec![
        Spec::new(
            "regex",
            "Returns what a regular expression matches first.",
            params(),
            |args| {
                if args[0].is_known() {
                    compile(args, 0)?.result_type()
                } else {
                    Ok(Type::Dynamic)
                }
            },
            |args, _| {
                let pattern = compile(args, 0)?;
                pattern.result_type()?;
                match pattern.regex.captures(text(args, 1)) {
                    Some(captures) => Ok(pattern.result(&captures)),
                    None => Err(FnError::new("the pattern does not match the string")),
                }
            },
        ),
        Spec::new(
            "regexall",
            "Returns everything that a regular expression matches.",
            params(),
            |args| {
                Ok(Type::list(if args[0].is_known() {
                    compile(args, 0)?.result_type()?
                } else {
                    Type::Dynamic
                }))
            },
            |args, _| {
                let pattern = compile(args, 0)?;
                let ty = pattern.result_type()?;
                let all = pattern.regex.captures_iter(text(args, 1)).map(|c| pattern.result(&c));
                Ok(Value::list(ty, all.collect()))
            },
        ),
        Spec::new(
            "replace",
            "Replaces each occurrence of a substring, or of a regular expression between slashes.",
            vec![Param::string("str"), Param::string("substr"), Param::string("replace")],
            returns::string,
            replace,
        ),
    ]
}

/// A compiled pattern with the names of its groups.
struct Pattern {
    regex: Regex,
    /// One for each group, in order; nothing for a group without a name.
    names: Vec<Option<String>>,
}

thread_local! {
    static CACHE: RefCell<BTreeMap<String, Rc<Pattern>>> = const { RefCell::new(BTreeMap::new()) };
}

fn compile(args: &[Value], index: usize) -> Result<Rc<Pattern>, FnError> {
    compile_text(text(args, index)).map_err(|why| FnError::at(index, format!("the pattern is wrong: {why}")))
}

fn compile_text(source: &str) -> Result<Rc<Pattern>, String> {
    if let Some(found) = CACHE.with_borrow(|cache| cache.get(source).cloned()) {
        return Ok(found);
    }
    let (translated, names) = re2::translate(source)?;
    let regex = RegexBuilder::new(&translated)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => other.to_string(),
        })?;
    let pattern = Rc::new(Pattern { regex, names });
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= CACHE_SIZE {
            cache.clear();
        }
        cache.insert(source.to_owned(), Rc::clone(&pattern));
    });
    Ok(pattern)
}

impl Pattern {
    /// Returns a string without groups, a tuple with unnamed and an object with named ones.
    fn result_type(&self) -> Result<Type, FnError> {
        let named = self.names.iter().flatten().count();
        match self.names.len() {
            0 => Ok(Type::String),
            all if named == all => Ok(Type::object(self.names.iter().flatten().map(|n| (&**n, Type::String)))),
            all if named == 0 => Ok(Type::tuple(vec![Type::String; all])),
            _ => Err(FnError::at(0, "either all groups or none must have names")),
        }
    }

    fn result(&self, captures: &Captures<'_>) -> Value {
        let group = |i: usize| match captures.get(i) {
            Some(found) => Value::from(found.as_str()),
            None => Value::null_of(Type::String),
        };
        if self.names.is_empty() {
            return group(0);
        }
        let groups = (1..=self.names.len()).map(group);
        if self.names[0].is_some() {
            Value::object(self.names.iter().flatten().map(|n| &**n).zip(groups))
        } else {
            Value::tuple(groups.collect())
        }
    }

    /// Writes a replacement: `$name`, `${name}` and `$1` stand for groups, `$$` for a dollar.
    fn expand(&self, captures: &Captures<'_>, template: &str, out: &mut String) {
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let (braced, inner) = rest.strip_prefix('{').map_or((false, rest), |inner| (true, inner));
            let end = inner
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(inner.len());
            let (name, mut after) = inner.split_at(end);
            let closed = match after.strip_prefix('}') {
                Some(more) if braced => {
                    after = more;
                    true
                }
                _ => !braced,
            };
            if name.is_empty() || !closed {
                out.push('$');
                continue;
            }
            rest = after;
            let is_number = name.bytes().all(|b| b.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
            let found = if is_number {
                name.parse().ok().and_then(|i| captures.get(i))
            } else {
                // Of several groups with the name, the first that has matched.
                let named = self.names.iter().zip(1..).filter(|(n, _)| n.as_deref() == Some(name));
                named.filter_map(|(_, i)| captures.get(i)).next()
            };
            if let Some(found) = found {
                out.push_str(found.as_str());
            }
        }
        out.push_str(rest);
    }
}

fn replace(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let (s, with) = (text(args, 0), text(args, 2));
    let between = text(args, 1).strip_prefix('/').and_then(|p| p.strip_suffix('/'));
    let Some(source) = between else {
        return string::replace_text(s, text(args, 1), with);
    };
    let pattern = compile_text(source).map_err(|why| FnError::at(1, format!("the pattern is wrong: {why}")))?;
    let mut out = String::with_capacity(s.len());
    let mut copied = 0;
    for captures in pattern.regex.captures_iter(s) {
        let whole = captures.get(0).expect("group 0 is the whole match");
        out.push_str(&s[copied..whole.start()]);
        pattern.expand(&captures, with, &mut out);
        check_text(out.len()).map_err(FnError::new)?;
        copied = whole.end();
    }
    out.push_str(&s[copied..]);
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    #[test]
    fn groups_decide_on_the_result() {
        check("regex", ["\\d+".into(), "abc 12".into()], "12");
        check(
            "regex",
            ["(\\d+)-(x)?".into(), "10-".into()],
            Value::tuple(vec!["10".into(), Value::null_of(Type::String)]),
        );
        check(
            "regex",
            ["(?P<k>\\w)=(?P<v>\\w)".into(), "a=b".into()],
            Value::object([("k", Value::from("a")), ("v", "b".into())]),
        );
        // The last of the groups with a name counts.
        check(
            "regex",
            ["(?P<n>a)(?P<n>b)".into(), "ab".into()],
            Value::object([("n", Value::from("b"))]),
        );
        refused("regex", ["(?P<x>a)(b)".into(), "ab".into()]);
        refused("regex", ["z".into(), "ab".into()]);
    }

    #[test]
    fn all_matches() {
        check("regexall", ["z*".into(), "bz".into()], Value::strings(["", "z"]));
        check("regexall", ["".into(), "abc".into()], Value::strings(["", "", "", ""]));
        check(
            "regexall",
            ["(?m)^.".into(), "ab\ncd".into()],
            Value::strings(["a", "c"]),
        );
    }

    #[test]
    fn replacements_refer_to_groups() {
        let replaced =
            |s: &str, p: &str, r: &str, expect: &str| check("replace", [s.into(), p.into(), r.into()], expect);
        replaced("a.b.c", ".", "-", "a-b-c");
        replaced("hello", "/l+/", "L", "heLo");
        replaced("ab", "/(a)(?P<x>b)/", "${x}$1$$", "ba$");
        replaced("hello", "/h(.)l/", "$1x", "lo");
        replaced("a/b/c", "//", "-", "-a-/-b-/-c-");
        replaced("aX", "X", "$1", "a$1");
        replaced("ab", "/(a)b/", "<$01>", "<>");
        replaced("b", "/(?P<n>a)|(?P<n>b)/", "<$n>", "<b>");
        refused("replace", ["a".into(), "/(/".into(), "x".into()]);
    }
}
