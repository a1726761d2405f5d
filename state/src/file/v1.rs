//! Format 1 of the state file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use infra_types::{InstanceAddr, InstanceKey, Mode, ResourcePath, Str, Type, Value};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::decode::{DecodeError, Opener, decode, mark_sensitive};
use super::encode::{DYNAMIC, FileStep, Place, Sealer, sensitive_paths, write_paths};
use super::text::offset;
use super::{FORMAT, ReadOptions, ReadState, corrupt, syntax};
use crate::error::StateError;
use crate::{InstanceState, ObjectState, OutputState, SecretCodec, State, Types};

/// The document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<O, I> {
    format: String,
    version: u64,
    lineage: String,
    serial: u64,
    outputs: O,
    instances: I,
}

/// An output. `V` is the value: raw text in reading, a [`Place`] in writing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output<V> {
    value: V,
    #[serde(default, skip_serializing_if = "is_false")]
    sensitive: bool,
}

/// A resource instance.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instance<'t, V> {
    #[serde(borrow)]
    address: Cow<'t, str>,
    #[serde(borrow, rename = "type")]
    ty: Cow<'t, str>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    current: Option<Object<'t, V>>,
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    deposed: BTreeMap<Cow<'t, str>, Object<'t, V>>,
}

/// An object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object<'t, V> {
    #[serde(borrow)]
    provider: Cow<'t, str>,
    schema_version: u32,
    attributes: V,
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "write_paths")]
    sensitive: Vec<Vec<FileStep>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<Cow<'t, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    create_before_destroy: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    protect: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    tainted: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    token: Option<Cow<'t, str>>,
}

fn is_false(b: &bool) -> bool {
    !b
}

fn none<T>() -> Option<T> {
    None
}

/// An instance in reading.
pub(super) type RawInstance<'t> = Instance<'t, &'t RawValue>;

impl<'t> RawInstance<'t> {
    /// Returns a part of the text that shows where the instance is.
    fn anchor(&self) -> &'t str {
        let object = self.current.as_ref().or_else(|| self.deposed.values().next());
        object.map_or("", |o| o.attributes.get())
    }
}

/// An object in reading.
pub(super) type RawObject<'t> = Object<'t, &'t RawValue>;

/// What a secret of an output is bound to.
fn output_owner(name: &str) -> String {
    format!("output.{name}")
}

// Writing.

pub(super) fn write(
    out: &mut impl Write,
    state: &State,
    serial: u64,
    types: &dyn Types,
    sealer: &Sealer<'_>,
) -> serde_json::Result<()> {
    let document = Document {
        format: FORMAT.to_owned(),
        version: 1,
        lineage: state.lineage.clone(),
        serial,
        outputs: Outputs { state, sealer },
        instances: Instances { state, types, sealer },
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

struct Outputs<'s> {
    state: &'s State,
    sealer: &'s Sealer<'s>,
}

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.state.outputs.len()))?;
        for (name, output) in &self.state.outputs {
            let owner = output_owner(name);
            let output = Output {
                value: Place::new(&output.value, &DYNAMIC, &owner, self.sealer),
                sensitive: output.value.is_sensitive(),
            };
            map.serialize_entry(&**name, &output)?;
        }
        map.end()
    }
}

struct Instances<'s> {
    state: &'s State,
    types: &'s dyn Types,
    sealer: &'s Sealer<'s>,
}

impl Serialize for Instances<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut types = TypeCache::new(self.types);
        let mut seq = serializer.serialize_seq(Some(self.state.instances.len()))?;
        for (addr, instance) in &self.state.instances {
            let owner = addr.to_string();
            let ty = types.get(addr.resource.mode, addr.ty());
            seq.serialize_element(&instance_out(addr, &owner, instance, &ty, self.sealer))?;
        }
        seq.end()
    }
}

/// Makes the file's form of an instance. `owner` is the address as text.
pub(super) fn instance_out<'s>(
    addr: &'s InstanceAddr,
    owner: &'s str,
    instance: &'s InstanceState,
    ty: &'s Type,
    sealer: &'s Sealer<'s>,
) -> Instance<'s, Place<'s>> {
    Instance {
        address: owner.into(),
        ty: (&**addr.ty()).into(),
        current: instance.current.as_ref().map(|o| object_out(o, owner, ty, sealer)),
        deposed: instance
            .deposed
            .iter()
            .map(|(key, o)| (key.as_str().into(), object_out(o, owner, ty, sealer)))
            .collect(),
    }
}

