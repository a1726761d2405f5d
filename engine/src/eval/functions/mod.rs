//! The built-in functions of the language.
//!
//! One file per family. A function is described by a [`Spec`]; [`call`] does
//! for all of them what does not depend on the function: arity, conversion of
//! arguments to parameter types, refusal of null, unknown arguments and marks.
//! A function's own code therefore sees known, unmarked arguments unless its
//! parameters ask for more.

mod charset;
mod cidr;
mod codepage;
mod collection;
mod convert;
mod csv;
mod datetime;
mod encoding;
mod file;
mod format;
mod glob;
mod hash;
mod json;
mod list;
mod map;
mod numeric;
mod regex;
mod rsa;
mod sensitive;
mod set;
mod string;
mod template;
#[cfg(test)]
mod testing;
mod tfvars;
mod yaml;
mod yaml_encode;

use std::fmt;
use std::sync::LazyLock;

use infra_types::{Marks, Type, Value};

use super::scope::Scope;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FnError {
    /// The argument at fault, counted from zero; nothing if it is the call as a whole.
    pub arg: Option<usize>,
    /// What is wrong with it.
    pub message: String,
}

impl FnError {
    /// The call as a whole is at fault.
    pub fn new(message: impl Into<String>) -> Self {
        FnError {
            arg: None,
            message: message.into(),
        }
    }

    /// One argument is at fault.
    pub fn at(arg: usize, message: impl Into<String>) -> Self {
        FnError {
            arg: Some(arg),
            message: message.into(),
        }
    }
}

impl fmt::Display for FnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FnError {}

/// One parameter of a function.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name, for messages.
    pub name: &'static str,
    /// The type arguments are converted to.
    pub ty: Type,
    /// Whether null is passed on to the function.
    pub allow_null: bool,
    /// Whether an unknown argument is passed on to the function.
    pub allow_unknown: bool,
    /// Whether marks are left on the argument; the function then handles them.
    pub allow_marked: bool,
    /// Whether an unknown argument of unknown type leaves the result's type known.
    pub allow_dynamic: bool,
}

impl Param {
    fn new(name: &'static str, ty: Type) -> Self {
        Param {
            name,
            ty,
            allow_null: false,
            allow_unknown: false,
            allow_marked: false,
            allow_dynamic: false,
        }
    }

    fn any(name: &'static str) -> Self {
        Self::new(name, Type::Dynamic)
    }

    fn string(name: &'static str) -> Self {
        Self::new(name, Type::String)
    }

    fn number(name: &'static str) -> Self {
        Self::new(name, Type::Number)
    }

    fn null(mut self) -> Self {
        self.allow_null = true;
        self
    }

    fn unknown(mut self) -> Self {
        self.allow_unknown = true;
        self
    }

    fn marked(mut self) -> Self {
        self.allow_marked = true;
        self
    }

    fn dynamic(mut self) -> Self {
        self.allow_dynamic = true;
        self
    }
}

/// A function's own code.
pub type CallFn = fn(&[Value], &dyn Scope) -> Result<Value, FnError>;

/// Says which type the result of a call has, from arguments that may be unknown.
pub type ReturnsFn = fn(&[Value]) -> Result<Type, FnError>;

/// The description of a function.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// The parameters that must be given.
    pub params: Vec<Param>,
    /// What any further arguments are.
    pub variadic: Option<Param>,
    /// Whether it takes what it wants from its arguments without looking through them.
    pub is_quick: bool,
    /// Whether the result is never null.
    pub not_null: bool,
    /// The type of the result; asked only when the value cannot be computed yet.
    pub returns: ReturnsFn,
    /// Computes the result.
    pub call: CallFn,
}

impl Spec {
    fn new(
        name: &'static str,
        description: &'static str,
        params: Vec<Param>,
        returns: ReturnsFn,
        call: CallFn,
    ) -> Self {
        Spec {
            name,
            description,
            params,
            variadic: None,
            is_quick: false,
            not_null: true,
            returns,
            call,
        }
    }

    /// Describes a function of the past, whose call says what to write instead.
    fn removed(name: &'static str, instead: CallFn) -> Self {
        Spec::new(name, "Was removed from the language.", vec![], returns::any, instead)
            .variadic(Param::any("vals").null().unknown().marked().dynamic())
    }

    fn variadic(mut self, param: Param) -> Self {
        self.variadic = Some(param);
        self
    }

    fn quick(mut self) -> Self {
        self.is_quick = true;
        self
    }

    fn nullable(mut self) -> Self {
        self.not_null = false;
        self
    }

    /// Returns the parameter an argument belongs to.
    pub fn param(&self, index: usize) -> Option<&Param> {
        self.params.get(index).or(self.variadic.as_ref())
    }

    /// Returns the signature, such as `substr(str, offset, length)`.
    pub fn signature(&self) -> String {
        let mut names: Vec<String> = self.params.iter().map(|p| p.name.to_owned()).collect();
        names.extend(self.variadic.as_ref().map(|p| format!("{}...", p.name)));
        format!("{}({})", self.name, names.join(", "))
    }
}

