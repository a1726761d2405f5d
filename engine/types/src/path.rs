//! Paths into values: `container[0].image`.

use std::fmt;

use std::sync::Arc;

use crate::{Str, Value, ValueKind};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// An attribute of an object.
    Attr(Str),
    /// An entry of a map.
    Key(Str),
    /// An element of a list, tuple or set (position in the sorted set).
    Index(usize),
}

/// A path into a value; empty for the value itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<PathStep>);

impl Path {
    /// The value itself.
    pub fn root() -> Path {
        Path::default()
    }

    /// A path to an attribute.
    pub fn attr(name: impl Into<Str>) -> Path {
        Path(vec![PathStep::Attr(name.into())])
    }

    /// Returns the path one step further.
    pub fn join(&self, step: PathStep) -> Path {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Path(steps)
    }

    /// Returns the path to an attribute of what this points at.
    pub fn join_attr(&self, name: impl Into<Str>) -> Path {
        self.join(PathStep::Attr(name.into()))
    }

    /// Returns the path to an element of what this points at.
    pub fn join_index(&self, index: usize) -> Path {
        self.join(PathStep::Index(index))
    }

    /// Says whether `prefix` is the beginning of this path (or all of it).
    pub fn starts_with(&self, prefix: &Path) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Returns the name of the first attribute.
    pub fn first_attr(&self) -> Option<&Str> {
        match self.0.first() {
            Some(PathStep::Attr(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns what it points at in a value.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |v, step| match step {
            PathStep::Attr(name) | PathStep::Key(name) => v.get(name),
            PathStep::Index(i) => v.as_items()?.get(*i),
        })
    }

    /// Returns the value with what it points at replaced; unchanged if it points at nothing.
    pub fn set(&self, value: &Value, new: Value) -> Value {
        fn go(value: &Value, steps: &[PathStep], new: Value) -> Value {
            let Some((step, rest)) = steps.split_first() else {
                return new;
            };
            match (step, &value.kind) {
                (PathStep::Attr(n) | PathStep::Key(n), ValueKind::Object(attrs)) => {
                    let mut attrs = attrs.to_map();
                    let old = attrs.get(n).cloned().unwrap_or_else(Value::null);
                    attrs.insert(n.clone(), go(&old, rest, new));
                    Value {
                        kind: ValueKind::Object(Arc::new(attrs.into())),
                        marks: value.marks,
                    }
                }
                (PathStep::Attr(n) | PathStep::Key(n), ValueKind::Map(map)) => {
                    let mut items = map.items.to_map();
                    let old = items.get(n).cloned().unwrap_or_else(Value::null);
                    items.insert(n.clone(), go(&old, rest, new));
                    Value::map(map.elem.clone(), items.into()).with_marks(value.marks)
                }
                (PathStep::Index(i), _) => {
                    let (i, mut at, mut new) = (*i, 0, Some(new));
                    value.map_children(|v| {
                        let here = at == i;
                        at += 1;
                        match new.take_if(|_| here) {
                            Some(new) => go(v, rest, new),
                            None => v.clone(),
                        }
                    })
                }
                _ => value.clone(),
            }
        }
        go(value, &self.0, new)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Attr(name) if i == 0 => f.write_str(name)?,
                PathStep::Attr(name) => write!(f, ".{name}")?,
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
