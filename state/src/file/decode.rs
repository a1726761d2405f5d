//! JSON back to values, guided by the schema's types.
//!
//! What is absent becomes null, what the schema does not know is left out.
//! What does not fit the schema keeps the type that its JSON implies: it stems
//! from another version of the schema, and the provider's upgrade will see it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use infra_types::{Entries, Number, ObjectAttr, PathStep, Str, Type, Value, ValueKind};

use super::encode::{DYNAMIC, FileStep, MAX_DEPTH, NUMBER, SEALED, SENSITIVE, Steps, TYPE, VALUE};
use super::{MissingKey, ReadOptions};
use crate::error::KeyError;
use crate::secret::{self, LineageKey, SecretCodec};

/// Why a value cannot be read.
#[derive(Debug)]
pub(crate) enum DecodeError {
    /// The text is wrong at this byte.
    Text(usize, String),
    /// A secret does not open.
    Key(KeyError),
}

/// How deep texts may be nested.
const MAX_TEXT_DEPTH: usize = 3 * MAX_DEPTH;

type Result<T> = std::result::Result<T, DecodeError>;

/// Opens the secrets of one lineage.
pub(crate) struct Opener<'c> {
    codec: &'c SecretCodec,
    lineage: &'c str,
    missing_key: MissingKey,
    keys: OnceLock<Vec<Arc<LineageKey>>>,
    redacted: AtomicBool,
}

impl<'c> Opener<'c> {
    pub(crate) fn new(codec: &'c SecretCodec, lineage: &'c str, options: ReadOptions) -> Opener<'c> {
        Opener {
            codec,
            lineage,
            missing_key: options.missing_key,
            keys: OnceLock::new(),
            redacted: AtomicBool::new(false),
        }
    }

    /// Says whether a secret was left out for want of its key.
    pub(crate) fn redacted(&self) -> bool {
        self.redacted.load(Ordering::Relaxed)
    }

    fn keys(&self) -> std::result::Result<&[Arc<LineageKey>], KeyError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let keys = self.codec.opening_keys(self.lineage)?;
        Ok(self.keys.get_or_init(|| keys))
    }

    /// Returns the text; nothing if its key is missing and that is allowed.
    fn open(&self, place: &str, sealed: &str) -> std::result::Result<Option<Vec<u8>>, KeyError> {
        let opened = self.keys().and_then(|keys| secret::open(keys, place, sealed));
        match opened {
            Ok(plain) => Ok(Some(plain)),
            Err(KeyError::Altered { at }) => Err(KeyError::Altered { at }),
            Err(e) if self.missing_key == MissingKey::Fail => Err(e),
            Err(_) => {
                self.redacted.store(true, Ordering::Relaxed);
                Ok(None)
            }
        }
    }
}

/// Reads a value from JSON text.
pub(crate) fn decode(text: &str, ty: &Type, owner: &str, opener: &Opener<'_>) -> Result<Value> {
    let mut decoder = Decoder {
        text,
        at: 0,
        owner,
        opener,
        sealed: false,
        misfit: false,
    };
    let value = decoder.value(ty, &Steps::ROOT)?;
    decoder.skip_space();
    if decoder.at < text.len() {
        return Err(decoder.error("there is more than one value"));
    }
    Ok(value)
}

/// Marks what stands at a path of the file as sensitive.
pub(crate) fn mark_sensitive(value: Value, path: &[FileStep]) -> Value {
    let mut at = &value;
    let mut steps = Vec::with_capacity(path.len());
    for step in path {
        if at.is_sensitive() {
            return value;
        }
        let (step, next) = match step {
            FileStep::Name(name) => (PathStep::Attr(name.as_str().into()), at.get(name)),
            FileStep::Index(index) => (
                PathStep::Index(*index),
                at.as_items().and_then(|items| items.get(*index)),
            ),
        };
        let Some(next) = next else { return value };
        at = next;
        steps.push(step);
    }
    if at.is_sensitive() {
        return value;
    }
    let marked = at.clone().sensitive();
    infra_types::Path(steps).set(&value, marked)
}

struct Decoder<'t> {
    text: &'t str,
    at: usize,
    owner: &'t str,
    opener: &'t Opener<'t>,
    /// Whether the text came out of a seal.
    sealed: bool,
    /// Whether something did not fit its type since this was last cleared.
    misfit: bool,
}

impl<'t> Decoder<'t> {
    fn error(&self, why: impl Into<String>) -> DecodeError {
        DecodeError::Text(self.at, why.into())
    }

    fn too_deep(&self) -> DecodeError {
        self.error(format!("values are nested more than {MAX_TEXT_DEPTH} levels deep"))
    }

    fn skip_space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Returns the next byte that is no space.
    fn peek(&mut self) -> Result<u8> {
        self.skip_space();
        let next = self.text.as_bytes().get(self.at).copied();
        next.ok_or_else(|| self.error("the text ends too early"))
    }

    fn take(&mut self, byte: u8) -> Result<()> {
        if self.peek()? != byte {
            return Err(self.error(format!("`{}` is missing", byte as char)));
        }
        self.at += 1;
        Ok(())
    }

