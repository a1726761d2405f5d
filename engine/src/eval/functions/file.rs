//! Functions on files and their names. All access goes through the host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_types::{Type, Value};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::glob::{self, Glob};
use super::{CallFn, FnError, Param, Spec, returns, text};
use crate::eval::scope::{HostError, Scope};

pub(super) fn specs() -> Vec<Spec> {
    let spec = |name, description, call: CallFn| {
        Spec::new(name, description, vec![Param::string("path")], returns::string, call)
    };
    vec![
        spec("abspath", "Returns the absolute form of a path.", |args, scope| {
            Ok(scope.host().absolute_path(text(args, 0)).into())
        }),
        spec("basename", "Returns the last name of a path.", |args, _| {
            Ok(basename(text(args, 0)).into())
        }),
        spec("dirname", "Returns a path without its last name.", |args, _| {
            Ok(dirname(text(args, 0)).into())
        }),
        spec("file", "Returns the contents of a text file.", |args, scope| {
            read_text(args, 0, scope).map(Value::from)
        }),
        spec(
            "filebase64",
            "Returns the contents of a file in base64.",
            |args, scope| Ok(STANDARD.encode(read(args, 0, scope)?).into()),
        ),
        spec(
            "filebase64sha256",
            "Returns the SHA256 checksum of a file in base64.",
            |args, scope| Ok(STANDARD.encode(Sha256::digest(read(args, 0, scope)?)).into()),
        ),
        spec(
            "filebase64sha512",
            "Returns the SHA512 checksum of a file in base64.",
            |args, scope| Ok(STANDARD.encode(Sha512::digest(read(args, 0, scope)?)).into()),
        ),
        Spec::new(
            "fileexists",
            "Says whether there is a file.",
            vec![Param::string("path")],
            returns::bool,
            |args, scope| {
                let path = expand_home(text(args, 0), scope)?;
                Ok(scope.host().file_exists(&path).map_err(|e| FnError::at(0, e.0))?.into())
            },
        ),
        spec(
            "filemd5",
            "Returns the MD5 checksum of a file in hexadecimal.",
            |args, scope| Ok(hex::encode(Md5::digest(read(args, 0, scope)?)).into()),
        ),
        Spec::new(
            "fileset",
            "Returns the files in a folder whose names match a pattern.",
            vec![Param::string("path"), Param::string("pattern")],
            |_| Ok(Type::set(Type::String)),
            fileset,
        ),
        spec(
            "filesha1",
            "Returns the SHA1 checksum of a file in hexadecimal.",
            |args, scope| Ok(hex::encode(Sha1::digest(read(args, 0, scope)?)).into()),
        ),
        spec(
            "filesha256",
            "Returns the SHA256 checksum of a file in hexadecimal.",
            |args, scope| Ok(hex::encode(Sha256::digest(read(args, 0, scope)?)).into()),
        ),
        spec(
            "filesha512",
            "Returns the SHA512 checksum of a file in hexadecimal.",
            |args, scope| Ok(hex::encode(Sha512::digest(read(args, 0, scope)?)).into()),
        ),
        spec(
            "pathexpand",
            "Replaces a `~` at the beginning of a path by the home folder.",
            |args, scope| expand_home(text(args, 0), scope).map(Value::from),
        ),
    ]
}

/// Replaces `~` at the beginning by the home folder.
fn expand_home(path: &str, scope: &dyn Scope) -> Result<String, FnError> {
    let Some(rest) = path.strip_prefix('~') else {
        return Ok(path.to_owned());
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err(FnError::at(0, "the home folder of another user is not supported"));
    }
    let home = scope
        .host()
        .home()
        .ok_or_else(|| FnError::at(0, "the home folder is not known"))?;
    Ok(if rest.is_empty() {
        home
    } else {
        clean(&format!("{home}/{rest}"))
    })
}

fn read(args: &[Value], index: usize, scope: &dyn Scope) -> Result<Vec<u8>, FnError> {
    let path = expand_home(text(args, index), scope)?;
    scope
        .host()
        .read_file(&path)
        .map_err(|HostError(why)| FnError::at(index, why))
}

/// Reads a file that must be text.
pub(super) fn read_text(args: &[Value], index: usize, scope: &dyn Scope) -> Result<String, FnError> {
    String::from_utf8(read(args, index, scope)?).map_err(|_| {
        FnError::at(
            index,
            format!(
                "the contents of {} are not text in UTF-8; `filebase64` reads any file",
                text(args, index)
            ),
        )
    })
}

/// Brings a path to its shortest form with the same meaning.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|n| *n != "..") => {
                names.pop();
            }
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    match (rooted, names.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".into(),
        (false, rest) => rest,
    }
}

fn basename(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        _ if path.is_empty() => ".".into(),
        _ if trimmed.is_empty() => "/".into(),
        name => name.unwrap_or(trimmed).into(),
    }
}

fn dirname(path: &str) -> String {
    clean(&path[..path.rfind('/').map_or(0, |at| at + 1)])
}

