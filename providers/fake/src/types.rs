//! The types of the fake cloud: schemas, and the rules their objects obey.

use infra_providers::{Attribute, Block, ErrorKind, NestedBlock, ProviderError, Schema, Validator};
use infra_types::{Path, Type, Value};

use crate::cloud::World;

/// The resource types, sorted.
pub(crate) const RESOURCES: [&str; 4] = ["fake_slow", "fake_thing", "fake_unique", "fake_user"];

/// The zone of a thing that asks for none.
const DEFAULT_ZONE: &str = "zone-a";

/// Returns the schema of a resource type.
pub(crate) fn schema(ty: &str) -> Option<Schema> {
    let id = || Attribute::computed(Type::String).doc("The id.");
    let name = || Attribute::required(Type::String).force_new().doc("The name.");
    let block = match ty {
        "fake_thing" => Block::new("A thing with arguments of all kinds.")
            .attr("id", id())
            .attr("name", name())
            .attr(
                "size",
                Attribute::optional(Type::Number).check(Validator::Range(0, 1000)),
            )
            .attr("tags", Attribute::optional(Type::map(Type::String)))
            .attr("zone", Attribute::optional_computed(Type::String).force_new())
            .attr("secret", Attribute::optional(Type::String).sensitive())
            .block(
                "part",
                NestedBlock::list(
                    Block::new("A part.")
                        .attr("name", Attribute::required(Type::String))
                        .attr("value", Attribute::optional(Type::String)),
                ),
            ),
        "fake_unique" => Block::new("A thing whose name no other one may have.")
            .attr("id", id())
            .attr("name", name())
            .attr("note", Attribute::optional(Type::String)),
        "fake_user" => Block::new("Uses a `fake_unique`.")
            .attr("id", id())
            .attr("name", Attribute::optional(Type::String))
            .attr(
                "uses",
                Attribute::required(Type::String).doc("The id of a `fake_unique`."),
            ),
        "fake_slow" => Block::new("Takes its time.")
            .attr("id", id())
            .attr("name", name())
            .attr(
                "seconds",
                Attribute::optional(Type::Number)
                    .default(10)
                    .check(Validator::Range(0, 100_000))
                    .doc("How long it takes to become usable, and to go away."),
            ),
        _ => return None,
    };
    let schema = Schema::new(block);
    Some(match ty {
        "fake_unique" => schema.unique(&["name"]),
        _ => schema,
    })
}

/// Returns the schema of the data source `fake_lookup`.
pub(crate) fn lookup_schema() -> Schema {
    Schema::new(
        Block::new("Finds a `fake_thing` by name.")
            .attr("name", Attribute::required(Type::String))
            .attr("id", Attribute::computed(Type::String))
            .attr("size", Attribute::computed(Type::Number))
            .attr("tags", Attribute::computed(Type::map(Type::String)))
            .attr("zone", Attribute::computed(Type::String)),
    )
}

/// Returns a value of a type: given attributes, null or nothing for the rest.
pub(crate) fn of_given(ty: &str, given: &[(&str, Value)]) -> Value {
    let block = schema(ty).unwrap_or_default().block;
    let find = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let value = find(name)
            .or_else(|| attribute.default.clone())
            .unwrap_or_else(|| match attribute.computed {
                true => Value::unknown(attribute.ty.clone()),
                false => Value::null_of(attribute.ty.clone()),
            });
        (*name, value)
    });
    let blocks = block
        .blocks
        .iter()
        .map(|(name, nested)| (*name, find(name).unwrap_or_else(|| nested.empty())));
    Value::object(attributes.chain(blocks))
}

/// Returns the attributes of an object made of a planned value: what was unknown is decided.
pub(crate) fn complete(ty: &str, id: &str, planned: &Value) -> Value {
    planned
        .as_entries()
        .into_iter()
        .flatten()
        .filter(|(_, v)| !v.is_known())
        .map(|(name, v)| (name.clone(), v.marks))
        .fold(planned.clone(), |value, (name, marks)| {
            let decided = match &*name {
                "id" => id.into(),
                "zone" => DEFAULT_ZONE.into(),
                other => Value::string(format!("{ty}.{other}")),
            };
            value.with_attr(name, decided.with_marks(marks))
        })
}

/// Checks whether an object may be (`id`: of an existing object) as planned.
pub(crate) fn check(world: &World, ty: &str, id: Option<&str>, planned: &Value) -> Result<(), ProviderError> {
    match ty {
        "fake_unique" => {
            let name = planned.get_str("name").unwrap_or_default();
            let taken = world
                .objects
                .values()
                .any(|o| o.ty == ty && Some(o.id.as_str()) != id && o.attributes.get_str("name") == Some(name));
            if taken {
                let error = ProviderError::new(ErrorKind::Conflict, format!("the name `{name}` is taken"));
                return Err(with_code(error.at(Path::attr("name")), "AlreadyExists"));
            }
        }
        "fake_user" => {
            let uses = planned.get_str("uses").unwrap_or_default();
            if world.objects.get(uses).is_none_or(|o| o.ty != "fake_unique") {
                let message = format!("there is no `fake_unique` with the id `{uses}`");
                let error = ProviderError::new(ErrorKind::Invalid, message);
                return Err(with_code(error.at(Path::attr("uses")), "NoSuchUnique"));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Checks whether an object may be deleted.
pub(crate) fn check_delete(world: &World, ty: &str, id: &str) -> Result<(), ProviderError> {
    if ty != "fake_unique" {
        return Ok(());
    }
    let users = world
        .objects
        .values()
        .filter(|o| o.ty == "fake_user" && o.attributes.get_str("uses") == Some(id));
    let error = ProviderError::new(ErrorKind::Conflict, format!("`{id}` is in use"));
    let error = users.fold(error, |e, user| e.detail(format!("used by {}", user.id)));
    match error.details.is_empty() {
        true => Ok(()),
        false => Err(with_code(error, "InUse")),
    }
}

fn with_code(mut error: ProviderError, code: &str) -> ProviderError {
    error.code = Some(code.into());
    error
}
