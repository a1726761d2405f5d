//! Container definitions: one JSON form for the `container` blocks, for the
//! text of `container_definitions`, and for what the service answers.

use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::types::{
    ContainerDefinition, ContainerDependency, ContainerRestartPolicy, Device, EnvironmentFile, FirelensConfiguration,
    HealthCheck, HostEntry, KernelCapabilities, KeyValuePair, LinuxParameters, LogConfiguration, MountPoint,
    PortMapping, RepositoryCredentials, ResourceRequirement, Secret, SystemControl, Tmpfs, Ulimit, VolumeFrom,
};
use infra_types::Value;
use serde_json::{Map, Value as Json, json};

use super::fields::{self, CONTAINER};

/// Returns the definitions that `container` blocks stand for.
pub(super) fn from_blocks(blocks: &[Value]) -> Vec<Json> {
    blocks.iter().map(|b| fields::to_json(CONTAINER, b)).collect()
}

/// Returns the `container` blocks for definitions.
pub(super) fn to_blocks(definitions: &[Json]) -> Vec<Value> {
    definitions.iter().map(|d| fields::from_json(CONTAINER, d)).collect()
}

/// Parses the text of `container_definitions`.
pub(super) fn parse(text: &str) -> Result<Vec<Json>, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| format!("not valid JSON: {e}"))?;
    let items = json.as_array().ok_or("must be a JSON list of container definitions")?;
    if items.is_empty() {
        return Err("must hold at least one container definition".to_owned());
    }
    let items = items.iter().enumerate();
    items
        .map(|(i, item)| fields::check(CONTAINER, item, &format!("container definition {i}")))
        .collect()
}

/// Brings definitions to a form that is equal for definitions that mean the same.
pub(super) fn canonical(definitions: &[Json], awsvpc: bool) -> Vec<Json> {
    let mut out: Vec<Json> = definitions.iter().map(|d| canonical_one(d, awsvpc)).collect();
    out.sort_by(|a, b| text(a, "name").cmp(text(b, "name")));
    out
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn canonical_one(definition: &Json, awsvpc: bool) -> Json {
    let mut out = without_empty(definition);
    let Some(entries) = out.as_object_mut() else {
        return out;
    };
    entries.entry("essential").or_insert(true.into());
    drop_if(entries, "cpu", &0.into());
    drop_if(entries, "versionConsistency", &"enabled".into());
    for flag in [
        "readonlyRootFilesystem",
        "privileged",
        "disableNetworking",
        "interactive",
        "pseudoTerminal",
    ] {
        drop_if(entries, flag, &false.into());
    }
    for list in ["environment", "secrets"] {
        if let Some(Json::Array(items)) = entries.get_mut(list) {
            items.sort_by(|a, b| text(a, "name").cmp(text(b, "name")));
        }
    }
    for list in ["mountPoints", "volumesFrom"] {
        each_object(entries.get_mut(list), |item| drop_if(item, "readOnly", &false.into()));
    }
    each_object(entries.get_mut("portMappings"), |port| {
        drop_if(port, "protocol", &"tcp".into());
        drop_if(port, "hostPort", &0.into());
        if awsvpc && let Some(container) = port.get("containerPort").cloned() {
            drop_if(port, "hostPort", &container);
        }
    });
    if let Some(Json::Object(check)) = entries.get_mut("healthCheck") {
        for (member, default) in [("interval", 30), ("timeout", 5), ("retries", 3)] {
            check.entry(member).or_insert(default.into());
        }
    }
    sorted(&out)
}

/// Removes nulls, empty lists and empty objects, at every depth.
fn without_empty(json: &Json) -> Json {
    let is_empty = |json: &Json| match json {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    };
    match json {
        Json::Object(entries) => {
            let entries = entries.iter().map(|(k, v)| (k.clone(), without_empty(v)));
            entries.filter(|(_, v)| !is_empty(v)).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(without_empty).collect(),
        other => other.clone(),
    }
}

/// Sorts the keys of objects, at every depth.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.into_iter().collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn drop_if(entries: &mut Map<String, Json>, key: &str, value: &Json) {
    if entries.get(key) == Some(value) {
        entries.remove(key);
    }
}

fn each_object(list: Option<&mut Json>, change: impl Fn(&mut Map<String, Json>)) {
    for item in list.and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(entries) = item.as_object_mut() {
            change(entries);
        }
    }
}

