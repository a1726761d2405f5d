//! What every resource type must do: one walk through an object's life.
//!
//! Create; read without a difference; each update in place, without a
//! difference after it; replacement where it must be; import without a
//! difference; found again by the token of its create; deleted, twice.

use infra_providers::{CreateRequest, UpdateRequest};
use infra_types::Value;
use serde_json::Value as Json;

use crate::world::{Seen, World};

/// A walk through the life of an object of one type.
pub(crate) struct Contract<'w> {
    world: &'w World,
    ty: &'static str,
    config: Json,
    updates: Vec<Json>,
    replacements: Vec<(&'static str, Json)>,
    import_id: fn(&Value) -> String,
    import_ignores: &'static [&'static str],
}

impl<'w> Contract<'w> {
    /// Begins with the configuration to create.
    pub(crate) fn new(world: &'w World, ty: &'static str, config: Json) -> Self {
        Self {
            world,
            ty,
            config,
            updates: Vec::new(),
            replacements: Vec::new(),
            import_id: |v| v.get_str("id").unwrap_or_default().to_owned(),
            import_ignores: &[],
        }
    }

    /// Adds a change in place.
    pub(crate) fn update(mut self, config: Json) -> Self {
        self.updates.push(config);
        self
    }

    /// Adds a change that must replace the object because of `path`.
    pub(crate) fn replaces(mut self, path: &'static str, config: Json) -> Self {
        self.replacements.push((path, config));
        self
    }

    /// Says what users give to `import`; the `id` otherwise.
    pub(crate) fn import_id(mut self, id: fn(&Value) -> String) -> Self {
        self.import_id = id;
        self
    }

    /// Names attributes that an import cannot know (passwords, behaviour flags).
    pub(crate) fn import_ignores(mut self, names: &'static [&'static str]) -> Self {
        self.import_ignores = names;
        self
    }

    /// Walks; returns the object as it was last.
    pub(crate) async fn run(self) -> Value {
        let (world, ty) = (self.world, self.ty);
        let config = world.config(ty, &self.config);
        let (planned, _) = world.plan(ty, None, &config);
        let token = world.token();
        let seen = Seen::default();
        let request = CreateRequest {
            ty: ty.to_owned(),
            planned: planned.clone(),
            config: config.clone(),
            token: token.clone(),
        };
        let created = world.session.create(request, &seen).await;
        let created = created.unwrap_or_else(|e| panic!("create {ty}: {} {:?}", e.error, e.error.details));
        assert_eq!(
            created.ty(),
            world.schema(ty).ty(),
            "{ty}: the form of what create returns"
        );
        refines(&planned, &created, &format!("{ty}: create"));
        let exists = seen.exists.lock().unwrap().last().cloned();
        let exists = exists.unwrap_or_else(|| panic!("{ty}: create did not report that the object exists"));
        let again = world.read(ty, &exists).await;
        assert!(again.is_some(), "{ty}: what create reported is not enough to read it");

        let found = world.session.recover(ty, &planned, &token).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{ty}: not found by the token of its create"));
        assert_eq!(
            found.get_str("id"),
            created.get_str("id"),
            "{ty}: another one was found"
        );

        let mut object = self.settled(&created, &config, "create").await;
        let mut last = config;
        for (i, update) in self.updates.iter().enumerate() {
            let name = format!("update {}", i + 1);
            let config = world.config(ty, update);
            let (planned, replace) = world.plan(ty, Some(&object), &config);
            assert!(replace.is_empty(), "{ty}: {name} would replace because of {replace:?}");
            assert!(!planned.same_value(&object), "{ty}: {name} changes nothing");
            let request = UpdateRequest {
                ty: ty.to_owned(),
                prior: object.clone(),
                planned: planned.clone(),
                config: config.clone(),
                token: world.token(),
            };
            let updated = world.session.update(request, &Seen::default()).await;
            let updated = updated.unwrap_or_else(|e| panic!("{ty}: {name}: {} {:?}", e.error, e.error.details));
            refines(&planned, &updated, &format!("{ty}: {name}"));
            object = self.settled(&updated, &config, &name).await;
            last = config;
        }

        for (path, config) in &self.replacements {
            let config = world.config(ty, config);
            let (_, replace) = world.plan(ty, Some(&object), &config);
            assert!(
                replace.iter().any(|p| p == path),
                "{ty}: a change of `{path}` does not replace, only {replace:?}"
            );
        }

        let import_id = (self.import_id)(&object);
        let imported = world.session.import(ty, &import_id).await;
        let imported = imported.unwrap_or_else(|e| panic!("import {ty} {import_id}: {e}"));
        let imported = self.import_ignores.iter().fold(imported, |v, name| {
            v.with_attr(*name, object.get(name).cloned().unwrap_or_else(Value::null))
        });
        self.no_difference(&imported, &last, "import");

        world.delete(ty, &object).await;
        assert!(
            world.read(ty, &object).await.is_none(),
            "{ty}: still there after delete"
        );
        world.delete(ty, &object).await;
        object
    }

    /// Reads the object and checks that nothing is left to do.
    async fn settled(&self, object: &Value, config: &Value, after: &str) -> Value {
        let (world, ty) = (self.world, self.ty);
        let read = world.read(ty, object).await;
        let read = read.unwrap_or_else(|| panic!("{ty}: not there after {after}"));
        same(object, &read, &format!("{ty}: reading it after {after}"));
        self.no_difference(&read, config, after);
        read
    }

    fn no_difference(&self, prior: &Value, config: &Value, after: &str) {
        let (planned, replace) = self.world.plan(self.ty, Some(prior), config);
        same(prior, &planned, &format!("{}: planning it after {after}", self.ty));
        assert!(replace.is_empty(), "{}: {replace:?} after {after}", self.ty);
    }
}

/// Checks that a result is as planned wherever the plan said something.
fn refines(planned: &Value, result: &Value, what: &str) {
    for (name, planned) in planned.as_entries().unwrap() {
        if planned.is_wholly_known() {
            let result = result.get(name).cloned().unwrap_or_else(Value::null);
            assert!(
                planned.same_value(&result),
                "{what}: `{name}` was planned as {planned:?}, and is {result:?}"
            );
        }
    }
}

/// Checks that two objects are the same, and names what is not.
fn same(a: &Value, b: &Value, what: &str) {
    for (name, a) in a.as_entries().unwrap() {
        let b = b.get(name).cloned().unwrap_or_else(Value::null);
        assert!(a.same_value(&b), "{what}: `{name}` was {a:?}, and is {b:?}");
    }
}
