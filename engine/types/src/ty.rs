//! Types of values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Str;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// No type known (`any`; also the type of an untyped `null`).
    Dynamic,
    /// `bool`.
    Bool,
    /// `number`.
    Number,
    /// `string`.
    String,
    /// `list(T)`.
    List(Arc<Type>),
    /// `set(T)`.
    Set(Arc<Type>),
    /// `map(T)`.
    Map(Arc<Type>),
    /// `tuple([T, …])`.
    Tuple(Arc<Vec<Type>>),
    /// `object({ name = T, … })`.
    Object(Arc<BTreeMap<Str, ObjectAttr>>),
}

/// An attribute of an object type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectAttr {
    /// Its type.
    pub ty: Type,
    /// Whether conversion fills it with null when it is absent.
    ///
    /// Types of values never have optional attributes; only constraints do.
    pub optional: bool,
}

impl Type {
    /// `list(elem)`.
    pub fn list(elem: Type) -> Type {
        Type::List(Arc::new(elem))
    }

    /// `set(elem)`.
    pub fn set(elem: Type) -> Type {
        Type::Set(Arc::new(elem))
    }

    /// `map(elem)`.
    pub fn map(elem: Type) -> Type {
        Type::Map(Arc::new(elem))
    }

    /// `tuple(items)`.
    pub fn tuple(items: Vec<Type>) -> Type {
        Type::Tuple(Arc::new(items))
    }

    /// An object type whose attributes are all required.
    pub fn object<K: Into<Str>>(attrs: impl IntoIterator<Item = (K, Type)>) -> Type {
        Type::Object(Arc::new(
            attrs
                .into_iter()
                .map(|(k, ty)| (k.into(), ObjectAttr { ty, optional: false }))
                .collect(),
        ))
    }

    /// Returns how deeply it nests, and takes the number of its parts off `left`;
    /// gives up when there is nothing left.
    pub(crate) fn measure(&self, left: &mut u64) -> u32 {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return 1;
        }
        let inner = match self {
            Type::Dynamic | Type::Bool | Type::Number | Type::String => 0,
            Type::List(elem) | Type::Set(elem) | Type::Map(elem) => elem.measure(left),
            Type::Tuple(items) => items.iter().map(|ty| ty.measure(left)).max().unwrap_or(0),
            Type::Object(attrs) => attrs.values().map(|attr| attr.ty.measure(left)).max().unwrap_or(0),
        };
        inner + 1
    }

    /// Says whether it is `bool`, `number` or `string`.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Type::Bool | Type::Number | Type::String)
    }

    /// Says whether it is a list, set or map.
    pub fn is_collection(&self) -> bool {
        matches!(self, Type::List(_) | Type::Set(_) | Type::Map(_))
    }

    /// Says whether any part of it is [`Type::Dynamic`].
    pub fn has_dynamic(&self) -> bool {
        match self {
            Type::Dynamic => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(t) | Type::Set(t) | Type::Map(t) => t.has_dynamic(),
            Type::Tuple(ts) => ts.iter().any(Type::has_dynamic),
            Type::Object(attrs) => attrs.values().any(|a| a.ty.has_dynamic()),
        }
    }

    /// Says whether any object type in it has optional attributes.
    pub fn has_optional(&self) -> bool {
        match self {
            Type::Dynamic | Type::Bool | Type::Number | Type::String => false,
            Type::List(t) | Type::Set(t) | Type::Map(t) => t.has_optional(),
            Type::Tuple(ts) => ts.iter().any(Type::has_optional),
            Type::Object(attrs) => attrs.values().any(|a| a.optional || a.ty.has_optional()),
        }
    }

    /// Returns the type of the values it constrains: all attributes are there.
    pub fn without_optional(&self) -> Type {
        if !self.has_optional() {
            return self.clone();
        }
        match self {
            Type::List(t) => Type::list(t.without_optional()),
            Type::Set(t) => Type::set(t.without_optional()),
            Type::Map(t) => Type::map(t.without_optional()),
            Type::Tuple(ts) => Type::tuple(ts.iter().map(Type::without_optional).collect()),
            Type::Object(attrs) => Type::object(attrs.iter().map(|(k, a)| (k.clone(), a.ty.without_optional()))),
            Type::Dynamic | Type::Bool | Type::Number | Type::String => self.clone(),
        }
    }

    /// Returns the element type of a list, set or map.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Type::List(t) | Type::Set(t) | Type::Map(t) => Some(t),
            _ => None,
        }
    }

    /// Returns the type of an attribute of an object type.
    pub fn attribute(&self, name: &str) -> Option<&Type> {
        match self {
            Type::Object(attrs) => attrs.get(name).map(|a| &a.ty),
            _ => None,
        }
    }

    /// Returns the word for it in messages: `list of string`, `object`, ….
    pub fn friendly(&self) -> String {
        match self {
            Type::Dynamic => "any type".into(),
            Type::Bool => "bool".into(),
            Type::Number => "number".into(),
            Type::String => "string".into(),
            Type::List(t) => format!("list of {}", t.friendly()),
            Type::Set(t) => format!("set of {}", t.friendly()),
            Type::Map(t) => format!("map of {}", t.friendly()),
            Type::Tuple(_) => "tuple".into(),
            Type::Object(_) => "object".into(),
        }
    }
}

/// Writes the type in the language's own syntax.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dynamic => f.write_str("any"),
            Type::Bool => f.write_str("bool"),
            Type::Number => f.write_str("number"),
            Type::String => f.write_str("string"),
            Type::List(t) => write!(f, "list({t})"),
            Type::Set(t) => write!(f, "set({t})"),
            Type::Map(t) => write!(f, "map({t})"),
            Type::Tuple(ts) => {
                f.write_str("tuple([")?;
                for (i, t) in ts.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{t}")?;
                }
                f.write_str("])")
            }
            Type::Object(attrs) => {
                f.write_str("object({")?;
                for (i, (name, attr)) in attrs.iter().enumerate() {
                    if i > 0 {
                        f.write_str(",")?;
                    }
                    if attr.optional {
                        write!(f, " {name} = optional({})", attr.ty)?;
                    } else {
                        write!(f, " {name} = {}", attr.ty)?;
                    }
                }
                f.write_str(" })")
            }
        }
    }
}