static TABLE: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    let mut all: Vec<Spec> = [
        cidr::specs(),
        collection::specs(),
        convert::specs(),
        csv::specs(),
        datetime::specs(),
        encoding::specs(),
        file::specs(),
        format::specs(),
        hash::specs(),
        json::specs(),
        list::specs(),
        map::specs(),
        numeric::specs(),
        regex::specs(),
        sensitive::specs(),
        set::specs(),
        string::specs(),
        template::specs(),
        tfvars::specs(),
        yaml::specs(),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|spec| spec.name);
    all
});

/// Returns the function of this name. `core::` may stand before it.
pub fn lookup(name: &str) -> Option<&'static Spec> {
    let name = name.strip_prefix("core::").unwrap_or(name);
    let at = TABLE.binary_search_by(|spec| spec.name.cmp(name)).ok()?;
    Some(&TABLE[at])
}

/// Returns the names of all functions, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|spec| spec.name)
}

/// Calls a function.
///
/// Arguments are converted to the parameters' types. An unknown argument makes
/// the result unknown; marks of arguments are put on the result.
pub fn call(spec: &Spec, mut args: Vec<Value>, scope: &dyn Scope) -> Result<Value, FnError> {
    check_arity(spec, args.len())?;
    for (i, arg) in args.iter_mut().enumerate() {
        let param = spec.param(i).expect("the arity is right");
        if param.ty != Type::Dynamic {
            *arg = convert::to(arg, &param.ty).map_err(|message| FnError::at(i, message))?;
        }
    }
    let mut marks = Marks::NONE;
    let mut unknown = false;
    let mut untyped = false;
    for (i, arg) in args.iter_mut().enumerate() {
        let param = spec.param(i).expect("the arity is right");
        if arg.is_null() && !param.allow_null {
            return Err(FnError::at(i, format!("argument `{}` must not be null", param.name)));
        }
        if !param.allow_marked {
            let found = arg.deep_marks();
            if !found.is_empty() {
                marks = marks.union(found);
                *arg = arg.unmark_deep();
            }
        }
        if !arg.is_known() {
            unknown |= !param.allow_unknown;
            untyped |= !param.allow_dynamic && arg.ty() == Type::Dynamic;
        }
    }
    let result = if untyped {
        Ok(Value::unknown(Type::Dynamic))
    } else if unknown {
        (spec.returns)(&args).map(|ty| unknown_of(spec, ty))
    } else {
        (spec.call)(&args, scope).map(|value| refine(spec, value))
    };
    match result {
        Ok(value) => Ok(value.with_marks(marks)),
        // What a function says of its arguments may quote them.
        Err(error) if marks.contains(Marks::SENSITIVE) => Err(FnError {
            message: "the call fails; the reason is not shown because an argument is sensitive".into(),
            ..error
        }),
        Err(error) => Err(error),
    }
}

fn check_arity(spec: &Spec, given: usize) -> Result<(), FnError> {
    let wanted = spec.params.len();
    if given < wanted {
        return Err(FnError::new(format!(
            "not enough arguments: `{}` takes {}, got {given}; `{}` is missing",
            spec.signature(),
            if spec.variadic.is_some() {
                format!("at least {wanted}")
            } else {
                wanted.to_string()
            },
            spec.params[given].name,
        )));
    }
    if given > wanted && spec.variadic.is_none() {
        return Err(FnError::at(
            wanted,
            format!("too many arguments: `{}` takes {wanted}, got {given}", spec.signature()),
        ));
    }
    Ok(())
}

fn unknown_of(spec: &Spec, ty: Type) -> Value {
    if spec.not_null {
        Value::unknown_not_null(ty)
    } else {
        Value::unknown(ty)
    }
}

/// Notes on an unknown result what the function promises.
fn refine(spec: &Spec, value: Value) -> Value {
    match &value.kind {
        infra_types::ValueKind::Unknown(ty, None) if spec.not_null => {
            Value::unknown_not_null(ty.clone()).with_marks(value.marks)
        }
        _ => value,
    }
}

/// Result types that do not depend on the arguments.
mod returns {
    use super::{FnError, Type, Value};

    pub(super) fn string(_: &[Value]) -> Result<Type, FnError> {
        Ok(Type::String)
    }

    pub(super) fn number(_: &[Value]) -> Result<Type, FnError> {
        Ok(Type::Number)
    }

    pub(super) fn bool(_: &[Value]) -> Result<Type, FnError> {
        Ok(Type::Bool)
    }

    pub(super) fn strings(_: &[Value]) -> Result<Type, FnError> {
        Ok(Type::list(Type::String))
    }

    pub(super) fn any(_: &[Value]) -> Result<Type, FnError> {
        Ok(Type::Dynamic)
    }
}

/// Returns a string argument that [`call`] has made sure of.
fn text(args: &[Value], index: usize) -> &str {
    args[index].as_str().unwrap_or_default()
}

/// Returns a whole number from an argument, or says why it is none.
fn integer(args: &[Value], index: usize) -> Result<i64, FnError> {
    args[index]
        .as_i64()
        .ok_or_else(|| FnError::at(index, "a whole number is required"))
}