/// Returns the way from one clean path to another.
fn relative(base: &str, path: &str) -> String {
    let names = |p: &str| -> Vec<String> {
        let kept = p.split('/').filter(|n| !n.is_empty() && *n != ".");
        kept.map(str::to_owned).collect()
    };
    let (base, path) = (names(base), names(path));
    let common = base.iter().zip(&path).take_while(|(a, b)| a == b).count();
    let up = base[common..].iter().map(|_| "..");
    up.chain(path[common..].iter().map(|n| &**n))
        .collect::<Vec<_>>()
        .join("/")
}

fn fileset(args: &[Value], scope: &dyn Scope) -> Result<Value, FnError> {
    let pattern = clean(text(args, 1));
    // The folders before the first name with a special character need no listing.
    let names: Vec<&str> = pattern.split('/').collect();
    let fixed = names.iter().take_while(|n| !glob::is_pattern(n)).count();
    let (fixed, varying) = names.split_at(fixed.min(names.len() - 1));
    let wrong = |why| FnError::at(1, format!("the pattern is wrong: {why}"));
    let matcher = Glob::parse(&varying.join("/")).map_err(wrong)?;
    let prefix: String = fixed.iter().map(|n| format!("{n}/")).collect();
    let path = expand_home(text(args, 0), scope)?;
    let folder = clean(&format!("{path}/{prefix}"));
    // A folder that is not there has no files.
    let files = scope.host().list_files(&folder).unwrap_or_default();
    let base = clean(&path);
    let found = files.iter().filter(|f| matcher.matches(f));
    let found = found.map(|f| Value::from(relative(&base, &clean(&format!("{folder}/{f}")))));
    Ok(Value::set(Type::String, found.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bare, check, refused};
    use super::*;
    use crate::eval::scope::Host;

    /// A host with three files.
    struct Files;

    impl Host for Files {
        fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
            match path {
                "m/a.txt" | "/home/me/a.txt" => Ok(b"hello".to_vec()),
                "m/b.bin" => Ok(vec![0xff]),
                _ => Err(HostError(format!("there is no file `{path}`"))),
            }
        }

        fn file_exists(&self, path: &str) -> Result<bool, HostError> {
            Ok(self.read_file(path).is_ok())
        }

        fn list_files(&self, folder: &str) -> Result<Vec<String>, HostError> {
            match folder {
                "m" => Ok(["a.txt", "b.bin", "sub/c.txt"].map(String::from).into()),
                "m/sub" => Ok(vec!["c.txt".into()]),
                _ => Err(HostError("no such folder".into())),
            }
        }

        fn absolute_path(&self, path: &str) -> String {
            format!("/work/{path}")
        }

        fn home(&self) -> Option<String> {
            Some("/home/me".into())
        }

        fn timestamp(&self) -> Option<String> {
            None
        }

        fn plan_timestamp(&self) -> Option<String> {
            None
        }

        fn uuid(&self) -> Option<String> {
            None
        }
    }

    fn run(name: &str, args: &[&str]) -> Result<Value, FnError> {
        let args = args.iter().map(|a| Value::from(*a)).collect();
        super::super::call(super::super::lookup(name).unwrap(), args, &Bare(Files))
    }

    #[test]
    fn names_of_files() {
        let base = |p: &str, expect: &str| check("basename", [p.into()], expect);
        base("/a/b/c.txt", "c.txt");
        base("a//b//", "b");
        base("", ".");
        base("//", "/");
        let dir = |p: &str, expect: &str| check("dirname", [p.into()], expect);
        dir("/a/b/", "/a/b");
        dir("c.txt", ".");
        dir("a/../b/c", "b");
        dir("../x", "..");
        dir("/", "/");
        assert_eq!(run("pathexpand", &["~/x"]).unwrap(), "/home/me/x".into());
        assert_eq!(run("abspath", &["x"]).unwrap(), "/work/x".into());
    }

    #[test]
    fn contents_of_files() {
        assert_eq!(run("file", &["m/a.txt"]).unwrap(), "hello".into());
        assert_eq!(run("file", &["~/a.txt"]).unwrap(), "hello".into());
        assert_eq!(run("filebase64", &["m/b.bin"]).unwrap(), "/w==".into());
        assert_eq!(
            run("filemd5", &["m/a.txt"]).unwrap(),
            "5d41402abc4b2a76b9719d911017c592".into()
        );
        assert_eq!(run("fileexists", &["m/none"]).unwrap(), false.into());
        assert!(run("file", &["m/b.bin"]).is_err());
        refused("file", ["none".into()]);
    }

    #[test]
    fn files_by_pattern() {
        let set = |names: &[&str]| Value::set(Type::String, names.iter().map(|n| Value::from(*n)).collect());
        assert_eq!(run("fileset", &["m", "*.txt"]).unwrap(), set(&["a.txt"]));
        assert_eq!(
            run("fileset", &["m", "**/*.txt"]).unwrap(),
            set(&["a.txt", "sub/c.txt"])
        );
        assert_eq!(run("fileset", &["m", "sub/*"]).unwrap(), set(&["sub/c.txt"]));
        assert_eq!(run("fileset", &["m", "./a.txt"]).unwrap(), set(&["a.txt"]));
        assert_eq!(run("fileset", &["m", "../m/a.txt"]).unwrap(), set(&["a.txt"]));
        assert_eq!(run("fileset", &["m/x", "../a.txt"]).unwrap(), set(&["../a.txt"]));
        assert_eq!(run("fileset", &["none", "*"]).unwrap(), set(&[]));
    }
}
