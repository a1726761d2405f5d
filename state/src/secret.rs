//! Secrets at rest: sensitive values are sealed before they are written.
//!
//! Sealing is authenticated encryption (XChaCha20-Poly1305). Its nonce is a MAC
//! of the place and the value, so the same value at the same place gives the
//! same bytes and files stay diffable; a sealed text moved to another place does
//! not open.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, OsRng, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::error::KeyError;

/// The environment variable that holds the key.
pub const KEY_VARIABLE: &str = "INFRA_STATE_KEY";

const FORMAT: u8 = 1;
const ID_LEN: usize = 4;
const NONCE_LEN: usize = 24;

/// Seals and opens secrets, with a key per lineage.
#[derive(Clone)]
pub struct SecretCodec {
    source: Arc<Source>,
    derived: Arc<Mutex<BTreeMap<String, Arc<LineageKey>>>>,
}

/// Where keys come from.
#[derive(Default)]
struct Source {
    /// The key that was given.
    given: Option<Vec<u8>>,
    /// The folder of key files, one per lineage.
    folder: Option<PathBuf>,
}

impl SecretCodec {
    /// Uses `INFRA_STATE_KEY`; without it a key file per lineage in the user's data folder.
    pub fn from_environment() -> SecretCodec {
        let given = std::env::var_os(KEY_VARIABLE)
            .filter(|v| !v.is_empty())
            .map(|v| key_bytes(v.as_encoded_bytes()));
        SecretCodec::of(Source {
            given,
            folder: data_folder().map(|d| d.join("infra").join("keys")),
        })
    }

    /// Uses a passphrase, or 32 bytes in base64.
    pub fn with_key(key: &str) -> SecretCodec {
        SecretCodec::of(Source {
            given: Some(key_bytes(key.as_bytes())),
            folder: None,
        })
    }

    /// Uses key files in a folder; makes them when they are needed.
    pub fn with_folder(folder: impl Into<PathBuf>) -> SecretCodec {
        SecretCodec::of(Source {
            given: None,
            folder: Some(folder.into()),
        })
    }

    /// Has no key: states with secrets can be neither read nor written.
    pub fn without_key() -> SecretCodec {
        SecretCodec::of(Source::default())
    }

    /// Seals with `key`, and still opens what the key files of `self` sealed.
    pub fn rekeyed(&self, key: &str) -> SecretCodec {
        SecretCodec::of(Source {
            given: Some(key_bytes(key.as_bytes())),
            folder: self.source.folder.clone(),
        })
    }

    fn of(source: Source) -> SecretCodec {
        SecretCodec {
            source: Arc::new(source),
            derived: Arc::default(),
        }
    }

    /// Returns the key to seal with; makes a key file if there is no key yet.
    pub(crate) fn sealing_key(&self, lineage: &str) -> Result<Arc<LineageKey>, KeyError> {
        if let Some(given) = &self.source.given {
            return Ok(self.derive("given", given, lineage));
        }
        let folder = self.source.folder.as_deref().ok_or(KeyError::NoPlace)?;
        let key = create_key_file(&key_file(folder, lineage))?;
        Ok(self.derive("file", &key, lineage))
    }

    /// Returns the keys to open with; at least one.
    pub(crate) fn opening_keys(&self, lineage: &str) -> Result<Vec<Arc<LineageKey>>, KeyError> {
        let mut keys = Vec::new();
        if let Some(given) = &self.source.given {
            keys.push(self.derive("given", given, lineage));
        }
        let file = self.source.folder.as_deref().map(|f| key_file(f, lineage));
        if let Some(file) = &file {
            match read_key_file(file) {
                Ok(Some(key)) => keys.push(self.derive("file", &key, lineage)),
                // A key that was given may well be enough.
                Ok(None) => {}
                Err(_) if !keys.is_empty() => {}
                Err(e) => return Err(e),
            }
        }
        if keys.is_empty() {
            return Err(KeyError::Missing {
                file: file.map(|f| f.display().to_string()),
            });
        }
        Ok(keys)
    }

    fn derive(&self, source: &str, secret: &[u8], lineage: &str) -> Arc<LineageKey> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        derived
            .entry(format!("{source}/{lineage}"))
            .or_insert_with(|| Arc::new(LineageKey::derive(secret, lineage)))
            .clone()
    }
}

