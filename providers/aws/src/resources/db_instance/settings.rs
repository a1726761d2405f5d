//! The arguments and attributes of a DB instance, and how they are read.

use aws_sdk_rds::types::DbInstance as Remote;
use infra_providers::{Attribute, Block, ErrorKind, Problem, ProviderError, Schema, Validator};
use infra_types::{Path, Type, Value};

use crate::resource::{Cx, Plan, with_timeouts};
use crate::resources::{named, rds};
use crate::tags::with_tags;
use crate::value::{Fields, same_text_any_case};

/// What the provider does itself; the service does not know it.
const BEHAVIOUR: [&str; 4] = [
    "allow_major_version_upgrade",
    "apply_immediately",
    "delete_automated_backups",
    "skip_final_snapshot",
];

/// What ModifyDBInstance takes.
pub(super) const MODIFIED: [&str; 36] = [
    "allocated_storage",
    "auto_minor_version_upgrade",
    "backup_retention_period",
    "backup_window",
    "ca_cert_identifier",
    "copy_tags_to_snapshot",
    "database_insights_mode",
    "db_subnet_group_name",
    "dedicated_log_volume",
    "deletion_protection",
    "enabled_cloudwatch_logs_exports",
    "engine_version",
    "iam_database_authentication_enabled",
    "identifier",
    "instance_class",
    "iops",
    "license_model",
    "maintenance_window",
    "manage_master_user_password",
    "master_user_secret_kms_key_id",
    "max_allocated_storage",
    "monitoring_interval",
    "monitoring_role_arn",
    "multi_az",
    "network_type",
    "option_group_name",
    "parameter_group_name",
    "password",
    "performance_insights_enabled",
    "performance_insights_kms_key_id",
    "performance_insights_retention_period",
    "port",
    "publicly_accessible",
    "storage_throughput",
    "storage_type",
    "vpc_security_group_ids",
];

/// Returns the schema.
pub(super) fn schema() -> Schema {
    let text = || Attribute::optional(Type::String);
    let filled = || Attribute::optional_computed(Type::String);
    let number = || Attribute::optional_computed(Type::Number);
    let flag = |default: bool| Attribute::optional(Type::Bool).default(default);
    let computed = || Attribute::computed(Type::String);
    let secret = Type::object([
        ("kms_key_id", Type::String),
        ("secret_arn", Type::String),
        ("secret_status", Type::String),
    ]);
    let block = Block::new("A database server.")
        .attr("arn", computed())
        .attr("address", computed().doc("The host name."))
        .attr("endpoint", computed().doc("Host name and port."))
        .attr("engine_version_actual", computed())
        .attr("hosted_zone_id", computed())
        .attr("resource_id", computed())
        .attr("status", computed())
        .attr(
            "master_user_secret",
            Attribute::computed(Type::list(secret)).doc("The secret that holds a managed password."),
        )
        .attr("allocated_storage", number().check(Validator::Range(5, 65536)))
        .attr("allow_major_version_upgrade", flag(false))
        .attr(
            "apply_immediately",
            flag(false).doc("Changes at once, and not in the next maintenance window."),
        )
        .attr("auto_minor_version_upgrade", flag(true))
        .attr("availability_zone", filled().force_new())
        .attr("backup_retention_period", number().check(Validator::Range(0, 35)))
        .attr("backup_target", filled().force_new())
        .attr("backup_window", filled().equal(same_text_any_case))
        .attr("ca_cert_identifier", filled())
        .attr("character_set_name", filled().force_new())
        .attr("copy_tags_to_snapshot", flag(false))
        .attr("custom_iam_instance_profile", text().force_new())
        .attr("database_insights_mode", filled())
        .attr("db_name", filled().force_new())
        .attr("db_subnet_group_name", filled().equal(same_text_any_case))
        .attr("dedicated_log_volume", flag(false))
        .attr("delete_automated_backups", flag(true))
        .attr("deletion_protection", flag(false))
        .attr(
            "enabled_cloudwatch_logs_exports",
            Attribute::optional(Type::set(Type::String)),
        )
        .attr("engine", filled().force_new())
        .attr("engine_lifecycle_support", filled().force_new())
        .attr(
            "engine_version",
            filled().doc("`16` stands for any version 16; `engine_version_actual` is the version it has."),
        )
        .attr("final_snapshot_identifier", text())
        .attr("iam_database_authentication_enabled", flag(false))
        .attr(
            "identifier",
            filled()
                .equal(same_text_any_case)
                .check(Validator::Custom(check_identifier)),
        )
        .attr("identifier_prefix", text().force_new())
        .attr("instance_class", Attribute::required(Type::String))
        .attr("iops", number())
        .attr("kms_key_id", filled().force_new())
        .attr("license_model", filled())
        .attr("maintenance_window", filled().equal(same_text_any_case))
        .attr("manage_master_user_password", Attribute::optional(Type::Bool))
        .attr("master_user_secret_kms_key_id", filled())
        .attr("max_allocated_storage", Attribute::optional(Type::Number))
        .attr(
            "monitoring_interval",
            Attribute::optional(Type::Number)
                .default(0)
                .check(Validator::OneOfNumbers(&[0, 1, 5, 10, 15, 30, 60])),
        )
        .attr("monitoring_role_arn", filled())
        .attr("multi_az", Attribute::optional_computed(Type::Bool))
        .attr("network_type", filled())
        .attr("option_group_name", filled())
        .attr("parameter_group_name", filled())
        .attr("password", text().sensitive())
        .attr("performance_insights_enabled", flag(false))
        .attr("performance_insights_kms_key_id", filled())
        .attr("performance_insights_retention_period", number())
        .attr("port", number().check(Validator::Range(1150, 65535)))
        .attr("publicly_accessible", flag(false))
        .attr(
            "skip_final_snapshot",
            flag(false).doc("Destroys the instance without keeping its data."),
        )
        .attr("snapshot_identifier", text().force_new())
        .attr(
            "storage_encrypted",
            Attribute::optional_computed(Type::Bool).force_new(),
        )
        .attr("storage_throughput", number())
        .attr("storage_type", filled())
        .attr("timezone", filled().force_new())
        .attr("username", filled().force_new())
        .attr(
            "vpc_security_group_ids",
            Attribute::optional_computed(Type::set(Type::String)),
        );
    Schema::new(with_timeouts(with_tags(block), &["create", "update", "delete"]))
        .unique(&["identifier"])
        .data_bearing()
}