    fn take_word(&mut self, word: &str) -> Result<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("this is not a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Goes on after an item: past a comma, or past the closing byte (then false).
    fn more(&mut self, close: u8) -> Result<bool> {
        let next = self.peek()?;
        if next != b',' && next != close {
            return Err(self.error(format!("`,` or `{}` is missing", close as char)));
        }
        self.at += 1;
        Ok(next == b',')
    }

    fn value(&mut self, ty: &Type, steps: &Steps<'_>) -> Result<Value> {
        if steps.depth > MAX_TEXT_DEPTH {
            return Err(self.too_deep());
        }
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                Ok(self.of_string(text, ty))
            }
            b'{' => self.object(ty, steps),
            b'[' => self.array(ty, steps),
            b't' => self.take_word("true").map(|()| self.of_bool(true, ty)),
            b'f' => self.take_word("false").map(|()| self.of_bool(false, ty)),
            b'n' => self.take_word("null").map(|()| Value::null_of(ty.clone())),
            _ => self.number(ty),
        }
    }

    fn of_string(&mut self, text: Cow<'_, str>, ty: &Type) -> Value {
        let converted = match ty {
            Type::String | Type::Dynamic => None,
            Type::Number => Number::parse(&text).map(Value::from),
            Type::Bool => text.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        converted.unwrap_or_else(|| {
            self.misfit |= !matches!(ty, Type::String | Type::Dynamic);
            Value::string(text)
        })
    }

    fn of_bool(&mut self, b: bool, ty: &Type) -> Value {
        if *ty == Type::String {
            return Value::string(b.to_string());
        }
        self.misfit |= !matches!(ty, Type::Bool | Type::Dynamic);
        b.into()
    }

    fn number(&mut self, ty: &Type) -> Result<Value> {
        let rest = &self.text[self.at..];
        let len = rest
            .bytes()
            .position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        let text = &rest[..len];
        let number = Number::parse(text).filter(|_| len > 0);
        let number = number.ok_or_else(|| self.error("this is not a value"))?;
        self.at += len;
        Ok(self.of_number(number, ty))
    }

    fn of_number(&mut self, number: Number, ty: &Type) -> Value {
        if *ty == Type::String {
            return Value::string(number.to_string());
        }
        self.misfit |= !matches!(ty, Type::Number | Type::Dynamic);
        number.into()
    }

    /// Reads a string; its opening quote is next.
    fn string(&mut self) -> Result<Cow<'t, str>> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut plain = true;
        loop {
            match bytes.get(at) {
                None => return Err(self.error("a quote is not closed")),
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    at += 2;
                }
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        if plain {
            return Ok(Cow::Borrowed(&self.text[start + 1..at]));
        }
        let text = serde_json::from_str(&self.text[start..=at]);
        text.map(Cow::Owned)
            .map_err(|_| DecodeError::Text(start, "this string is wrong".into()))
    }

    fn key(&mut self) -> Result<Cow<'t, str>> {
        if self.peek()? != b'"' {
            return Err(self.error("a key is missing"));
        }
        let key = self.string()?;
        self.take(b':')?;
        Ok(key)
    }

    fn array(&mut self, ty: &Type, steps: &Steps<'_>) -> Result<Value> {
        self.take(b'[')?;
        let outer_misfit = std::mem::take(&mut self.misfit);
        let mut items = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
        } else {
            loop {
                let index = items.len();
                let ty = match ty {
                    Type::List(t) | Type::Set(t) => t,
                    Type::Tuple(ts) => ts.get(index).unwrap_or(&DYNAMIC),
                    _ => &DYNAMIC,
                };
                items.push(self.value(ty, &steps.index(index))?);
                if !self.more(b']')? {
                    break;
                }
            }
        }
        let fits = !self.misfit;
        let value = match ty {
            Type::List(t) if fits => Value::list((**t).clone(), items),
            Type::Set(t) if fits => Value::set((**t).clone(), items),
            Type::Tuple(ts) => {
                self.misfit |= items.len() != ts.len();
                Value::tuple(items)
            }
            _ => {
                self.misfit |= *ty != Type::Dynamic;
                Value::tuple(items)
            }
        };
        self.misfit |= outer_misfit;
        Ok(value)
    }

    fn object(&mut self, ty: &Type, steps: &Steps<'_>) -> Result<Value> {
        self.take(b'{')?;
        let outer_misfit = std::mem::take(&mut self.misfit);
        let mut entries: Vec<(Str, Value)> = Vec::new();
        if self.peek()? == b'}' {
            self.at += 1;
        } else {
            loop {
                let key_at = self.at;
                let key = self.key()?;
                let key = match key.strip_prefix('$') {
                    Some(rest) if rest.starts_with('$') => Cow::Owned(rest.to_owned()),
                    Some(_) if entries.is_empty() => {
                        self.misfit = outer_misfit;
                        let value = self.special(&key, ty, steps)?;
                        self.take(b'}')?;
                        return Ok(value);
                    }
                    Some(_) => {
                        return Err(DecodeError::Text(key_at, format!("`{key}` must stand alone")));
                    }
                    None => key,
                };
                self.entry(&key, ty, steps, &mut entries)?;
                if !self.more(b'}')? {
                    break;
                }
            }
        }
        let fits = !self.misfit;
        let value = match ty {
            Type::Map(t) if fits => Value::map((**t).clone(), entries.into_iter().collect()),
            Type::Object(attrs) => object_of(attrs, entries),
            _ => {
                self.misfit |= *ty != Type::Dynamic;
                Value::object(entries)
            }
        };
        self.misfit |= outer_misfit;
        Ok(value)
    }

    /// Reads the value of a key and adds it to the entries.
    fn entry(&mut self, key: &str, ty: &Type, steps: &Steps<'_>, entries: &mut Vec<(Str, Value)>) -> Result<()> {
        let steps = steps.name(key);
        match ty {
            Type::Object(attrs) => match attrs.get_key_value(key) {
                Some((name, attr)) => entries.push((name.clone(), self.value(&attr.ty, &steps)?)),
                None => {
                    // The schema does not know it, so how it fits is of no interest.
                    let misfit = self.misfit;
                    self.value(&DYNAMIC, &steps)?;
                    self.misfit = misfit;
                }
            },
            Type::Map(t) => entries.push((key.into(), self.value(t, &steps)?)),
            _ => entries.push((key.into(), self.value(&DYNAMIC, &steps)?)),
        }
        Ok(())
    }

    /// Reads what stands for a value; the key has been read.
    fn special(&mut self, key: &str, ty: &Type, steps: &Steps<'_>) -> Result<Value> {
        let start = self.at;
        let steps = &steps.deeper();
        match key {
            SEALED => {
                let sealed = self.quoted()?;
                self.unseal(&sealed, ty, steps)
            }
            SENSITIVE if self.sealed => Ok(self.value(ty, steps)?.sensitive()),
            TYPE => {
                let json = self.raw()?;
                self.take(b',')?;
                self.peek()?;
                if self.key()? != VALUE {
                    return Err(self.error(format!("`{TYPE}` needs a `{VALUE}`")));
                }
                if *ty != Type::Dynamic {
                    return self.value(ty, steps);
                }
                let ty = parse_type(json).ok_or_else(|| DecodeError::Text(start, "this is not a type".into()))?;
                self.value(&ty, steps)
            }
            NUMBER => match &*self.quoted()? {
                "Inf" => Ok(self.of_number(Number::infinity(false), ty)),
                "-Inf" => Ok(self.of_number(Number::infinity(true), ty)),
                _ => Err(DecodeError::Text(start, "this is not a number".into())),
            },
            _ => Err(DecodeError::Text(start, format!("`{key}` is not known"))),
        }
    }

    fn quoted(&mut self) -> Result<Cow<'t, str>> {
        if self.peek()? != b'"' {
            return Err(self.error("a string is missing"));
        }
        self.string()
    }

    /// Returns the text of the next value.
    fn raw(&mut self) -> Result<&'t str> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                    if depth > MAX_TEXT_DEPTH {
                        return Err(self.too_deep());
                    }
                }
                b']' | b'}' => {
                    depth = depth.checked_sub(1).ok_or_else(|| self.error("a value is missing"))?;
                    self.at += 1;
                }
                b if b.is_ascii() => self.at += 1,
                _ => return Err(self.error("this is not a value")),
            }
            if depth == 0 {
                return Ok(&self.text[start..self.at]);
            }
        }
    }

    fn unseal(&mut self, sealed: &str, ty: &Type, steps: &Steps<'_>) -> Result<Value> {
        let opened = self
            .opener
            .open(&steps.place(self.owner), sealed)
            .map_err(DecodeError::Key)?;
        let Some(plain) = opened else {
            return Ok(Value::unknown(ty.clone()).sensitive());
        };
        let plain = std::str::from_utf8(&plain).map_err(|_| self.error("a sealed value is not text"))?;
        let mut inner = Decoder {
            text: plain,
            at: 0,
            owner: self.owner,
            opener: self.opener,
            sealed: true,
            misfit: false,
        };
        let value = inner.value(ty, steps);
        // The place in the sealed text means nothing in the file.
        let value = value.map_err(|e| match e {
            DecodeError::Text(_, why) => self.error(format!("in a sealed value, {why}")),
            key => key,
        })?;
        self.misfit |= inner.misfit;
        Ok(value.sensitive())
    }
}

/// Reads a type. The text is not nested too deep.
fn parse_type(text: &str) -> Option<Type> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let json = serde::Deserialize::deserialize(&mut deserializer).ok()?;
    infra_types::type_from_json(&json)
}

/// Makes an object of exactly these attributes; those absent are null.
fn object_of(attrs: &BTreeMap<Str, ObjectAttr>, mut entries: Vec<(Str, Value)>) -> Value {
    if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
        entries = entries.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    }
    let mut entries = entries.into_iter().peekable();
    let object: Entries = attrs
        .iter()
        .map(|(name, attr)| {
            entries
                .next_if(|(n, _)| n == name)
                .unwrap_or_else(|| (name.clone(), Value::null_of(attr.ty.clone())))
        })
        .collect();
    ValueKind::Object(Arc::new(object)).into()
}