/// Makes the file's form of an object.
pub(super) fn object_out<'s>(
    object: &'s ObjectState,
    owner: &'s str,
    ty: &'s Type,
    sealer: &'s Sealer<'s>,
) -> Object<'s, Place<'s>> {
    Object {
        provider: (&*object.provider).into(),
        schema_version: object.schema_version,
        attributes: Place::new(&object.attributes, ty, owner, sealer),
        sensitive: sensitive_paths(&object.attributes),
        dependencies: object.dependencies.iter().map(|d| d.to_string().into()).collect(),
        create_before_destroy: object.create_before_destroy,
        protect: object.protect,
        tainted: object.tainted,
        token: object.token.as_deref().map(Cow::from),
    }
}

// Reading.

pub(super) fn read(
    text: &str,
    place: &str,
    types: &dyn Types,
    codec: &SecretCodec,
    options: ReadOptions,
) -> Result<ReadState, StateError> {
    type Raw<'t> = Document<BTreeMap<Cow<'t, str>, Output<&'t RawValue>>, Vec<RawInstance<'t>>>;
    let document: Raw<'_> = serde_json::from_str(text).map_err(|e| syntax(place, &e))?;
    let lineage = document.lineage;
    let opener = Opener::new(codec, &lineage, options);
    let source = Source {
        text,
        place,
        opener: &opener,
    };
    let mut state = State::new(lineage.clone());
    state.serial = document.serial;
    for (name, output) in &document.outputs {
        let value = source.value(output.value, &DYNAMIC, &output_owner(name))?;
        let value = if output.sensitive { value.sensitive() } else { value };
        state.outputs.insert(Str::from(&**name), OutputState { value });
    }
    for part in read_instances(&source, &document.instances, types)? {
        state.instances.extend(part);
    }
    if state.instances.len() < document.instances.len() {
        return Err(duplicate(&source, &document.instances));
    }
    Ok(ReadState {
        state,
        redacted: opener.redacted(),
    })
}

type ReadInstances = Vec<(InstanceAddr, InstanceState)>;

/// How many instances are worth a thread of their own.
const PER_THREAD: usize = 2_000;

