//! Where source files come from.
//!
//! The engine does no IO; whoever calls it brings a [`SourceLoader`]. Paths are
//! texts with `/` between names, relative to the working folder of the run.

/// Gives access to source files.
pub trait SourceLoader {
    /// Returns the names of the files directly in a folder.
    fn list(&self, dir: &str) -> Result<Vec<String>, LoadError>;

    /// Returns the contents of a file.
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError>;

    /// Says whether there is a folder.
    fn exists_dir(&self, dir: &str) -> bool;
}

/// Why a file or folder could not be read, such as `no such file`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

/// Returns the path of `relative` as seen from the folder `base`, without `.` and inner `..`.
pub fn join(base: &str, relative: &str) -> String {
    if relative.starts_with('/') {
        return normalise(relative);
    }
    normalise(&format!("{base}/{relative}"))
}

/// Returns a path without `.`, repeated `/` and inner `..`; `.` for nothing.
///
/// Works on the text alone: symbolic links are not followed.
pub fn normalise(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => match names.last() {
                Some(last) if *last != ".." => {
                    names.pop();
                }
                _ if absolute => {}
                _ => names.push(".."),
            },
            _ => names.push(name),
        }
    }
    let joined = names.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// Returns the path of a file in a folder as messages show it.
pub(super) fn file_in(dir: &str, name: &str) -> String {
    match dir {
        "." => name.to_owned(),
        _ => join(dir, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_normalised() {
        let check = |base, relative, expect: &str| assert_eq!(join(base, relative), expect);
        check(".", "./modules/a", "modules/a");
        check("environments/local", "../../modules/network", "modules/network");
        check("modules/a", "..", "modules");
        check("a", "..", ".");
        check(".", "../x", "../x");
        check("..", "../x", "../../x");
        check("/srv/a", "../b", "/srv/b");
        check("a", "/srv//b/./c", "/srv/b/c");
        check("/", "..", "/");
    }
}