impl std::fmt::Debug for SecretCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretCodec")
            .field("given", &self.source.given.is_some())
            .field("folder", &self.source.folder)
            .finish_non_exhaustive()
    }
}

/// The key of one lineage.
pub(crate) struct LineageKey {
    cipher: XChaCha20Poly1305,
    nonce_key: [u8; 32],
    id: [u8; ID_LEN],
}

impl LineageKey {
    fn derive(secret: &[u8], lineage: &str) -> LineageKey {
        let hkdf = Hkdf::<Sha256>::new(Some(lineage.as_bytes()), secret);
        let expand = |info: &str, out: &mut [u8]| {
            hkdf.expand(info.as_bytes(), out).expect("HKDF gives so many bytes");
        };
        let (mut cipher, mut nonce_key, mut id) = ([0; 32], [0; 32], [0; ID_LEN]);
        expand("infra state 1: cipher", &mut cipher);
        expand("infra state 1: nonce", &mut nonce_key);
        expand("infra state 1: id", &mut id);
        LineageKey {
            cipher: XChaCha20Poly1305::new(&cipher.into()),
            nonce_key,
            id,
        }
    }

    /// Seals a text that stands at a place.
    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> String {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.nonce_key).expect("HMAC takes any length");
        mac.update(&(place.len() as u64).to_le_bytes());
        mac.update(place.as_bytes());
        mac.update(plain);
        let nonce = &mac.finalize().into_bytes()[..NONCE_LEN];
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(nonce), payload)
            .expect("a text in memory is not too long to be sealed");
        let mut out = vec![FORMAT];
        out.extend_from_slice(&self.id);
        out.extend_from_slice(nonce);
        out.extend_from_slice(&sealed);
        BASE64.encode(out)
    }
}

/// Opens a text that was sealed at a place with one of the keys.
pub(crate) fn open(keys: &[Arc<LineageKey>], place: &str, sealed: &str) -> Result<Vec<u8>, KeyError> {
    let altered = || KeyError::Altered { at: place.to_owned() };
    let bytes = BASE64.decode(sealed).map_err(|_| altered())?;
    let (&[format], rest) = bytes.split_first_chunk().ok_or_else(altered)?;
    if format != FORMAT {
        return Err(altered());
    }
    let (id, rest) = rest.split_first_chunk::<ID_LEN>().ok_or_else(altered)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(altered)?;
    let Some(key) = keys.iter().find(|k| k.id == *id) else {
        return Err(KeyError::Other {
            needed: hex::encode(id),
            given: keys.iter().map(|k| hex::encode(k.id)).collect::<Vec<_>>().join(" or "),
        });
    };
    let payload = Payload {
        msg: text,
        aad: place.as_bytes(),
    };
    key.cipher
        .decrypt(XNonce::from_slice(nonce), payload)
        .map_err(|_| altered())
}

/// Returns the bytes of a key: 32 bytes in base64, or the text as it is.
fn key_bytes(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii();
    match BASE64.decode(text) {
        Ok(bytes) if bytes.len() == 32 => bytes,
        _ => text.to_owned(),
    }
}

/// Returns the key file of a lineage. A lineage that is no safe file name is hashed.
fn key_file(folder: &Path, lineage: &str) -> PathBuf {
    let safe =
        !lineage.is_empty() && lineage.len() <= 64 && lineage.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if safe {
        folder.join(lineage)
    } else {
        folder.join(hex::encode(Sha256::digest(lineage)))
    }
}