/// Reads instances on as many threads as are worth it; the parts keep their order.
fn read_instances(
    source: &Source<'_>,
    instances: &[RawInstance<'_>],
    types: &dyn Types,
) -> Result<Vec<ReadInstances>, StateError> {
    let read_part = |part: &[RawInstance<'_>]| {
        let mut reader = Reader::new(*source, types);
        part.iter()
            .map(|i| reader.instance(i))
            .collect::<Result<ReadInstances, _>>()
    };
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
    let threads = processors.min(instances.len() / PER_THREAD);
    if threads < 2 {
        return Ok(vec![read_part(instances)?]);
    }
    std::thread::scope(|scope| {
        let parts = instances.chunks(instances.len().div_ceil(threads));
        let handles: Vec<_> = parts.map(|part| scope.spawn(|| read_part(part))).collect();
        let results = handles.into_iter().map(|handle| handle.join());
        results
            .map(|r| r.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn duplicate(source: &Source<'_>, instances: &[RawInstance<'_>]) -> StateError {
    let mut seen = std::collections::HashSet::new();
    let again = instances.iter().find(|i| !seen.insert(&*i.address));
    let (address, anchor) = again.map_or(("", ""), |i| (&*i.address, i.anchor()));
    source.corrupt(anchor, format!("the instance `{address}` is there twice"))
}

/// A text that is read, and what it takes to read it.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    pub(super) place: &'t str,
    pub(super) opener: &'t Opener<'t>,
}

impl Source<'_> {
    /// Makes the error for a part of the text that is wrong.
    fn corrupt(&self, part: &str, why: impl Into<String>) -> StateError {
        corrupt(self.place, self.text, offset(self.text, part).unwrap_or_default(), why)
    }

    pub(super) fn value(&self, raw: &RawValue, ty: &Type, owner: &str) -> Result<Value, StateError> {
        decode(raw.get(), ty, owner, self.opener).map_err(|e| match e {
            DecodeError::Text(at, why) => {
                let start = offset(self.text, raw.get()).unwrap_or_default();
                corrupt(self.place, self.text, start + at, why)
            }
            DecodeError::Key(why) => StateError::SecretKey {
                place: self.place.to_owned(),
                why,
            },
        })
    }
}

/// Reads instances and objects; shares what repeats.
pub(super) struct Reader<'t> {
    source: Source<'t>,
    types: TypeCache<'t>,
    texts: HashMap<String, Str>,
    paths: HashMap<String, ResourcePath>,
    /// The dependencies read last: neighbours often have the same.
    dependencies: Arc<[ResourcePath]>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(source: Source<'t>, types: &'t dyn Types) -> Reader<'t> {
        Reader {
            source,
            types: TypeCache::new(types),
            texts: HashMap::new(),
            paths: HashMap::new(),
            dependencies: Arc::new([]),
        }
    }

    /// Reads an address. `anchor` is a part of the text near it.
    pub(super) fn address(&self, text: &str, anchor: &str) -> Result<InstanceAddr, StateError> {
        text.parse().map_err(|e| self.source.corrupt(anchor, format!("{e}")))
    }

    pub(super) fn instance(&mut self, raw: &RawInstance<'_>) -> Result<(InstanceAddr, InstanceState), StateError> {
        let mut addr = self.address(&raw.address, raw.anchor())?;
        if raw.ty != **addr.ty() {
            let why = format!("the type of `{addr}` cannot be `{}`", raw.ty);
            return Err(self.source.corrupt(raw.anchor(), why));
        }
        addr.resource.ty = self.text(&raw.ty);
        let current = raw
            .current
            .as_ref()
            .map(|o| self.object(&addr, &raw.address, o))
            .transpose()?;
        let mut deposed = BTreeMap::new();
        for (key, object) in &raw.deposed {
            deposed.insert(key.clone().into_owned(), self.object(&addr, &raw.address, object)?);
        }
        Ok((addr, InstanceState { current, deposed }))
    }

    /// Reads an object. `owner` is the address as text.
    pub(super) fn object(
        &mut self,
        addr: &InstanceAddr,
        owner: &str,
        raw: &RawObject<'_>,
    ) -> Result<Arc<ObjectState>, StateError> {
        let ty = self.types.get(addr.resource.mode, addr.ty());
        let mut attributes = self.source.value(raw.attributes, &ty, owner)?;
        for path in &raw.sensitive {
            attributes = mark_sensitive(attributes, path);
        }
        Ok(Arc::new(ObjectState {
            provider: self.text(&raw.provider),
            schema_version: raw.schema_version,
            attributes,
            dependencies: self.dependencies(&raw.dependencies, raw.attributes.get())?,
            create_before_destroy: raw.create_before_destroy,
            protect: raw.protect,
            tainted: raw.tainted,
            token: raw.token.as_deref().map(Str::from),
        }))
    }

    fn dependencies(&mut self, raw: &[Cow<'_, str>], anchor: &str) -> Result<Arc<[ResourcePath]>, StateError> {
        let paths = raw
            .iter()
            .map(|text| self.path(text, anchor))
            .collect::<Result<Vec<_>, _>>()?;
        if *self.dependencies != *paths {
            self.dependencies = paths.into();
        }
        Ok(self.dependencies.clone())
    }

    fn path(&mut self, text: &str, anchor: &str) -> Result<ResourcePath, StateError> {
        if let Some(path) = self.paths.get(text) {
            return Ok(path.clone());
        }
        let addr = self.address(text, anchor)?;
        let keys = addr.resource.module.0.iter().map(|(_, key)| key);
        if keys.chain([&addr.key]).any(|key| *key != InstanceKey::None) {
            let why = format!("the dependency `{text}` must not have instance keys");
            return Err(self.source.corrupt(anchor, why));
        }
        let path = addr.resource.path();
        self.paths.insert(text.to_owned(), path.clone());
        Ok(path)
    }

    fn text(&mut self, text: &str) -> Str {
        if let Some(shared) = self.texts.get(text) {
            return shared.clone();
        }
        let shared = Str::from(text);
        self.texts.insert(text.to_owned(), shared.clone());
        shared
    }
}

/// Asks for each resource type once.
pub(super) struct TypeCache<'t> {
    types: &'t dyn Types,
    known: HashMap<(Mode, Str), Type>,
}

impl<'t> TypeCache<'t> {
    pub(super) fn new(types: &'t dyn Types) -> TypeCache<'t> {
        TypeCache {
            types,
            known: HashMap::new(),
        }
    }

    /// Returns the type of attributes; [`Type::Dynamic`] if there is no schema.
    pub(super) fn get(&mut self, mode: Mode, ty: &Str) -> Type {
        let types = self.types;
        let known = self.known.entry((mode, ty.clone()));
        known
            .or_insert_with(|| types.resource_type(mode, ty).unwrap_or(DYNAMIC.clone()))
            .clone()
    }
}
