//! `aws_ecs_task_definition`: a revision of what runs together.
//!
//! Containers are written as typed `container` blocks or as the JSON text
//! `container_definitions`. Either is compared by meaning: defaults that the
//! service fills in and the order of containers and variables make no
//! difference, and going from one form to the other is no new revision.
//! A revision cannot be changed, only its tags can.

mod containers;
mod fields;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    EfsAuthorizationConfig, EfsVolumeConfiguration, EphemeralStorage, HostVolumeProperties, RuntimePlatform,
    TaskDefinition, TaskDefinitionField, TaskDefinitionPlacementConstraint, TaskDefinitionStatus, Volume,
};
use infra_providers::{
    Attribute, Block, ErrorKind, NestedBlock, Problem, ProviderError, ReadRequest, Schema, Validator,
};
use infra_types::{Path, Type, Value};
use serde_json::Value as Json;

use super::{ecs, named};
use crate::batch::each;
use crate::error::{Call, has_code};
use crate::resource::{Answers, Cx, Expect, Op, Plan, Resource};
use crate::tags::with_tags;
use crate::value::Fields;

/// The type `aws_ecs_task_definition`.
pub(crate) struct EcsTaskDefinition;

#[async_trait]
impl Resource for EcsTaskDefinition {
    fn schema(&self) -> Schema {
        let fixed = |ty| Attribute::optional(ty).force_new();
        let block = Block::new("A revision of an ECS task definition.")
            .attr(
                "arn",
                Attribute::computed(Type::String).doc("The ARN, with the revision."),
            )
            .attr("arn_without_revision", Attribute::computed(Type::String))
            .attr("revision", Attribute::computed(Type::Number))
            .attr(
                "family",
                Attribute::required(Type::String)
                    .force_new()
                    .check(Validator::Length(1, 255))
                    .doc("The name that all revisions share."),
            )
            .attr(
                "container_definitions",
                fixed(Type::String)
                    .check(Validator::Custom(|v| containers::parse(v.as_str()?).err()))
                    .doc("The containers in the API's JSON; or use `container` blocks."),
            )
            .attr("cpu", fixed(Type::String).equal(same_cpu).doc("CPU units of the task."))
            .attr(
                "memory",
                fixed(Type::String).equal(same_memory).doc("Memory of the task in MiB."),
            )
            .attr(
                "network_mode",
                Attribute::optional_computed(Type::String)
                    .force_new()
                    .check(Validator::OneOf(&["awsvpc", "bridge", "host", "none"])),
            )
            .attr("execution_role_arn", fixed(Type::String).equal(ecs::same_name))
            .attr("task_role_arn", fixed(Type::String).equal(ecs::same_name))
            .attr(
                "ipc_mode",
                fixed(Type::String).check(Validator::OneOf(&["host", "task", "none"])),
            )
            .attr(
                "pid_mode",
                fixed(Type::String).check(Validator::OneOf(&["host", "task"])),
            )
            .attr("requires_compatibilities", fixed(Type::set(Type::String)))
            .attr(
                "enable_fault_injection",
                Attribute::optional_computed(Type::Bool).force_new(),
            )
            .attr(
                "skip_destroy",
                Attribute::optional(Type::Bool).doc("Keeps the revision active when it is replaced or destroyed."),
            )
            .attr(
                "track_latest",
                Attribute::optional(Type::Bool).doc("Follows the latest active revision, whoever made it."),
            )
            .block(
                "container",
                NestedBlock::list(fields::block(fields::CONTAINER, "A container.")).force_new(),
            )
            .block(
                "runtime_platform",
                NestedBlock::list(
                    Block::new("Where the task runs.")
                        .attr("cpu_architecture", Attribute::optional(Type::String))
                        .attr("operating_system_family", Attribute::optional(Type::String)),
                )
                .at_most(1)
                .force_new(),
            )
            .block(
                "ephemeral_storage",
                NestedBlock::list(Block::new("The size of the task's disk.").attr(
                    "size_in_gib",
                    Attribute::required(Type::Number).check(Validator::Range(21, 200)),
                ))
                .at_most(1)
                .force_new(),
            )
            .block(
                "placement_constraints",
                NestedBlock::set(
                    Block::new("Where tasks may be placed.")
                        .attr("type", Attribute::required(Type::String))
                        .attr("expression", Attribute::optional(Type::String)),
                )
                .force_new(),
            )
            .block("volume", NestedBlock::set(volume_block()).force_new());
        Schema::new(with_tags(block)).create_before_destroy()
    }