fn check_identifier(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let valid = text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !text.ends_with('-')
        && !text.contains("--");
    (!valid).then(|| {
        "the identifier must have 1 to 63 letters, digits and single hyphens, and begin with a letter".to_owned()
    })
}

/// Checks combinations of arguments.
pub(super) fn validate(config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let managed = config.flag("manage_master_user_password") == Some(true);
    if managed && config.is_set("password") {
        problems.push(
            Problem::new(
                Path::attr("password"),
                "`password` and `manage_master_user_password` exclude each other",
            )
            .help("remove `password`: the service makes one and keeps it in Secrets Manager"),
        );
    }
    if config.is_set("identifier") && config.is_set("identifier_prefix") {
        problems.push(Problem::new(
            Path::attr("identifier_prefix"),
            "`identifier` and `identifier_prefix` exclude each other",
        ));
    }
    if config.is_set("snapshot_identifier") {
        return problems;
    }
    for name in ["engine", "username", "allocated_storage"] {
        if !config.is_set(name) {
            problems.push(Problem::new(
                Path::attr(name),
                format!("a new DB instance needs `{name}`"),
            ));
        }
    }
    let says = config.get("manage_master_user_password").is_some_and(|m| !m.is_known());
    if !managed && !says && !config.is_set("password") {
        problems.push(
            Problem::new(Path::attr("password"), "a new DB instance needs a password")
                .help("set `manage_master_user_password = true`, or `password`"),
        );
    }
    problems
}

/// Adjusts a plan.
pub(super) fn plan(plan: &mut Plan<'_>) -> Result<(), ProviderError> {
    let Some(prior) = plan.prior else {
        return Ok(());
    };
    plan_version(plan, prior);
    plan_storage(plan, prior)?;
    if plan.changed("identifier") {
        plan.unknown(&["address", "arn", "endpoint"]);
    }
    if plan.changed("port") {
        plan.unknown(&["endpoint"]);
    }
    if plan.changed("engine_version") {
        plan.unknown(&["engine_version_actual"]);
        let default = prior
            .get_str("parameter_group_name")
            .is_some_and(|g| g.starts_with("default."));
        if default && !plan.config.is_set("parameter_group_name") {
            plan.unknown(&["parameter_group_name"]);
        }
    }
    if plan.changed("manage_master_user_password") || plan.changed("master_user_secret_kms_key_id") {
        plan.unknown(&["master_user_secret"]);
    }
    if plan.changed("performance_insights_enabled") {
        for name in [
            "performance_insights_kms_key_id",
            "performance_insights_retention_period",
        ] {
            if !plan.config.is_set(name) {
                plan.unknown(&[name]);
            }
        }
    }
    Ok(())
}

