//! `aws_db_instance`: a database server.

mod settings;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbInstance as Remote};
use infra_providers::{ErrorKind, Problem, ProviderError, ReadRequest, Schema};
use infra_types::{Path, Value};

use super::{named, rds};
use crate::batch::each;
use crate::error::{Call, has_code, or_gone};
use crate::names;
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::retry::iam_propagation;
use crate::value::Fields;
use crate::wait::{Look, Wait, minutes, seconds};

/// The type `aws_db_instance`.
pub(crate) struct DbInstance;

/// States that lead to `available`.
const ON_THE_WAY: [&str; 21] = [
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "creating",
    "maintenance",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "starting",
    "stopped",
    "stopping",
    "storage-config-upgrade",
    "storage-full",
    "storage-initialization",
    "storage-optimization",
    "update-in-progress",
    "upgrading",
];

#[async_trait]
impl Resource for DbInstance {
    fn schema(&self) -> Schema {
        settings::schema()
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        settings::validate(config)
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        settings::plan(plan)
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| async move {
            let found = find(cx, &identifier(prior)).await?;
            Ok(found.map(|db| settings::state(cx, &db, prior)))
        })
        .await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let name = wanted_name(planned, op.token);
        let again = |error: &ProviderError| {
            iam_propagation(error) || has_code(error, &["DBSubnetGroupNotFoundFault", "DBParameterGroupNotFound"])
        };
        let made = op
            .retry(minutes(2), again, || async {
                match planned.text("snapshot_identifier") {
                    Some(snapshot) => restore(op, &name, &snapshot).await,
                    None => create(op, &name).await,
                }
            })
            .await;
        let db = match made {
            Err(error) if has_code(&error, &["DBInstanceAlreadyExists", "DBInstanceAlreadyExistsFault"]) => {
                let found = find(op.cx, &name).await?;
                let ours = found.filter(|db| named::is_ours(&rds::tag_map(db.tag_list()), op.token));
                ours.ok_or_else(|| named::taken("a DB instance", &name))?
            }
            other => other?,
        };
        let id = db.dbi_resource_id.clone().unwrap_or_else(|| name.clone());
        op.exists([
            ("id", id.into()),
            ("identifier", name.as_str().into()),
            ("arn", db.db_instance_arn.into()),
        ]);
        let timeout = op.timeout("create", minutes(40));
        wait_available(op, &name, timeout).await?;
        if planned.is_set("snapshot_identifier") && modify(op, &name, true).await? {
            wait_available(op, &name, timeout).await?;
        }
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let old = identifier(&op.prior);
        let timeout = op.timeout("update", minutes(80));
        if modify(op, &old, false).await? {
            wait_available(op, &identifier(op.planned), timeout).await?;
        }
        rds::update_tags(op).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let name = identifier(&op.prior);
        let skip = op.prior.flag("skip_final_snapshot") == Some(true);
        let snapshot = op.prior.text("final_snapshot_identifier").filter(|_| !skip);
        if !skip && snapshot.is_none() {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("DB instance {name} cannot be destroyed without saying what becomes of its data"),
            )
            .at(Path::attr("final_snapshot_identifier"))
            .help("set `final_snapshot_identifier`, or `skip_final_snapshot = true` to lose the data, and apply that first"));
        }
        let busy = |error: &ProviderError| {
            has_code(error, &["InvalidDBInstanceState", "InvalidDBInstanceStateFault"])
                && !error.message.contains("already being deleted")
        };
        let deleted = op
            .retry(minutes(5), busy, || async {
                let call = op.cx.rds().delete_db_instance().db_instance_identifier(&name);
                call.skip_final_snapshot(skip)
                    .set_final_db_snapshot_identifier(snapshot.clone())
                    .delete_automated_backups(op.prior.flag("delete_automated_backups").unwrap_or(true))
                    .send()
                    .await
                    .op("DeleteDBInstance")
            })
            .await;
        match deleted {
            Err(error) if error.message.contains("already being deleted") => {}
            other => {
                other.map_err(explain_delete)?;
            }
        }
        let wait = Wait::new(
            format!("DB instance {name} to be gone"),
            op.timeout("delete", minutes(60)),
        );
        op.wait_gone(wait, || async {
            let found = find(op.cx, &name).await?;
            Ok(found.map(|db| db.db_instance_status.unwrap_or_default()))
        })
        .await
    }

    async fn identify(&self, _cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        Ok(Value::object([("identifier", id.into())]))
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let name = wanted_name(planned, token);
        let found = find(cx, &name).await?;
        let ours = found.filter(|db| named::is_ours(&rds::tag_map(db.tag_list()), token));
        Ok(ours.map(|db| {
            Value::object([
                ("id", db.dbi_resource_id.unwrap_or_else(|| name.clone()).into()),
                ("identifier", name.into()),
            ])
        }))
    }

    async fn resume(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        wait_available(op, &identifier(&op.prior), op.timeout("create", minutes(40))).await?;
        self.update(op).await
    }
}