    fn validate(&self, config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        one_form(config, &mut problems);
        if let Some(definitions) = written(config) {
            check_containers(&definitions, config, &mut problems);
        }
        if config.texts("requires_compatibilities").iter().any(|c| c == "FARGATE") {
            check_fargate(config, &mut problems);
        }
        problems
    }

    fn plan(&self, plan: &mut Plan<'_>) -> Result<(), ProviderError> {
        let Some(prior) = plan.prior else {
            return Ok(());
        };
        if same_containers(prior, &plan.planned) {
            // The same in another order, spelling or form: no new revision.
            for name in ["container", "container_definitions"] {
                let both = [prior, &plan.planned].map(|v| v.is_set(name) && v.get_str(name) != Some(""));
                let blocks = [prior, &plan.planned].map(|v| !v.blocks(name).is_empty());
                if (both == [true, true] && name == "container_definitions") || blocks == [true, true] {
                    let old = prior.get(name).cloned().unwrap_or_else(Value::null);
                    let marks = plan.planned.get(name).map(|v| v.marks).unwrap_or_default();
                    plan.set(name, old.with_marks(marks));
                }
                plan.keep(name);
            }
        }
        if !plan.replace.is_empty() {
            plan.unknown(&["arn", "revision"]);
        }
        Ok(())
    }

    async fn read(&self, cx: &Cx<'_>, objects: &[ReadRequest]) -> Answers {
        each(objects, |prior| read_one(cx, prior)).await
    }

    async fn create(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let planned = op.planned;
        let definitions = written(planned).unwrap_or_default();
        let definitions: Result<Vec<_>, _> = definitions.iter().map(containers::to_sdk).collect();
        let definitions = definitions.map_err(invalid)?;
        let compatibilities = planned.texts("requires_compatibilities");
        let answer = op
            .cx
            .ecs_once()
            .register_task_definition()
            .set_family(planned.text("family"))
            .set_container_definitions(Some(definitions))
            .set_cpu(planned.text("cpu"))
            .set_memory(planned.text("memory"))
            .set_network_mode(planned.text("network_mode").map(|t| t.as_str().into()))
            .set_execution_role_arn(planned.text("execution_role_arn"))
            .set_task_role_arn(planned.text("task_role_arn"))
            .set_ipc_mode(planned.text("ipc_mode").map(|t| t.as_str().into()))
            .set_pid_mode(planned.text("pid_mode").map(|t| t.as_str().into()))
            .set_requires_compatibilities(
                (!compatibilities.is_empty()).then(|| compatibilities.iter().map(|c| c.as_str().into()).collect()),
            )
            .set_enable_fault_injection(planned.flag("enable_fault_injection"))
            .set_runtime_platform(planned.block("runtime_platform").map(|r| {
                RuntimePlatform::builder()
                    .set_cpu_architecture(r.text("cpu_architecture").map(|t| t.as_str().into()))
                    .set_operating_system_family(r.text("operating_system_family").map(|t| t.as_str().into()))
                    .build()
            }))
            .set_ephemeral_storage(planned.block("ephemeral_storage").and_then(|s| {
                let size = s.int("size_in_gib")?;
                Some(EphemeralStorage::builder().size_in_gib(size).build())
            }))
            .set_placement_constraints(some(placement_constraints(planned)))
            .set_volumes(some(volumes(planned).map_err(invalid)?))
            .set_tags(ecs::tag_list(&named::creation_tags(op)))
            .send()
            .await
            .op("RegisterTaskDefinition")?;
        let made = answer
            .task_definition
            .expect_in("RegisterTaskDefinition", "task definition")?;
        let arn = made.task_definition_arn.expect_in("RegisterTaskDefinition", "ARN")?;
        op.exists([
            ("id", made.family.unwrap_or_default().into()),
            ("arn", arn.into()),
            ("revision", i64::from(made.revision).into()),
        ]);
        Ok(())
    }

    async fn update(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        let arn = op.prior.text("arn").unwrap_or_default();
        ecs::update_tags(op, &arn).await
    }

