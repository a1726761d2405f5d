//! Version constraints: `>= 0.1, < 2.0`, `~> 1.2`.

use std::cmp::Ordering;

/// The version of Terraform's language that is understood; what `required_version`
/// of a `terraform` block is compared with.
pub(super) const TERRAFORM_VERSION: &str = "1.11.4";

/// Says whether a version satisfies all constraints of a text.
///
/// # Errors
///
/// Returns what is wrong with the constraints.
pub(super) fn satisfies(version: &str, constraints: &str) -> Result<bool, String> {
    let (version, _) = parse(version)?;
    let mut all = true;
    for constraint in constraints.split(',') {
        all &= one(&version, constraint.trim())?;
    }
    Ok(all)
}

fn one(version: &[u64], constraint: &str) -> Result<bool, String> {
    let split = constraint
        .find(|c: char| c.is_ascii_digit() || c == 'v')
        .ok_or_else(|| format!("`{constraint}` has no version number"))?;
    let (operator, text) = constraint.split_at(split);
    let (wanted, given) = parse(text)?;
    let order = version.cmp(&wanted);
    Ok(match operator.trim() {
        "" | "=" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        ">" => order == Ordering::Greater,
        ">=" => order != Ordering::Less,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        "~>" => {
            let fixed = given.saturating_sub(1).max(1);
            order != Ordering::Less && version[..fixed] == wanted[..fixed]
        }
        other => return Err(format!("`{other}` is not an operator for versions")),
    })
}

/// Returns the three numbers of a version, and how many were written.
fn parse(text: &str) -> Result<(Vec<u64>, usize), String> {
    let numbers = text.trim().trim_start_matches('v');
    let numbers = numbers.split(['-', '+']).next().unwrap_or(numbers);
    let mut parts = Vec::with_capacity(3);
    for part in numbers.split('.') {
        parts.push(part.parse().map_err(|_| format!("`{text}` is not a version"))?);
    }
    if parts.len() > 3 {
        return Err(format!("`{text}` is not a version"));
    }
    let given = parts.len();
    parts.resize(3, 0);
    Ok((parts, given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str, constraints: &str, expect: bool) {
        assert_eq!(satisfies(version, constraints), Ok(expect), "{version} {constraints}");
    }

    #[test]
    fn constraints_compare_by_number() {
        check("1.11.4", ">= 1.9", true);
        check("1.11.4", "< 1.0", false);
        check("1.11.4", ">= 1.5.0, < 2.0.0", true);
        check("1.11.4", "~> 1.5", true);
        check("1.11.4", "~> 1.10.0", false);
        check("1.11.4", "1.11.4", true);
        check("1.11.4", "!= 1.11.4", false);
        check("0.1.0", "~> 0.1", true);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["latest", ">= x", "=> 1", "1.2.3.4", ""] {
            assert!(satisfies("1.0.0", text).is_err(), "{text}");
        }
    }
}