/// Returns the name that a create with this token asks for; the service lower-cases names.
fn wanted_name(planned: &Value, token: &str) -> String {
    names::resolve_as(planned, token, "identifier", "identifier_prefix", 63).to_lowercase()
}

/// Returns the name of an object; its id is the resource id, which no call takes.
fn identifier(object: &Value) -> String {
    object.text("identifier").unwrap_or_else(|| object.id())
}

async fn find(cx: &Cx<'_>, name: &str) -> Result<Option<Remote>, ProviderError> {
    let call = cx.rds().describe_db_instances().db_instance_identifier(name);
    let answer = or_gone(call.send().await.op("DescribeDBInstances"))?;
    Ok(answer.and_then(|a| a.db_instances?.into_iter().next()))
}

fn explain_delete(error: ProviderError) -> ProviderError {
    if error.message.to_lowercase().contains("deletion protection") {
        return error.help("set `deletion_protection = false` and apply that first");
    }
    if has_code(&error, &["DBSnapshotAlreadyExists", "DBSnapshotAlreadyExistsFault"]) {
        return error
            .at(Path::attr("final_snapshot_identifier"))
            .help("choose another `final_snapshot_identifier` and apply that first");
    }
    error
}

async fn wait_available(op: &Op<'_>, name: &str, timeout: Duration) -> Result<(), ProviderError> {
    let wait = Wait::new(format!("DB instance {name} to be available"), timeout)
        .every(seconds(10))
        .times(3);
    op.wait(wait, || async {
        let found = find(op.cx, name).await?;
        let status = found.and_then(|db| db.db_instance_status);
        let status = status.unwrap_or_else(|| "not visible yet".to_owned());
        match status.as_str() {
            "available" | "storage-optimization" => Ok(Look::Done(())),
            other if ON_THE_WAY.contains(&other) || other.starts_with("configuring-") || other.contains(' ') => {
                Ok(Look::Pending(status))
            }
            _ => Err(ProviderError::new(
                ErrorKind::Other,
                format!("DB instance {name} is `{status}`, and will not become available by itself"),
            )
            .help("the instance's events in the RDS console say why")),
        }
    })
    .await
}