fn read_key_file(file: &Path) -> Result<Option<Vec<u8>>, KeyError> {
    match fs::read_to_string(file) {
        Ok(text) => match BASE64.decode(text.trim()) {
            Ok(key) if key.len() == 32 => Ok(Some(key)),
            _ => Err(key_file_error(file, "it does not hold a key")),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(key_file_error(file, e)),
    }
}

/// Reads a key file, or makes it. Of several that make it at once, one wins.
fn create_key_file(file: &Path) -> Result<Vec<u8>, KeyError> {
    if let Some(key) = read_key_file(file)? {
        return Ok(key);
    }
    let make = || -> io::Result<()> {
        let folder = file.parent().expect("a key file has a folder");
        create_private_folder(folder)?;
        let key = XChaCha20Poly1305::generate_key(&mut OsRng);
        let mut temp = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(temp, "{}", BASE64.encode(key))?;
        temp.as_file().sync_all()?;
        match temp.persist_noclobber(file) {
            Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => return Err(e.error),
            _ => {}
        }
        crate::local::sync_folder(folder)
    };
    make().map_err(|e| key_file_error(file, e))?;
    read_key_file(file)?.ok_or_else(|| key_file_error(file, "it disappeared"))
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn key_file_error(file: &Path, why: impl ToString) -> KeyError {
    KeyError::File {
        file: file.display().to_string(),
        why: why.to_string(),
    }
}

/// Returns the folder for the user's data, as the platform has it.
fn data_folder() -> Option<PathBuf> {
    let var = |name: &str| -> Option<OsString> { std::env::var_os(name).filter(|v| !v.is_empty()) };
    if cfg!(windows) {
        return var("APPDATA").map(PathBuf::from);
    }
    if let Some(folder) = var("XDG_DATA_HOME").map(PathBuf::from).filter(|f| f.is_absolute()) {
        return Some(folder);
    }
    let home = PathBuf::from(var("HOME")?);
    Some(if cfg!(target_os = "macos") {
        home.join("Library").join("Application Support")
    } else {
        home.join(".local").join("share")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_is_stable_and_bound_to_its_place() {
        let codec = SecretCodec::with_key("correct horse battery staple");
        let key = codec.sealing_key("l").unwrap();
        let sealed = key.seal("a", b"hunter2");
        assert_eq!(sealed, key.seal("a", b"hunter2"));
        assert_ne!(sealed, key.seal("b", b"hunter2"));
        let keys = codec.opening_keys("l").unwrap();
        assert_eq!(open(&keys, "a", &sealed).unwrap(), b"hunter2");
        assert!(matches!(open(&keys, "b", &sealed), Err(KeyError::Altered { .. })));
    }

    #[test]
    fn another_key_or_lineage_does_not_open() {
        let sealed = SecretCodec::with_key("one").sealing_key("l").unwrap().seal("a", b"x");
        for (key, lineage) in [("two", "l"), ("one", "m")] {
            let keys = SecretCodec::with_key(key).opening_keys(lineage).unwrap();
            assert!(matches!(open(&keys, "a", &sealed), Err(KeyError::Other { .. })));
        }
        let none = SecretCodec::without_key().opening_keys("l");
        assert!(matches!(none, Err(KeyError::Missing { .. })));
    }

    #[test]
    fn altered_texts_are_noticed() {
        let codec = SecretCodec::with_key("one");
        let sealed = codec.sealing_key("l").unwrap().seal("a", b"some secret");
        let bytes = BASE64.decode(&sealed).unwrap();
        let keys = codec.opening_keys("l").unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(open(&keys, "a", &BASE64.encode(bytes)).is_err(), "{at}");
        }
        for cut in 0..sealed.len() {
            assert!(open(&keys, "a", &sealed[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        assert!(SecretCodec::with_folder(&keys).opening_keys("l").is_err());
        let ids: Vec<_> = std::thread::scope(|s| {
            let threads: Vec<_> = (0..8)
                .map(|_| s.spawn(|| SecretCodec::with_folder(&keys).sealing_key("l").unwrap().id))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&keys), 0o700);
            assert_eq!(mode(&keys.join("l")), 0o600);
        }
    }

    #[test]
    fn a_lineage_cannot_leave_the_key_folder() {
        let folder = Path::new("/keys");
        for lineage in ["../x", "", "a/b", ".", "..", "a\0b"] {
            assert_eq!(key_file(folder, lineage).parent(), Some(folder), "{lineage:?}");
        }
    }

    #[test]
    fn a_given_key_still_opens_what_the_key_file_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let old = SecretCodec::with_folder(folder.path());
        let sealed = old.sealing_key("l").unwrap().seal("a", b"x");
        let new = old.rekeyed("given");
        assert_eq!(open(&new.opening_keys("l").unwrap(), "a", &sealed).unwrap(), b"x");
        let sealed = new.sealing_key("l").unwrap().seal("a", b"x");
        assert!(open(&old.opening_keys("l").unwrap(), "a", &sealed).is_err());
    }

    #[test]
    fn base64_of_32_bytes_is_taken_as_bytes() {
        let bytes = [7; 32];
        assert_eq!(key_bytes(format!(" {}\n", BASE64.encode(bytes)).as_bytes()), bytes);
        assert_eq!(key_bytes(b"passphrase"), b"passphrase");
    }
}
