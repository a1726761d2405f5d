//! Checksums, passwords and UUIDs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_types::{Type, Value};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

use super::{FnError, Param, Spec, integer, returns, rsa, text};
use crate::eval::scope::Scope;

pub(super) fn specs() -> Vec<Spec> {
    let one = || vec![Param::string("str")];
    vec![
        Spec::new(
            "base64sha256",
            "Returns the SHA256 checksum of a string in base64.",
            one(),
            returns::string,
            |args, _| Ok(STANDARD.encode(Sha256::digest(text(args, 0))).into()),
        ),
        Spec::new(
            "base64sha512",
            "Returns the SHA512 checksum of a string in base64.",
            one(),
            returns::string,
            |args, _| Ok(STANDARD.encode(Sha512::digest(text(args, 0))).into()),
        ),
        Spec::new(
            "bcrypt",
            "Returns the Blowfish hash of a string.",
            one(),
            returns::string,
            bcrypt_hash,
        )
        .variadic(Param::number("cost")),
        Spec::new(
            "md5",
            "Returns the MD5 checksum of a string in hexadecimal.",
            one(),
            returns::string,
            |args, _| Ok(hex::encode(Md5::digest(text(args, 0))).into()),
        ),
        Spec::new(
            "rsadecrypt",
            "Decrypts a text in base64 with an RSA private key.",
            vec![Param::string("ciphertext"), Param::string("privatekey")],
            returns::string,
            rsadecrypt,
        ),
        Spec::new(
            "sha1",
            "Returns the SHA1 checksum of a string in hexadecimal.",
            one(),
            returns::string,
            |args, _| Ok(hex::encode(Sha1::digest(text(args, 0))).into()),
        ),
        Spec::new(
            "sha256",
            "Returns the SHA256 checksum of a string in hexadecimal.",
            one(),
            returns::string,
            |args, _| Ok(hex::encode(Sha256::digest(text(args, 0))).into()),
        ),
        Spec::new(
            "sha512",
            "Returns the SHA512 checksum of a string in hexadecimal.",
            one(),
            returns::string,
            |args, _| Ok(hex::encode(Sha512::digest(text(args, 0))).into()),
        ),
        Spec::new("uuid", "Returns a new UUID.", vec![], returns::string, |_, scope| {
            Ok(match scope.host().uuid() {
                Some(id) => id.into(),
                None => Value::unknown(Type::String),
            })
        }),
        Spec::new(
            "uuidv5",
            "Returns the UUID of a name within a namespace.",
            vec![Param::string("namespace"), Param::string("name")],
            returns::string,
            uuidv5,
        ),
    ]
}

fn bcrypt_hash(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let cost = match args.len() {
        1 => 10,
        2 => integer(args, 1)?,
        n => {
            return Err(FnError::new(format!("`bcrypt` takes one or two arguments, got {n}")));
        }
    };
    // Go takes a cost that is too low for the default.
    let cost = if cost < 4 { 10 } else { cost };
    let cost = u32::try_from(cost)
        .ok()
        .filter(|c| *c <= 31)
        .ok_or_else(|| FnError::at(1, "the cost must be between 4 and 31"))?;
    let password = text(args, 0);
    if password.len() > 72 {
        return Err(FnError::at(0, "the text must not be longer than 72 bytes"));
    }
    let parts = bcrypt::hash_with_result(password, cost).map_err(|e| FnError::new(e.to_string()))?;
    Ok(parts.format_for_version(bcrypt::Version::TwoA).into())
}

fn uuidv5(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let namespace = match text(args, 0) {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::parse_str(other)
            .map_err(|_| FnError::at(0, "must be a UUID or one of \"dns\", \"url\", \"oid\" and \"x500\""))?,
    };
    Ok(Uuid::new_v5(&namespace, text(args, 1).as_bytes()).to_string().into())
}

fn rsadecrypt(args: &[Value], _: &dyn Scope) -> Result<Value, FnError> {
    let cipher = STANDARD
        .decode(text(args, 0).replace(['\r', '\n'], ""))
        .map_err(|_| FnError::at(0, "must be base64"))?;
    let key = rsa::PrivateKey::from_pem(text(args, 1)).map_err(|m| FnError::at(1, m))?;
    let plain = key
        .decrypt(&cipher)
        .ok_or_else(|| FnError::new("the text cannot be decrypted with this key"))?;
    match String::from_utf8(plain) {
        Ok(s) => Ok(s.into()),
        Err(e) => Ok(String::from_utf8_lossy(e.as_bytes()).into_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refused, run};

    #[test]
    fn checksums() {
        check("md5", ["".into()], "d41d8cd98f00b204e9800998ecf8427e");
        check("sha1", ["a".into()], "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8");
        check(
            "base64sha256",
            ["a".into()],
            "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=",
        );
    }

    #[test]
    fn uuids_of_names() {
        check(
            "uuidv5",
            ["dns".into(), "www.example.com".into()],
            "2ed6657d-e927-568b-95e1-2665a8aea6a2",
        );
        refused("uuidv5", ["DNS".into(), "".into()]);
    }

    #[test]
    fn passwords_are_hashed() {
        let hash = run("bcrypt", ["secret".into(), 4.into()]).unwrap();
        let hash = hash.as_str().unwrap();
        assert!(hash.starts_with("$2a$04$"), "{hash}");
        assert!(bcrypt::verify("secret", hash).unwrap());
        refused("bcrypt", ["secret".into(), 40.into()]);
    }
}