    async fn delete(&self, op: &Op<'_>) -> Result<(), ProviderError> {
        if op.prior.flag("skip_destroy") == Some(true) {
            return Ok(());
        }
        let arn = op.prior.text("arn").unwrap_or_default();
        let call = op.cx.ecs().deregister_task_definition().task_definition(arn);
        match call.send().await.op("DeregisterTaskDefinition") {
            Err(error) if is_gone(&error) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn identify(&self, cx: &Cx<'_>, id: &str) -> Result<Value, ProviderError> {
        if id.starts_with("arn:") {
            return Ok(Value::object([("arn", id.into())]));
        }
        // `family:revision`, or a family for its latest revision.
        let arn = cx.arn("ecs", cx.account().await?, &format!("task-definition/{id}"));
        Ok(Value::object([("arn", arn.into())]))
    }

    async fn recover(&self, cx: &Cx<'_>, planned: &Value, token: &str) -> Result<Option<Value>, ProviderError> {
        let family = planned.text("family").unwrap_or_default();
        let Some((found, tags)) = describe(cx, &family).await? else {
            return Ok(None);
        };
        let ours = named::is_ours(&tags, token);
        Ok(ours.then(|| Value::object([("id", found.family.into()), ("arn", found.task_definition_arn.into())])))
    }
}

fn volume_block() -> Block {
    let authorization = Block::new("How the file system is authorized.")
        .attr("access_point_id", Attribute::optional(Type::String))
        .attr(
            "iam",
            Attribute::optional(Type::String).check(Validator::OneOf(&["ENABLED", "DISABLED"])),
        );
    let efs = Block::new("An EFS file system.")
        .attr("file_system_id", Attribute::required(Type::String))
        .attr("root_directory", Attribute::optional(Type::String).default("/"))
        .attr(
            "transit_encryption",
            Attribute::optional(Type::String).check(Validator::OneOf(&["ENABLED", "DISABLED"])),
        )
        .attr("transit_encryption_port", Attribute::optional(Type::Number))
        .block("authorization_config", NestedBlock::list(authorization).at_most(1));
    Block::new("A volume that containers may mount.")
        .attr("name", Attribute::required(Type::String))
        .attr("host_path", Attribute::optional(Type::String))
        .attr("configure_at_launch", Attribute::optional(Type::Bool))
        .block("efs_volume_configuration", NestedBlock::list(efs).at_most(1))
}

/// Exactly one form of containers must be written.
fn one_form(config: &Value, problems: &mut Vec<Problem>) {
    let blocks = config.get("container").is_some_and(|c| !c.is_known()) || !config.blocks("container").is_empty();
    match (blocks, config.is_set("container_definitions")) {
        (true, true) => problems.push(
            Problem::new(
                Path::attr("container_definitions"),
                "`container` blocks and `container_definitions` exclude each other",
            )
            .help("keep one of them"),
        ),
        (false, false) => problems.push(
            Problem::new(Path::attr("container"), "no container is defined")
                .help("write a `container` block, or set `container_definitions`"),
        ),
        _ => {}
    }
}

/// Returns the containers that a value defines, if they are known.
fn written(value: &Value) -> Option<Vec<Json>> {
    match value.get("container_definitions") {
        Some(text) if !text.is_known() => None,
        Some(text) if text.as_str().is_some_and(|t| !t.is_empty()) => containers::parse(text.as_str()?).ok(),
        _ => {
            let blocks = value.get("container").filter(|c| c.is_wholly_known())?.as_items()?;
            Some(containers::from_blocks(blocks))
        }
    }
}

fn canonical(value: &Value) -> Option<Vec<Json>> {
    let awsvpc = value.get_str("network_mode") == Some("awsvpc");
    written(value).map(|definitions| containers::canonical(&definitions, awsvpc))
}

fn same_containers(a: &Value, b: &Value) -> bool {
    matches!((canonical(a), canonical(b)), (Some(a), Some(b)) if !a.is_empty() && a == b)
}

fn check_containers(definitions: &[Json], config: &Value, problems: &mut Vec<Problem>) {
    let at = match config.blocks("container").is_empty() {
        true => Path::attr("container_definitions"),
        false => Path::attr("container"),
    };
    let names: Vec<&str> = definitions.iter().filter_map(|d| d.get("name")?.as_str()).collect();
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            problems.push(Problem::new(at.clone(), format!("two containers are named `{name}`")));
        }
    }
    let essential = |d: &Json| d.get("essential").and_then(Json::as_bool) != Some(false);
    if !definitions.is_empty() && !definitions.iter().any(essential) {
        problems.push(
            Problem::new(at.clone(), "no container is essential")
                .help("leave out `essential = false` for at least one container"),
        );
    }
    for definition in definitions {
        let dependencies = definition.get("dependsOn").and_then(Json::as_array);
        for dependency in dependencies.into_iter().flatten() {
            let on = dependency
                .get("containerName")
                .and_then(Json::as_str)
                .unwrap_or_default();
            if !names.contains(&on) {
                problems.push(Problem::new(
                    at.clone(),
                    format!("a container depends on `{on}`, which is none of the containers"),
                ));
            }
        }
    }
}