/// A version that the instance has already is no change, however it is written.
fn plan_version(plan: &mut Plan<'_>, prior: &Value) {
    let (Some(wanted), Some(actual)) = (plan.config.text("engine_version"), prior.text("engine_version_actual")) else {
        return;
    };
    let auto = plan.planned.flag("auto_minor_version_upgrade") == Some(true);
    if satisfies(&actual, &wanted, auto) {
        let marks = plan.planned.get("engine_version").map(|v| v.marks).unwrap_or_default();
        let old = prior.get("engine_version").cloned().unwrap_or_else(Value::null);
        plan.set("engine_version", old.with_marks(marks));
    }
}

/// Storage grows by itself where it may, and never shrinks.
fn plan_storage(plan: &mut Plan<'_>, prior: &Value) -> Result<(), ProviderError> {
    let (Some(old), Some(new)) = (prior.int("allocated_storage"), plan.planned.int("allocated_storage")) else {
        return Ok(());
    };
    if new >= old || !plan.replace.is_empty() {
        return Ok(());
    }
    if plan.planned.int("max_allocated_storage").is_some_and(|max| max >= old) {
        plan.set("allocated_storage", i64::from(old).into());
        return Ok(());
    }
    Err(ProviderError::new(
        ErrorKind::Invalid,
        format!("the storage of a DB instance cannot shrink from {old} to {new} GiB"),
    )
    .at(Path::attr("allocated_storage"))
    .help(format!("set `allocated_storage` to {old} or more")))
}

/// Says whether an actual version is what was asked for: `16` means any 16, and a
/// newer minor version is fine where minor versions upgrade by themselves.
fn satisfies(actual: &str, wanted: &str, auto: bool) -> bool {
    let prefix = actual
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let split = |v: &str| {
        let (major, minor) = v.rsplit_once('.')?;
        Some((major.to_owned(), minor.parse::<u32>().ok()?))
    };
    let newer = match (split(actual), split(wanted)) {
        (Some((a, have)), Some((b, want))) => a == b && have > want,
        _ => false,
    };
    prefix || (auto && newer)
}