async fn create(op: &Op<'_>, name: &str) -> Result<Remote, ProviderError> {
    let p = op.planned;
    let groups = p.texts("vpc_security_group_ids");
    let logs = p.texts("enabled_cloudwatch_logs_exports");
    let managed = p.flag("manage_master_user_password").filter(|m| *m);
    let call = op.cx.rds_once().create_db_instance().db_instance_identifier(name);
    let answer = call
        .set_allocated_storage(p.int("allocated_storage"))
        .set_auto_minor_version_upgrade(p.flag("auto_minor_version_upgrade"))
        .set_availability_zone(p.text("availability_zone"))
        .set_backup_retention_period(p.int("backup_retention_period"))
        .set_backup_target(p.text("backup_target"))
        .set_ca_certificate_identifier(p.text("ca_cert_identifier"))
        .set_character_set_name(p.text("character_set_name"))
        .set_copy_tags_to_snapshot(p.flag("copy_tags_to_snapshot"))
        .set_custom_iam_instance_profile(p.text("custom_iam_instance_profile"))
        .set_database_insights_mode(p.text("database_insights_mode").map(|m| m.as_str().into()))
        .set_db_instance_class(p.text("instance_class"))
        .set_db_name(p.text("db_name"))
        .set_db_parameter_group_name(p.text("parameter_group_name"))
        .set_db_subnet_group_name(p.text("db_subnet_group_name"))
        .set_dedicated_log_volume(p.flag("dedicated_log_volume").filter(|d| *d))
        .set_deletion_protection(p.flag("deletion_protection"))
        .set_enable_cloudwatch_logs_exports((!logs.is_empty()).then_some(logs))
        .set_enable_iam_database_authentication(p.flag("iam_database_authentication_enabled"))
        .set_enable_performance_insights(p.flag("performance_insights_enabled"))
        .set_engine(p.text("engine"))
        .set_engine_lifecycle_support(p.text("engine_lifecycle_support"))
        .set_engine_version(p.text("engine_version"))
        .set_iops(p.int("iops"))
        .set_kms_key_id(p.text("kms_key_id"))
        .set_license_model(p.text("license_model"))
        .set_manage_master_user_password(managed)
        .set_master_user_password(p.text("password").filter(|_| managed.is_none()))
        .set_master_user_secret_kms_key_id(p.text("master_user_secret_kms_key_id"))
        .set_master_username(p.text("username"))
        .set_max_allocated_storage(p.int("max_allocated_storage").filter(|m| *m > 0))
        .set_monitoring_interval(p.int("monitoring_interval"))
        .set_monitoring_role_arn(p.text("monitoring_role_arn"))
        .set_multi_az(p.flag("multi_az"))
        .set_network_type(p.text("network_type"))
        .set_option_group_name(p.text("option_group_name"))
        .set_performance_insights_kms_key_id(p.text("performance_insights_kms_key_id"))
        .set_performance_insights_retention_period(p.int("performance_insights_retention_period"))
        .set_port(p.int("port"))
        .set_preferred_backup_window(p.text("backup_window"))
        .set_preferred_maintenance_window(p.text("maintenance_window"))
        .set_publicly_accessible(p.flag("publicly_accessible"))
        .set_storage_encrypted(p.flag("storage_encrypted"))
        .set_storage_throughput(p.int("storage_throughput"))
        .set_storage_type(p.text("storage_type"))
        .set_tags(Some(rds::tag_list(&named::creation_tags(op))))
        .set_timezone(p.text("timezone"))
        .set_vpc_security_group_ids((!groups.is_empty()).then_some(groups))
        .send()
        .await
        .op("CreateDBInstance")?;
    answer.db_instance.expect_in("CreateDBInstance", "DB instance")
}

async fn restore(op: &Op<'_>, name: &str, snapshot: &str) -> Result<Remote, ProviderError> {
    let p = op.planned;
    let groups = p.texts("vpc_security_group_ids");
    let call = op.cx.rds_once().restore_db_instance_from_db_snapshot();
    let answer = call
        .db_instance_identifier(name)
        .db_snapshot_identifier(snapshot)
        .set_auto_minor_version_upgrade(p.flag("auto_minor_version_upgrade"))
        .set_availability_zone(p.text("availability_zone"))
        .set_copy_tags_to_snapshot(p.flag("copy_tags_to_snapshot"))
        .set_db_instance_class(p.text("instance_class"))
        .set_db_parameter_group_name(p.text("parameter_group_name"))
        .set_db_subnet_group_name(p.text("db_subnet_group_name"))
        .set_deletion_protection(p.flag("deletion_protection"))
        .set_enable_iam_database_authentication(p.flag("iam_database_authentication_enabled"))
        .set_engine(p.text("engine"))
        .set_iops(p.int("iops"))
        .set_license_model(p.text("license_model"))
        .set_multi_az(p.flag("multi_az"))
        .set_network_type(p.text("network_type"))
        .set_option_group_name(p.text("option_group_name"))
        .set_port(p.int("port"))
        .set_publicly_accessible(p.flag("publicly_accessible"))
        .set_storage_throughput(p.int("storage_throughput"))
        .set_storage_type(p.text("storage_type"))
        .set_tags(Some(rds::tag_list(&named::creation_tags(op))))
        .set_vpc_security_group_ids((!groups.is_empty()).then_some(groups))
        .send()
        .await
        .op("RestoreDBInstanceFromDBSnapshot")?;
    answer
        .db_instance
        .expect_in("RestoreDBInstanceFromDBSnapshot", "DB instance")
}