/// Memory sizes that Fargate offers for a number of CPU units: least, greatest, step.
const FARGATE: [(i64, i64, i64, i64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

fn check_fargate(config: &Value, problems: &mut Vec<Problem>) {
    if let Some(mode) = config.get_str("network_mode").filter(|m| *m != "awsvpc") {
        problems.push(
            Problem::new(
                Path::attr("network_mode"),
                format!("Fargate tasks need the network mode `awsvpc`, not `{mode}`"),
            )
            .help("set network_mode = \"awsvpc\""),
        );
    }
    for name in ["cpu", "memory"] {
        if !config.is_set(name) {
            problems.push(Problem::new(Path::attr(name), format!("Fargate tasks need `{name}`")));
        }
    }
    let (Some(cpu), Some(memory)) = (
        config.get_str("cpu").and_then(cpu_units),
        config.get_str("memory").and_then(mebibytes),
    ) else {
        return;
    };
    let Some((_, least, greatest, step)) = FARGATE.iter().find(|(units, ..)| *units == cpu) else {
        let offered: Vec<String> = FARGATE.iter().map(|(units, ..)| units.to_string()).collect();
        problems.push(
            Problem::new(Path::attr("cpu"), format!("Fargate does not offer {cpu} CPU units"))
                .help(format!("use one of {}", offered.join(", "))),
        );
        return;
    };
    let odd_size = cpu != 256 && memory % step != 0 || cpu == 256 && ![512, 1024, 2048].contains(&memory);
    if memory < *least || memory > *greatest || odd_size {
        let help = match cpu {
            256 => "use 512, 1024 or 2048".to_owned(),
            _ => format!("use {least} to {greatest} MiB in steps of {step}"),
        };
        let message = format!("Fargate does not offer {memory} MiB of memory with {cpu} CPU units");
        problems.push(Problem::new(Path::attr("memory"), message).help(help));
    }
}

/// Reads `1024` or `1 vCPU`.
fn cpu_units(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix("vcpu") {
        Some(number) => number.trim().parse::<f64>().ok().map(|n| (n * 1024.0) as i64),
        None => text.parse().ok(),
    }
}

/// Reads `2048` or `2 GB`.
fn mebibytes(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix("gb") {
        Some(number) => number.trim().parse::<f64>().ok().map(|n| (n * 1024.0) as i64),
        None => text.parse().ok(),
    }
}

fn same_cpu(prior: &Value, configured: &Value) -> bool {
    let units = |v: &Value| v.as_str().and_then(cpu_units);
    matches!((units(prior), units(configured)), (Some(a), Some(b)) if a == b)
}

fn same_memory(prior: &Value, configured: &Value) -> bool {
    let size = |v: &Value| v.as_str().and_then(mebibytes);
    matches!((size(prior), size(configured)), (Some(a), Some(b)) if a == b)
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn invalid(error: aws_sdk_ecs::error::BuildError) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, error.to_string())
}

fn placement_constraints(planned: &Value) -> Vec<TaskDefinitionPlacementConstraint> {
    let blocks = planned.blocks("placement_constraints").iter();
    let make = |c: &Value| {
        TaskDefinitionPlacementConstraint::builder()
            .set_type(c.text("type").map(|t| t.as_str().into()))
            .set_expression(c.text("expression"))
            .build()
    };
    blocks.map(make).collect()
}

fn volumes(planned: &Value) -> Result<Vec<Volume>, aws_sdk_ecs::error::BuildError> {
    let make = |v: &Value| {
        let efs = v.block("efs_volume_configuration").map(|e| {
            EfsVolumeConfiguration::builder()
                .file_system_id(e.text("file_system_id").unwrap_or_default())
                .set_root_directory(e.text("root_directory"))
                .set_transit_encryption(e.text("transit_encryption").map(|t| t.as_str().into()))
                .set_transit_encryption_port(e.int("transit_encryption_port"))
                .set_authorization_config(e.block("authorization_config").map(|a| {
                    EfsAuthorizationConfig::builder()
                        .set_access_point_id(a.text("access_point_id"))
                        .set_iam(a.text("iam").map(|t| t.as_str().into()))
                        .build()
                }))
                .build()
        });
        let host = v
            .text("host_path")
            .map(|path| HostVolumeProperties::builder().source_path(path).build());
        Ok(Volume::builder()
            .set_name(v.text("name"))
            .set_host(host)
            .set_configured_at_launch(v.flag("configure_at_launch"))
            .set_efs_volume_configuration(efs.transpose()?)
            .build())
    };
    planned.blocks("volume").iter().map(make).collect()
}

fn volume_value(volume: &Volume) -> Value {
    let efs = volume.efs_volume_configuration().map(|e| {
        let authorization = e.authorization_config().map(|a| {
            Value::object([
                ("access_point_id", a.access_point_id().into()),
                ("iam", a.iam().map(|i| i.as_str()).into()),
            ])
        });
        Value::object([
            ("file_system_id", e.file_system_id().into()),
            ("root_directory", e.root_directory().unwrap_or("/").into()),
            ("transit_encryption", e.transit_encryption().map(|t| t.as_str()).into()),
            (
                "transit_encryption_port",
                e.transit_encryption_port().filter(|p| *p != 0).map(i64::from).into(),
            ),
            (
                "authorization_config",
                Value::tuple(authorization.into_iter().collect()),
            ),
        ])
    });
    let host_path = volume.host().and_then(|h| h.source_path()).filter(|p| !p.is_empty());
    Value::object([
        ("name", volume.name().into()),
        ("host_path", host_path.into()),
        (
            "configure_at_launch",
            volume.configured_at_launch().filter(|c| *c).into(),
        ),
        ("efs_volume_configuration", Value::tuple(efs.into_iter().collect())),
    ])
}

/// Says whether an error means that there is no such revision.
fn is_gone(error: &ProviderError) -> bool {
    error.is_not_found()
        || (has_code(error, &["ClientException", "InvalidParameterException"])
            && (error.message.contains("Unable to describe task definition")
                || error.message.contains("does not exist")
                || error.message.contains("inactive")))
}

/// Finds a revision (or the latest active one of a family) and its tags.
async fn describe(cx: &Cx<'_>, name: &str) -> Result<Option<(TaskDefinition, crate::tags::Tags)>, ProviderError> {
    let call = cx
        .ecs()
        .describe_task_definition()
        .task_definition(name)
        .include(TaskDefinitionField::Tags);
    let answer = match call.send().await.op("DescribeTaskDefinition") {
        Err(error) if is_gone(&error) => return Ok(None),
        other => other?,
    };
    let tags = ecs::tag_map(answer.tags());
    let found = answer
        .task_definition
        .expect_in("DescribeTaskDefinition", "task definition")?;
    Ok(match found.status {
        Some(TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress) => None,
        _ => Some((found, tags)),
    })
}

async fn read_one(cx: &Cx<'_>, prior: &Value) -> Result<Option<Value>, ProviderError> {
    let name = match prior.flag("track_latest") {
        Some(true) => prior.text("family"),
        _ => prior.text("arn"),
    };
    let Some((found, tags)) = describe(cx, &name.unwrap_or_default()).await? else {
        return Ok(None);
    };
    let mut state = cx.state(prior);
    let arn = found.task_definition_arn().unwrap_or_default();
    let text = |v: Option<&str>| v.filter(|t| !t.is_empty()).map(str::to_owned);
    state
        .set("id", found.family())
        .set("family", found.family())
        .set("arn", arn)
        .set(
            "arn_without_revision",
            arn.rsplit_once(':').map_or(arn, |(front, _)| front),
        )
        .set("revision", found.revision())
        .set("cpu", text(found.cpu()))
        .set("memory", text(found.memory()))
        .set("network_mode", found.network_mode().map_or("bridge", |m| m.as_str()))
        .set("execution_role_arn", text(found.execution_role_arn()))
        .set("task_role_arn", text(found.task_role_arn()))
        .set("ipc_mode", found.ipc_mode().map(|m| m.as_str()))
        .set("pid_mode", found.pid_mode().map(|m| m.as_str()))
        .set(
            "enable_fault_injection",
            found.enable_fault_injection().unwrap_or(false),
        );
    let compatibilities: Vec<&str> = found.requires_compatibilities().iter().map(|c| c.as_str()).collect();
    let compatibilities = (!compatibilities.is_empty()).then_some(compatibilities);
    state.set("requires_compatibilities", compatibilities);
    let platform = found.runtime_platform().map(|p| {
        Value::object([
            ("cpu_architecture", p.cpu_architecture().map(|c| c.as_str()).into()),
            (
                "operating_system_family",
                p.operating_system_family().map(|f| f.as_str()).into(),
            ),
        ])
    });
    state.set_blocks("runtime_platform", platform.into_iter().collect());
    let storage = found.ephemeral_storage().map(|s| i64::from(s.size_in_gib()));
    let storage = storage.map(|size| Value::object([("size_in_gib", size.into())]));
    state.set_blocks("ephemeral_storage", storage.into_iter().collect());
    let constraints = found.placement_constraints().iter().map(|c| {
        Value::object([
            ("type", c.r#type().map(|t| t.as_str()).into()),
            ("expression", c.expression().into()),
        ])
    });
    state.set_blocks("placement_constraints", constraints.collect());
    state.set_blocks("volume", found.volumes().iter().map(volume_value).collect());
    set_containers(&mut state, &found, prior);
    state.tags(cx.default_tags(), tags);
    Ok(Some(state.finish()))
}

/// Sets the containers in the form that was written, unless they mean what is there already.
fn set_containers(state: &mut crate::value::State<'_>, found: &TaskDefinition, prior: &Value) {
    let awsvpc = found.network_mode().map(|m| m.as_str()) == Some("awsvpc");
    let answered: Vec<Json> = found.container_definitions().iter().map(containers::from_sdk).collect();
    let before = written(prior).map(|d| containers::canonical(&d, awsvpc));
    if before.is_some_and(|b| b == containers::canonical(&answered, awsvpc)) {
        return;
    }
    // A secret may be anywhere in what was written, so all of it stays hidden.
    let secret = ["container", "container_definitions"]
        .iter()
        .any(|name| prior.get(name).is_some_and(Value::contains_sensitive));
    let hide = |v: Value| if secret { v.sensitive() } else { v };
    if prior.blocks("container").is_empty() {
        let text = serde_json::to_string(&answered).unwrap_or_default();
        state.set("container_definitions", hide(text.into()));
    } else {
        let blocks = containers::to_blocks(&answered).into_iter().map(hide);
        state.set_blocks("container", blocks.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(given: &[(&str, Value)]) -> Vec<String> {
        let config = Value::object(given.iter().map(|(k, v)| (*k, v.clone())));
        let found = EcsTaskDefinition.validate(&config);
        found.into_iter().map(|p| p.message).collect()
    }

    fn fargate(cpu: &str, memory: &str) -> Vec<String> {
        problems(&[
            ("container_definitions", r#"[{"name":"a","image":"b"}]"#.into()),
            ("requires_compatibilities", Value::strings(["FARGATE"])),
            ("cpu", cpu.into()),
            ("memory", memory.into()),
        ])
    }

    #[test]
    fn fargate_pairs() {
        for (cpu, memory) in [("256", "512"), ("1 vCPU", "2 GB"), ("512", "3072"), ("16384", "122880")] {
            assert!(fargate(cpu, memory).is_empty(), "{cpu} {memory}");
        }
        for (cpu, memory) in [
            ("256", "1536"),
            ("256", "4096"),
            ("300", "512"),
            ("512", "1536"),
            ("8192", "17408"),
        ] {
            assert_eq!(fargate(cpu, memory).len(), 1, "{cpu} {memory}");
        }
    }

    #[test]
    fn one_form_of_containers() {
        assert_eq!(problems(&[]), ["no container is defined"]);
        let unknown = Value::unknown(Type::String);
        assert!(problems(&[("container_definitions", unknown)]).is_empty());
    }

    #[test]
    fn containers_are_checked_together() {
        let text = r#"[{"name":"a","image":"b","essential":false,
            "dependsOn":[{"containerName":"x","condition":"START"}]}, {"name":"a","image":"c","essential":false}]"#;
        let found = problems(&[("container_definitions", text.into())]);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