/// Builds the attributes of an instance as read. What is pending wins: it will be so.
pub(super) fn state(cx: &Cx<'_>, db: &Remote, prior: &Value) -> Value {
    let pending = db.pending_modified_values();
    let mut state = cx.state(prior);
    let name = db.db_instance_identifier();
    let resource = db.dbi_resource_id().or(name);
    let endpoint = db.endpoint();
    let address = endpoint.and_then(|e| e.address());
    let port = endpoint
        .and_then(|e| e.port())
        .or(db.db_instance_port().filter(|p| *p != 0));
    let port = pending.and_then(|p| p.port()).or(port);
    // Not every endpoint answers with everything: what was known stays.
    let known_text = |name: &str, value: Option<&str>| value.map(str::to_owned).or_else(|| prior.text(name));
    let known_number = |name: &str, value: Option<i32>| value.or_else(|| prior.int(name));
    let known_flag = |name: &str, value: Option<bool>| value.or_else(|| prior.flag(name)).unwrap_or(false);
    state
        .set("id", resource)
        .set("resource_id", resource)
        .set("identifier", name)
        .set("arn", db.db_instance_arn())
        .set("address", address)
        .set("endpoint", address.zip(port).map(|(a, p)| format!("{a}:{p}")))
        .set("hosted_zone_id", endpoint.and_then(|e| e.hosted_zone_id()))
        .set("status", db.db_instance_status())
        .set("port", port)
        .set("engine", db.engine())
        .set("username", db.master_username())
        .set("db_name", db.db_name())
        .set("availability_zone", db.availability_zone())
        .set("backup_window", db.preferred_backup_window())
        .set("maintenance_window", db.preferred_maintenance_window())
        .set("kms_key_id", db.kms_key_id())
        .set("character_set_name", db.character_set_name())
        .set("timezone", db.timezone())
        .set("custom_iam_instance_profile", db.custom_iam_instance_profile())
        .set("monitoring_role_arn", db.monitoring_role_arn())
        .set("monitoring_interval", db.monitoring_interval().unwrap_or(0))
        .set("max_allocated_storage", max_storage(db, prior));
    state
        .set("backup_target", known_text("backup_target", db.backup_target()))
        .set("network_type", known_text("network_type", db.network_type()))
        .set(
            "engine_lifecycle_support",
            known_text("engine_lifecycle_support", db.engine_lifecycle_support()),
        )
        .set(
            "database_insights_mode",
            known_text(
                "database_insights_mode",
                db.database_insights_mode().map(|m| m.as_str()),
            ),
        )
        .set(
            "performance_insights_kms_key_id",
            known_text("performance_insights_kms_key_id", db.performance_insights_kms_key_id()),
        )
        .set(
            "performance_insights_retention_period",
            known_number(
                "performance_insights_retention_period",
                db.performance_insights_retention_period(),
            ),
        )
        .set(
            "performance_insights_enabled",
            known_flag("performance_insights_enabled", db.performance_insights_enabled()),
        )
        .set(
            "storage_encrypted",
            known_flag("storage_encrypted", db.storage_encrypted()),
        )
        .set(
            "copy_tags_to_snapshot",
            known_flag("copy_tags_to_snapshot", db.copy_tags_to_snapshot()),
        )
        .set(
            "publicly_accessible",
            known_flag("publicly_accessible", db.publicly_accessible()),
        )
        .set(
            "deletion_protection",
            known_flag("deletion_protection", db.deletion_protection()),
        )
        .set(
            "dedicated_log_volume",
            known_flag(
                "dedicated_log_volume",
                pending
                    .and_then(|p| p.dedicated_log_volume())
                    .or(db.dedicated_log_volume()),
            ),
        )
        .set(
            "iam_database_authentication_enabled",
            known_flag(
                "iam_database_authentication_enabled",
                pending
                    .and_then(|p| p.iam_database_authentication_enabled())
                    .or(db.iam_database_authentication_enabled()),
            ),
        )
        .set(
            "auto_minor_version_upgrade",
            db.auto_minor_version_upgrade().unwrap_or(true),
        );
    state
        .set(
            "instance_class",
            pending.and_then(|p| p.db_instance_class()).or(db.db_instance_class()),
        )
        .set(
            "allocated_storage",
            pending.and_then(|p| p.allocated_storage()).or(db.allocated_storage()),
        )
        .set(
            "iops",
            known_number("iops", pending.and_then(|p| p.iops()).or(db.iops())),
        )
        .set(
            "storage_throughput",
            known_number(
                "storage_throughput",
                pending.and_then(|p| p.storage_throughput()).or(db.storage_throughput()),
            ),
        )
        .set(
            "storage_type",
            pending.and_then(|p| p.storage_type()).or(db.storage_type()),
        )
        .set(
            "multi_az",
            pending.and_then(|p| p.multi_az()).or(db.multi_az()).unwrap_or(false),
        )
        .set(
            "backup_retention_period",
            pending
                .and_then(|p| p.backup_retention_period())
                .or(db.backup_retention_period()),
        )
        .set(
            "ca_cert_identifier",
            known_text(
                "ca_cert_identifier",
                pending
                    .and_then(|p| p.ca_certificate_identifier())
                    .or(db.ca_certificate_identifier()),
            ),
        )
        .set(
            "license_model",
            pending.and_then(|p| p.license_model()).or(db.license_model()),
        );
    set_version(&mut state, db, prior);
    set_groups(&mut state, db, prior);
    set_secret(&mut state, db, prior);
    state.tags(cx.default_tags(), rds::tag_map(db.tag_list()));
    named::set_unread(cx, &mut state, prior, &BEHAVIOUR);
    state.finish()
}

/// Zero, like nothing, means that storage does not grow by itself.
fn max_storage(db: &Remote, prior: &Value) -> Option<i32> {
    db.max_allocated_storage()
        .or_else(|| prior.int("max_allocated_storage").filter(|max| *max == 0))
}