/// Sends what changes (or, after a restore, what the snapshot did not say); says whether there was something.
async fn modify(op: &Op<'_>, name: &str, restored: bool) -> Result<bool, ProviderError> {
    let p = op.planned;
    if !restored && !op.any_changed(&settings::MODIFIED) {
        return Ok(false);
    }
    let changed = |name: &str| match restored {
        true => op.config.is_set(name),
        false => op.changed(name),
    };
    let text = |name: &str| p.text(name).filter(|_| changed(name));
    let number = |name: &str| p.int(name).filter(|_| changed(name));
    let flag = |name: &str| p.flag(name).filter(|_| changed(name));
    let managed = p.flag("manage_master_user_password").unwrap_or(false);
    // Storage settings belong together: one of them is refused without the others.
    let storage = ["allocated_storage", "iops", "storage_throughput", "storage_type"];
    let storage = storage.iter().any(|name| changed(name)) && !restored;
    let logs = (!restored && op.changed("enabled_cloudwatch_logs_exports")).then(|| log_exports(op));
    let groups = (!restored && op.changed("vpc_security_group_ids")).then(|| p.texts("vpc_security_group_ids"));
    let again = |error: &ProviderError| {
        iam_propagation(error) || has_code(error, &["InvalidDBInstanceState", "InvalidDBInstanceStateFault"])
    };
    op.retry(minutes(5), again, || async {
        let call = op.cx.rds().modify_db_instance().db_instance_identifier(name);
        // Under another name the instance is found at once, or not at all.
        let at_once = restored || op.changed("identifier") || p.flag("apply_immediately") == Some(true);
        call.apply_immediately(at_once)
            .set_allocated_storage(p.int("allocated_storage").filter(|_| storage))
            .set_iops(p.int("iops").filter(|i| storage && *i > 0))
            .set_storage_throughput(p.int("storage_throughput").filter(|t| storage && *t > 0))
            .set_storage_type(text("storage_type"))
            .set_allow_major_version_upgrade(
                p.flag("allow_major_version_upgrade")
                    .filter(|_| changed("engine_version")),
            )
            .set_auto_minor_version_upgrade(flag("auto_minor_version_upgrade"))
            .set_backup_retention_period(number("backup_retention_period"))
            .set_ca_certificate_identifier(text("ca_cert_identifier"))
            .set_cloudwatch_logs_export_configuration(logs.clone())
            .set_copy_tags_to_snapshot(flag("copy_tags_to_snapshot"))
            .set_database_insights_mode(text("database_insights_mode").map(|m| m.as_str().into()))
            .set_db_instance_class(text("instance_class"))
            .set_db_parameter_group_name(text("parameter_group_name"))
            .set_db_port_number(number("port"))
            .set_db_subnet_group_name(text("db_subnet_group_name"))
            .set_dedicated_log_volume(flag("dedicated_log_volume"))
            .set_deletion_protection(flag("deletion_protection"))
            .set_enable_iam_database_authentication(flag("iam_database_authentication_enabled"))
            .set_enable_performance_insights(flag("performance_insights_enabled"))
            .set_engine_version(text("engine_version"))
            .set_license_model(text("license_model"))
            .set_manage_master_user_password(flag("manage_master_user_password"))
            .set_master_user_password(text("password").filter(|_| !managed))
            .set_master_user_secret_kms_key_id(text("master_user_secret_kms_key_id"))
            .set_max_allocated_storage(number("max_allocated_storage"))
            .set_monitoring_interval(number("monitoring_interval"))
            .set_monitoring_role_arn(text("monitoring_role_arn"))
            .set_multi_az(flag("multi_az"))
            .set_network_type(text("network_type"))
            .set_new_db_instance_identifier(text("identifier").filter(|_| !restored))
            .set_option_group_name(text("option_group_name"))
            .set_performance_insights_kms_key_id(text("performance_insights_kms_key_id"))
            .set_performance_insights_retention_period(number("performance_insights_retention_period"))
            .set_preferred_backup_window(text("backup_window"))
            .set_preferred_maintenance_window(text("maintenance_window"))
            .set_publicly_accessible(flag("publicly_accessible"))
            .set_vpc_security_group_ids(groups.clone())
            .send()
            .await
            .op("ModifyDBInstance")
    })
    .await?;
    Ok(true)
}

fn log_exports(op: &Op<'_>) -> CloudwatchLogsExportConfiguration {
    let name = "enabled_cloudwatch_logs_exports";
    let (old, new) = (op.prior.texts(name), op.planned.texts(name));
    let on: Vec<String> = new.iter().filter(|l| !old.contains(l)).cloned().collect();
    let off: Vec<String> = old.into_iter().filter(|l| !new.contains(l)).collect();
    CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types((!on.is_empty()).then_some(on))
        .set_disable_log_types((!off.is_empty()).then_some(off))
        .build()
}
