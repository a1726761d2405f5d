//! `csvdecode`.

use std::collections::{BTreeMap, BTreeSet};

use infra_types::{Str, Type, Value};

use super::{FnError, Param, Spec, returns, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    vec![Spec::new(
        "csvdecode",
        "Reads rows of comma-separated values; the first row has the names.",
        vec![Param::string("str")],
        returns::any,
        csvdecode,
    )]
}

fn csvdecode(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let mut rows = read(text(args, 0))?.into_iter();
    let names = rows
        .next()
        .ok_or_else(|| FnError::at(0, "the header line is missing"))?;
    let names: Vec<Value> = names.cells.into_iter().map(Value::from).collect();
    let names: Vec<Str> = names.iter().filter_map(Value::as_str).map(Str::from).collect();
    let mut seen = BTreeSet::new();
    if let Some(name) = names.iter().find(|n| !seen.insert(*n)) {
        return Err(FnError::at(0, format!("there are two columns named \"{name}\"")));
    }
    let elem = Type::object(names.iter().map(|n| (n.clone(), Type::String)));
    let mut out = Vec::new();
    for row in rows {
        if row.cells.len() != names.len() {
            return Err(FnError::at(
                0,
                format!(
                    "line {} has {} fields, but the header has {}",
                    row.line,
                    row.cells.len(),
                    names.len()
                ),
            ));
        }
        let cells = row.cells.into_iter().map(Value::from);
        let attrs: BTreeMap<Str, Value> = names.iter().cloned().zip(cells).collect();
        out.push(Value::object(attrs));
    }
    Ok(Value::list(elem, out))
}

/// One record and the line it starts on.
struct Row {
    line: usize,
    cells: Vec<String>,
}

/// Reads all records by the rules of RFC 4180, as strictly as Go does.
///
/// The `csv` crate forgives quotes in wrong places, so it does not serve here.
fn read(source: &str) -> Result<Vec<Row>, FnError> {
    let source = source.replace("\r\n", "\n");
    // A lone carriage return counts only at the very end.
    let source = source.strip_suffix('\r').unwrap_or(&source);
    let mut rows = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\n') {
            (rest, line) = (after, line + 1);
            continue;
        }
        let mut row = Row { line, cells: vec![] };
        loop {
            let cell = if let Some(quoted) = rest.strip_prefix('"') {
                take_quoted(quoted, line)
            } else {
                take_plain(rest, line)
            };
            let (cell, after) = cell?;
            line += cell.matches('\n').count();
            row.cells.push(cell);
            rest = after;
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => break,
            }
        }
        if let Some(after) = rest.strip_prefix('\n') {
            (rest, line) = (after, line + 1);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Reads a field up to the comma or the end of the line.
fn take_plain(rest: &str, line: usize) -> Result<(String, &str), FnError> {
    let end = rest.find([',', '\n']).unwrap_or(rest.len());
    let (cell, after) = rest.split_at(end);
    if cell.contains('"') {
        return Err(FnError::at(
            0,
            format!("line {line}: there is a `\"` in a field without quotes"),
        ));
    }
    Ok((cell.to_owned(), after))
}

/// Reads a field after its opening quote.
fn take_quoted(mut rest: &str, line: usize) -> Result<(String, &str), FnError> {
    let mut cell = String::new();
    loop {
        let Some(end) = rest.find('"') else {
            return Err(FnError::at(
                0,
                format!("line {line}: the closing `\"` of a field is missing"),
            ));
        };
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.chars().next() {
            Some('"') => {
                cell.push('"');
                rest = &rest[1..];
            }
            None | Some(',' | '\n') => return Ok((cell, rest)),
            Some(_) => {
                return Err(FnError::at(
                    0,
                    format!("line {line}: there is something after a field's closing `\"`"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused};
    use super::*;

    fn table<const N: usize>(rows: &[[(&str, &str); N]], names: [&str; N]) -> Value {
        let elem = Type::object(names.map(|n| (n, Type::String)));
        let rows = rows.iter().map(|r| Value::object(r.map(|(k, v)| (k, Value::from(v)))));
        Value::list(elem, rows.collect())
    }

    #[test]
    fn rows_become_objects() {
        let expect = table(&[[("a", "1"), ("b", "2")]], ["a", "b"]);
        check("csvdecode", ["a,b\n1,2".into()], expect.clone());
        check("csvdecode", ["\n\na,b\r\n\n1,2\r\n".into()], expect);
        check(
            "csvdecode",
            ["a,b\n\"x,y\",\"q\"\"\r\nz\"".into()],
            table(&[[("a", "x,y"), ("b", "q\"\nz")]], ["a", "b"]),
        );
        check("csvdecode", ["a\n\"\"".into()], table(&[[("a", "")]], ["a"]));
        check(
            "csvdecode",
            ["a,b\n1,\n".into()],
            table(&[[("a", "1"), ("b", "")]], ["a", "b"]),
        );
        check("csvdecode", ["a".into()], table(&[], ["a"]));
    }

    #[test]
    fn wrong_rows_are_refused() {
        for source in ["", "a,b\n1", "a,b\n1,2,3", "a\nx\"y", "a\n\"x\"y", "a\n\"x", "a,a\n1,2"] {
            refused("csvdecode", [source.into()]);
        }
        assert!(
            refused("csvdecode", ["a,b\n1,2\n\n3".into()])
                .message
                .contains("line 4")
        );
    }
}