fn set_version(state: &mut crate::value::State<'_>, db: &Remote, prior: &Value) {
    let pending = db.pending_modified_values().and_then(|p| p.engine_version());
    let version = pending.or(db.engine_version()).unwrap_or_default();
    let auto = db.auto_minor_version_upgrade().unwrap_or(true);
    let written = prior.text("engine_version").filter(|w| satisfies(version, w, auto));
    state
        .set("engine_version", written.unwrap_or_else(|| version.to_owned()))
        .set("engine_version_actual", version);
}

fn set_groups(state: &mut crate::value::State<'_>, db: &Remote, prior: &Value) {
    let groups = db.vpc_security_groups().iter();
    let groups: Vec<&str> = groups.filter_map(|g| g.vpc_security_group_id()).collect();
    let subnets = db.db_subnet_group().and_then(|g| g.db_subnet_group_name());
    let parameters = db
        .db_parameter_groups()
        .first()
        .and_then(|g| g.db_parameter_group_name());
    let options = db
        .option_group_memberships()
        .first()
        .and_then(|g| g.option_group_name());
    let options = options.map(str::to_owned).or_else(|| prior.text("option_group_name"));
    state
        .set("vpc_security_group_ids", groups)
        .set("db_subnet_group_name", subnets)
        .set("parameter_group_name", parameters)
        .set("option_group_name", options)
        .set(
            "enabled_cloudwatch_logs_exports",
            Some(db.enabled_cloudwatch_logs_exports()).filter(|logs| !logs.is_empty()),
        );
}

fn set_secret(state: &mut crate::value::State<'_>, db: &Remote, prior: &Value) {
    let secret = db.master_user_secret();
    let item = secret.map(|s| {
        let text = |t: Option<&str>| t.map_or_else(|| Value::null_of(Type::String), Value::from);
        Value::object([
            ("kms_key_id", text(s.kms_key_id())),
            ("secret_arn", text(s.secret_arn())),
            ("secret_status", text(s.secret_status())),
        ])
    });
    let items: Vec<Value> = item.into_iter().collect();
    state.set("master_user_secret", items);
    let written = prior.text("master_user_secret_kms_key_id");
    let key = secret.and_then(|s| s.kms_key_id()).map(str::to_owned);
    state.set(
        "master_user_secret_kms_key_id",
        match (written, key) {
            // The key may be written as an id or alias; the service answers with the ARN.
            (Some(written), Some(key)) if key.ends_with(&written) || written.contains("alias/") => Some(written),
            (_, key) => key,
        },
    );
    let managed = match (secret.is_some(), prior.flag("manage_master_user_password")) {
        (true, _) => Some(true),
        (false, Some(false)) => Some(false),
        (false, _) => None,
    };
    state.set("manage_master_user_password", managed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_by_prefix() {
        assert!(satisfies("15.7", "15", false));
        assert!(satisfies("15.7", "15.7", false));
        assert!(!satisfies("15.7", "1", false));
        assert!(!satisfies("15.7", "16", true));
        assert!(satisfies("15.9", "15.7", true));
        assert!(!satisfies("15.9", "15.7", false));
        assert!(!satisfies("15.6", "15.7", true));
        assert!(satisfies("8.0.36", "8.0.35", true));
    }

    #[test]
    fn identifiers() {
        assert!(check_identifier(&"main-db1".into()).is_none());
        for bad in ["1db", "db-", "a--b", "a_b", ""] {
            assert!(check_identifier(&bad.into()).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_new_instance_needs_a_password() {
        let config = |given: &[(&str, Value)]| {
            let base = [
                ("engine", "postgres".into()),
                ("username", "app".into()),
                ("allocated_storage", 20.into()),
            ];
            Value::object(base.into_iter().chain(given.iter().map(|(k, v)| (*k, v.clone()))))
        };
        assert_eq!(validate(&config(&[])).len(), 1);
        assert!(validate(&config(&[("manage_master_user_password", true.into())])).is_empty());
        let both = [("manage_master_user_password", true.into()), ("password", "x".into())];
        assert_eq!(validate(&config(&both)).len(), 1);
        let snapshot = Value::object([("snapshot_identifier", "s".into())]);
        assert!(validate(&snapshot).is_empty());
    }
}