/// Reads members of a checked definition.
struct Member<'a>(&'a Json);

impl<'a> Member<'a> {
    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    fn need(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn int(&self, key: &str) -> Option<i32> {
        self.0.get(key)?.as_i64()?.try_into().ok()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    fn texts(&self, key: &str) -> Option<Vec<String>> {
        let items = self.0.get(key)?.as_array()?.iter();
        Some(items.filter_map(|j| j.as_str().map(str::to_owned)).collect())
    }

    fn labels(&self, key: &str) -> Option<std::collections::HashMap<String, String>> {
        let entries = self.0.get(key)?.as_object()?.iter();
        Some(
            entries
                .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                .collect(),
        )
    }

    fn one(&self, key: &str) -> Option<Member<'a>> {
        self.0.get(key).map(Member)
    }

    fn many<T>(
        &self,
        key: &str,
        make: impl Fn(Member<'a>) -> Result<T, BuildError>,
    ) -> Result<Option<Vec<T>>, BuildError> {
        let Some(items) = self.0.get(key).and_then(Json::as_array) else {
            return Ok(None);
        };
        items
            .iter()
            .map(|item| make(Member(item)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn secrets(&self, key: &str) -> Result<Option<Vec<Secret>>, BuildError> {
        self.many(key, |s| {
            Secret::builder()
                .name(s.need("name"))
                .value_from(s.need("valueFrom"))
                .build()
        })
    }
}

/// Turns a checked definition into the SDK's type.
pub(super) fn to_sdk(definition: &Json) -> Result<ContainerDefinition, BuildError> {
    let d = Member(definition);
    Ok(ContainerDefinition::builder()
        .set_name(d.text("name"))
        .set_image(d.text("image"))
        .set_cpu(d.int("cpu"))
        .set_memory(d.int("memory"))
        .set_memory_reservation(d.int("memoryReservation"))
        .set_essential(d.flag("essential"))
        .set_command(d.texts("command"))
        .set_entry_point(d.texts("entryPoint"))
        .set_working_directory(d.text("workingDirectory"))
        .set_user(d.text("user"))
        .set_hostname(d.text("hostname"))
        .set_environment(d.many("environment", |e| {
            Ok(KeyValuePair::builder()
                .set_name(e.text("name"))
                .set_value(e.text("value"))
                .build())
        })?)
        .set_secrets(d.secrets("secrets")?)
        .set_environment_files(d.many("environmentFiles", |f| {
            EnvironmentFile::builder()
                .value(f.need("value"))
                .r#type(f.need("type").as_str().into())
                .build()
        })?)
        .set_repository_credentials(
            d.one("repositoryCredentials")
                .map(|r| {
                    RepositoryCredentials::builder()
                        .credentials_parameter(r.need("credentialsParameter"))
                        .build()
                })
                .transpose()?,
        )
        .set_port_mappings(d.many("portMappings", |p| {
            Ok(PortMapping::builder()
                .set_container_port(p.int("containerPort"))
                .set_host_port(p.int("hostPort"))
                .set_container_port_range(p.text("containerPortRange"))
                .set_protocol(p.text("protocol").map(|t| t.as_str().into()))
                .set_name(p.text("name"))
                .set_app_protocol(p.text("appProtocol").map(|t| t.as_str().into()))
                .build())
        })?)
        .set_health_check(
            d.one("healthCheck")
                .map(|h| {
                    HealthCheck::builder()
                        .set_command(Some(h.texts("command").unwrap_or_default()))
                        .set_interval(h.int("interval"))
                        .set_timeout(h.int("timeout"))
                        .set_retries(h.int("retries"))
                        .set_start_period(h.int("startPeriod"))
                        .build()
                })
                .transpose()?,
        )
        .set_log_configuration(
            d.one("logConfiguration")
                .map(|l| {
                    LogConfiguration::builder()
                        .log_driver(l.need("logDriver").as_str().into())
                        .set_options(l.labels("options"))
                        .set_secret_options(l.secrets("secretOptions")?)
                        .build()
                })
                .transpose()?,
        )
        .set_depends_on(d.many("dependsOn", |c| {
            ContainerDependency::builder()
                .container_name(c.need("containerName"))
                .condition(c.need("condition").as_str().into())
                .build()
        })?)
        .set_mount_points(d.many("mountPoints", |m| {
            Ok(MountPoint::builder()
                .set_source_volume(m.text("sourceVolume"))
                .set_container_path(m.text("containerPath"))
                .set_read_only(m.flag("readOnly"))
                .build())
        })?)
        .set_volumes_from(d.many("volumesFrom", |v| {
            Ok(VolumeFrom::builder()
                .set_source_container(v.text("sourceContainer"))
                .set_read_only(v.flag("readOnly"))
                .build())
        })?)
        .set_linux_parameters(d.one("linuxParameters").map(|l| linux_to_sdk(&l)).transpose()?)
        .set_ulimits(d.many("ulimits", |u| {
            Ulimit::builder()
                .name(u.need("name").as_str().into())
                .soft_limit(u.int("softLimit").unwrap_or_default())
                .hard_limit(u.int("hardLimit").unwrap_or_default())
                .build()
        })?)
        .set_system_controls(d.many("systemControls", |s| {
            Ok(SystemControl::builder()
                .set_namespace(s.text("namespace"))
                .set_value(s.text("value"))
                .build())
        })?)
        .set_resource_requirements(d.many("resourceRequirements", |r| {
            ResourceRequirement::builder()
                .value(r.need("value"))
                .r#type(r.need("type").as_str().into())
                .build()
        })?)
        .set_extra_hosts(d.many("extraHosts", |h| {
            HostEntry::builder()
                .hostname(h.need("hostname"))
                .ip_address(h.need("ipAddress"))
                .build()
        })?)
        .set_firelens_configuration(
            d.one("firelensConfiguration")
                .map(|f| {
                    FirelensConfiguration::builder()
                        .r#type(f.need("type").as_str().into())
                        .set_options(f.labels("options"))
                        .build()
                })
                .transpose()?,
        )
        .set_restart_policy(
            d.one("restartPolicy")
                .map(|r| {
                    let codes = r.0.get("ignoredExitCodes").and_then(Json::as_array);
                    let codes = codes.map(|c| c.iter().filter_map(|n| n.as_i64()?.try_into().ok()).collect());
                    ContainerRestartPolicy::builder()
                        .enabled(r.flag("enabled").unwrap_or_default())
                        .set_ignored_exit_codes(codes)
                        .set_restart_attempt_period(r.int("restartAttemptPeriod"))
                        .build()
                })
                .transpose()?,
        )
        .set_start_timeout(d.int("startTimeout"))
        .set_stop_timeout(d.int("stopTimeout"))
        .set_version_consistency(d.text("versionConsistency").map(|t| t.as_str().into()))
        .set_readonly_root_filesystem(d.flag("readonlyRootFilesystem"))
        .set_privileged(d.flag("privileged"))
        .set_disable_networking(d.flag("disableNetworking"))
        .set_interactive(d.flag("interactive"))
        .set_pseudo_terminal(d.flag("pseudoTerminal"))
        .set_docker_labels(d.labels("dockerLabels"))
        .set_docker_security_options(d.texts("dockerSecurityOptions"))
        .set_dns_servers(d.texts("dnsServers"))
        .set_dns_search_domains(d.texts("dnsSearchDomains"))
        .set_links(d.texts("links"))
        .set_credential_specs(d.texts("credentialSpecs"))
        .build())
}

fn linux_to_sdk(l: &Member<'_>) -> Result<LinuxParameters, BuildError> {
    Ok(LinuxParameters::builder()
        .set_capabilities(l.one("capabilities").map(|c| {
            KernelCapabilities::builder()
                .set_add(c.texts("add"))
                .set_drop(c.texts("drop"))
                .build()
        }))
        .set_init_process_enabled(l.flag("initProcessEnabled"))
        .set_shared_memory_size(l.int("sharedMemorySize"))
        .set_max_swap(l.int("maxSwap"))
        .set_swappiness(l.int("swappiness"))
        .set_tmpfs(l.many("tmpfs", |t| {
            Tmpfs::builder()
                .container_path(t.need("containerPath"))
                .size(t.int("size").unwrap_or_default())
                .set_mount_options(t.texts("mountOptions"))
                .build()
        })?)
        .set_devices(l.many("devices", |v| {
            let permissions = v.texts("permissions");
            Device::builder()
                .host_path(v.need("hostPath"))
                .set_container_path(v.text("containerPath"))
                .set_permissions(permissions.map(|p| p.iter().map(|t| t.as_str().into()).collect()))
                .build()
        })?)
        .build())
}

/// Turns the SDK's type into a definition. Absent members are null.
pub(super) fn from_sdk(d: &ContainerDefinition) -> Json {
    let whole = [run_from_sdk(d), links_from_sdk(d), limits_from_sdk(d)];
    let entries = whole.into_iter().filter_map(|part| match part {
        Json::Object(entries) => Some(entries),
        _ => None,
    });
    sorted(&without_empty(&Json::Object(entries.flatten().collect())))
}

fn secrets_from_sdk(list: &[Secret]) -> Json {
    list.iter()
        .map(|s| json!({ "name": s.name(), "valueFrom": s.value_from() }))
        .collect()
}

/// Returns what is run, and with what surroundings.
fn run_from_sdk(d: &ContainerDefinition) -> Json {
    json!({
        "name": d.name(),
        "image": d.image(),
        "cpu": (d.cpu() != 0).then_some(d.cpu()),
        "memory": d.memory(),
        "memoryReservation": d.memory_reservation(),
        "essential": d.essential(),
        "command": d.command(),
        "entryPoint": d.entry_point(),
        "workingDirectory": d.working_directory(),
        "user": d.user(),
        "hostname": d.hostname(),
        "environment": d.environment().iter()
            .map(|e| json!({ "name": e.name(), "value": e.value().unwrap_or_default() })).collect::<Json>(),
        "secrets": secrets_from_sdk(d.secrets()),
        "environmentFiles": d.environment_files().iter()
            .map(|f| json!({ "value": f.value(), "type": f.r#type().as_str() })).collect::<Json>(),
        "repositoryCredentials": d.repository_credentials()
            .map(|r| json!({ "credentialsParameter": r.credentials_parameter() })),
        "dockerLabels": d.docker_labels(),
        "startTimeout": d.start_timeout(),
        "stopTimeout": d.stop_timeout(),
        "versionConsistency": d.version_consistency().map(|v| v.as_str()),
        "interactive": d.interactive(),
        "pseudoTerminal": d.pseudo_terminal(),
    })
}

/// Returns what it is connected with: ports, logs, volumes, hosts, other containers.
fn links_from_sdk(d: &ContainerDefinition) -> Json {
    json!({
        "portMappings": d.port_mappings().iter().map(|p| json!({
            "containerPort": p.container_port(),
            "hostPort": p.host_port(),
            "containerPortRange": p.container_port_range(),
            "protocol": p.protocol().map(|t| t.as_str()),
            "name": p.name(),
            "appProtocol": p.app_protocol().map(|t| t.as_str()),
        })).collect::<Json>(),
        "healthCheck": d.health_check().map(|h| json!({
            "command": h.command(),
            "interval": h.interval(),
            "timeout": h.timeout(),
            "retries": h.retries(),
            "startPeriod": h.start_period(),
        })),
        "logConfiguration": d.log_configuration().map(|l| json!({
            "logDriver": l.log_driver().as_str(),
            "options": l.options(),
            "secretOptions": secrets_from_sdk(l.secret_options()),
        })),
        "dependsOn": d.depends_on().iter()
            .map(|c| json!({ "containerName": c.container_name(), "condition": c.condition().as_str() }))
            .collect::<Json>(),
        "mountPoints": d.mount_points().iter().map(|m| json!({
            "sourceVolume": m.source_volume(),
            "containerPath": m.container_path(),
            "readOnly": m.read_only(),
        })).collect::<Json>(),
        "volumesFrom": d.volumes_from().iter()
            .map(|v| json!({ "sourceContainer": v.source_container(), "readOnly": v.read_only() }))
            .collect::<Json>(),
        "extraHosts": d.extra_hosts().iter()
            .map(|h| json!({ "hostname": h.hostname(), "ipAddress": h.ip_address() })).collect::<Json>(),
        "firelensConfiguration": d.firelens_configuration()
            .map(|f| json!({ "type": f.r#type().as_str(), "options": f.options() })),
        "dnsServers": d.dns_servers(),
        "dnsSearchDomains": d.dns_search_domains(),
        "links": d.links(),
        "credentialSpecs": d.credential_specs(),
    })
}

/// Returns what it may and may not do.
fn limits_from_sdk(d: &ContainerDefinition) -> Json {
    json!({
        "linuxParameters": d.linux_parameters().map(linux_from_sdk),
        "ulimits": d.ulimits().iter().map(|u| json!({
            "name": u.name().as_str(),
            "softLimit": u.soft_limit(),
            "hardLimit": u.hard_limit(),
        })).collect::<Json>(),
        "systemControls": d.system_controls().iter()
            .map(|s| json!({ "namespace": s.namespace(), "value": s.value() })).collect::<Json>(),
        "resourceRequirements": d.resource_requirements().iter()
            .map(|r| json!({ "type": r.r#type().as_str(), "value": r.value() })).collect::<Json>(),
        "restartPolicy": d.restart_policy().map(|r| json!({
            "enabled": r.enabled(),
            "ignoredExitCodes": r.ignored_exit_codes(),
            "restartAttemptPeriod": r.restart_attempt_period(),
        })),
        "readonlyRootFilesystem": d.readonly_root_filesystem(),
        "privileged": d.privileged(),
        "disableNetworking": d.disable_networking(),
        "dockerSecurityOptions": d.docker_security_options(),
    })
}

fn linux_from_sdk(l: &LinuxParameters) -> Json {
    json!({
        "capabilities": l.capabilities().map(|c| json!({ "add": c.add(), "drop": c.drop() })),
        "initProcessEnabled": l.init_process_enabled(),
        "sharedMemorySize": l.shared_memory_size(),
        "maxSwap": l.max_swap(),
        "swappiness": l.swappiness(),
        "tmpfs": l.tmpfs().iter().map(|t| json!({
            "containerPath": t.container_path(),
            "size": t.size(),
            "mountOptions": t.mount_options(),
        })).collect::<Json>(),
        "devices": l.devices().iter().map(|v| json!({
            "hostPath": v.host_path(),
            "containerPath": v.container_path(),
            "permissions": v.permissions().iter().map(|p| p.as_str()).collect::<Vec<_>>(),
        })).collect::<Json>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A definition that uses every field.
    fn full() -> Json {
        let text = r#"{
            "name": "web", "image": "nginx:1", "cpu": 10, "memory": 128, "memoryReservation": 64, "essential": false,
            "command": ["a"], "entryPoint": ["b"], "workingDirectory": "/w", "user": "u", "hostname": "h",
            "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "" }],
            "secrets": [{ "name": "S", "valueFrom": "arn:s" }],
            "environmentFiles": [{ "value": "arn:f", "type": "s3" }],
            "repositoryCredentials": { "credentialsParameter": "arn:c" },
            "portMappings": [{ "containerPort": 80, "hostPort": 81, "protocol": "udp", "name": "p", "appProtocol": "http" }],
            "healthCheck": { "command": ["CMD", "x"], "interval": 10, "timeout": 4, "retries": 2, "startPeriod": 5 },
            "logConfiguration": {
                "logDriver": "awslogs", "options": { "awslogs-group": "g" },
                "secretOptions": [{ "name": "k", "valueFrom": "arn:k" }]
            },
            "dependsOn": [{ "containerName": "db", "condition": "HEALTHY" }],
            "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v", "readOnly": true }],
            "volumesFrom": [{ "sourceContainer": "x", "readOnly": true }],
            "linuxParameters": {
                "capabilities": { "add": ["SYS_PTRACE"], "drop": ["ALL"] }, "initProcessEnabled": true,
                "sharedMemorySize": 1, "maxSwap": 2, "swappiness": 3,
                "tmpfs": [{ "containerPath": "/t", "size": 4, "mountOptions": ["rw"] }],
                "devices": [{ "hostPath": "/d", "containerPath": "/e", "permissions": ["read"] }]
            },
            "ulimits": [{ "name": "nofile", "softLimit": 1, "hardLimit": 2 }],
            "systemControls": [{ "namespace": "net.core.somaxconn", "value": "1024" }],
            "resourceRequirements": [{ "type": "GPU", "value": "1" }],
            "extraHosts": [{ "hostname": "a", "ipAddress": "10.0.0.1" }],
            "firelensConfiguration": { "type": "fluentbit", "options": { "x": "y" } },
            "restartPolicy": { "enabled": true, "ignoredExitCodes": [1, 2], "restartAttemptPeriod": 60 },
            "startTimeout": 30, "stopTimeout": 40, "versionConsistency": "disabled",
            "readonlyRootFilesystem": true, "privileged": true, "disableNetworking": true, "interactive": true,
            "pseudoTerminal": true, "dockerLabels": { "l": "m" }, "dockerSecurityOptions": ["no-new-privileges"],
            "dnsServers": ["1.1.1.1"], "dnsSearchDomains": ["d"], "links": ["x:y"], "credentialSpecs": ["c"]
        }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_field_goes_through_all_forms() {
        let full = full();
        assert_eq!(fields::check(CONTAINER, &full, "c").unwrap(), full);
        assert_eq!(from_sdk(&to_sdk(&full).unwrap()), sorted(&full));
        let blocks = to_blocks(std::slice::from_ref(&full));
        assert_eq!(sorted(&from_blocks(&blocks)[0]), sorted(&full));
        let ty = fields::block(CONTAINER, "").ty();
        assert_eq!(blocks[0].ty(), ty);
        assert_eq!(to_blocks(&[json!({})])[0].ty(), ty);
        // `full` above has them all but the range, which excludes the port.
        let used = full.as_object().unwrap().len();
        assert_eq!(used, CONTAINER.len());
    }

    #[test]
    fn definitions_that_mean_the_same() {
        let written = json!([
            { "name": "web", "image": "nginx", "portMappings": [{ "containerPort": 80 }],
              "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }, { "name": "C", "value": null }],
              "healthCheck": { "command": ["x"] }, "memory": "128", "command": [], "essential": "true" },
            { "name": "agent", "image": "agent", "linuxParameters": {} }
        ]);
        let answered = json!([
            { "name": "agent", "image": "agent", "cpu": 0, "essential": true, "environment": [], "mountPoints": [] },
            { "name": "web", "image": "nginx", "cpu": 0, "memory": 128, "essential": true,
              "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
              "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
              "healthCheck": { "command": ["x"], "interval": 30, "timeout": 5, "retries": 3 } }
        ]);
        let written = canonical(&parse(&written.to_string()).unwrap(), true);
        let answered = answered.as_array().unwrap();
        assert_eq!(written, canonical(answered, true));
        assert_ne!(written, canonical(answered, false));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| parse(text).unwrap_err();
        assert!(error("{").contains("not valid JSON"));
        assert!(error("[]").contains("at least one"));
        assert!(error(r#"[{ "name": "a", "portMapping": [] }]"#).contains("did you mean `portMappings`?"));
        assert!(error(r#"[{ "cpu": "much" }]"#).contains("container definition 0.cpu must be a whole number"));
        assert!(error(r#"[{ "environment": [{ "value": "x" }] }]"#).contains("no `name`"));
    }
}
