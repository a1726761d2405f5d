"""Makes moto's ECS services converge, keep what was asked for, and be found again."""

import datetime
import time

from moto.core.responses import ActionResult
from moto.ecs.exceptions import ECSException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend, Service, Task
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_api._internal import mock_random

from control import CONTROL
from patching import wrap

# What moto drops from CreateService, and the attribute that its replies are made from.
DROPPED = {
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "capacityProviderStrategy": "capacity_provider_strategy",
    "deploymentConfiguration": "deployment_configuration",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    "placementConstraints": "placement_constraints",
    "placementStrategy": "placement_strategy",
    "serviceConnectConfiguration": "service_connect_configuration",
}


def apply():
    """Applies all patches of this file."""
    patch_clusters()
    patch_service_settling()
    patch_create_service()
    patch_delete_service()
    patch_run_task()


def patch_clusters():
    """Creating a cluster again returns it; one with services cannot be deleted; lists show what lives."""

    @wrap(EC2ContainerServiceBackend, "create_cluster", "self cluster_name")
    def create(original, ecs, cluster_name, *args, **kwargs):
        existing = ecs.clusters.get(cluster_name)
        if existing is not None and existing.status == "ACTIVE":
            return existing
        return original(ecs, cluster_name, *args, **kwargs)

    @wrap(EC2ContainerServiceBackend, "delete_cluster", "self cluster_str")
    def delete(original, ecs, cluster_str):
        cluster = ecs._get_cluster(cluster_str)
        for service in ecs.services.values():
            drain(service)
            if service.cluster_arn == cluster.arn and service.status != "INACTIVE":
                raise ECSException(
                    "ClusterContainsServicesException",
                    "The Cluster cannot be deleted while Services are active.",
                )
        return original(ecs, cluster_str)

    @wrap(EC2ContainerServiceBackend, "list_clusters", "self")
    def list_active(original, ecs):
        return [arn for arn in original(ecs) if ecs._get_cluster(arn).status != "INACTIVE"]

    @wrap(EC2ContainerServiceBackend, "list_services", "self cluster_str")
    def list_services(original, ecs, cluster_str, *args, **kwargs):
        living = {s.arn for s in ecs.services.values() if s.status != "INACTIVE"}
        return [arn for arn in original(ecs, cluster_str, *args, **kwargs) if arn in living]


# ---------------------------------------------------------------- services


def settle(service):
    """Brings a service nearer to what was asked for, as far as time has passed."""
    drain(service)
    if service.status != "ACTIVE" or service.deployment_controller["type"] != "ECS":
        return
    task_definition = service.task_definition
    if task_definition is not None and not isinstance(task_definition, str):
        task_definition = task_definition.arn
    notice_change(service, task_definition)
    done = time.time() - service._since >= CONTROL.seconds_to_settle("ecs", service._account_id)
    if done:
        service.running_count = service._settled = service.desired_count
        service.deployments = service.deployments[:1]
    service.pending_count = max(0, service.desired_count - service.running_count)
    deployment = service.deployments[0]
    state = "COMPLETED" if done else "IN_PROGRESS"
    deployment.update(
        desiredCount=service.desired_count,
        pendingCount=service.pending_count,
        rolloutState=state,
        rolloutStateReason=f"ECS deployment {deployment['id']} {state.lower().replace('_', ' ')}.",
        runningCount=service.running_count,
        taskDefinition=task_definition,
        updatedAt=datetime.datetime.now(datetime.timezone.utc),
    )


def notice_change(service, task_definition):
    """Starts the clock when the wanted state changed; a new task definition deploys."""
    primary = service.deployments[0]
    if service.__dict__.get("_wanted") == (service.desired_count, task_definition, primary["id"]):
        return
    if "_wanted" in service.__dict__ and primary["taskDefinition"] != task_definition:
        fresh = dict(
            primary,
            id=f"ecs-svc/{mock_random.randint(0, 32**12)}",
            createdAt=datetime.datetime.now(datetime.timezone.utc),
            taskDefinition=task_definition,
        )
        service.deployments = [fresh, dict(primary, status="ACTIVE")]
    service._wanted = (service.desired_count, task_definition, service.deployments[0]["id"])
    service._since = time.time()
    service.running_count = min(service.desired_count, service.__dict__.get("_settled", 0))


def drain(service):
    """Ends a deleted service once its time is over."""
    if service.status == "DRAINING" and time.time() >= service._drained_at:
        service.status = "INACTIVE"
        service.running_count = 0


def patch_service_settling():
    """Services reach their desired count after the settling time."""

    @wrap(EC2ContainerServiceBackend, "describe_services", "self cluster_str service_names_or_arns")
    def describe(original, ecs, cluster_str, service_names_or_arns):
        services, failures = original(ecs, cluster_str, service_names_or_arns)
        for service in services:
            settle(service)
        return services, failures

    @wrap(EC2ContainerServiceBackend, "update_service", "self service_properties")
    def update(original, ecs, service_properties):
        service = ecs._get_service(
            service_properties.get("cluster", "default"), service_properties["service"].split("/")[-1]
        )
        settle(service)
        if service.status != "ACTIVE":
            raise ECSException("ServiceNotActiveException", "Service was not ACTIVE.")
        tags = {wire_name(name): value for name, value in service_properties.items()}
        original(ecs, tags)
        settle(service)
        return service

    @wrap(Service, "__init__", "self cluster service_name desired_count")
    def init(original, service, *args, **kwargs):
        fill_security_groups(kwargs.get("network_configuration"))
        original(service, *args, **kwargs)
        service.running_count, service.pending_count = 0, service.desired_count


def wire_name(name):
    """Returns the attribute name for one that moto splits letter by letter."""
    return "enable_ecs_managed_tags" if name.replace("_", "") == "enableecsmanagedtags" else name


def fill_security_groups(network):
    """Adds the empty list that moto reads without asking."""
    if network:
        network.get("awsvpcConfiguration", {}).setdefault("securityGroups", [])


def patch_create_service():
    """CreateService keeps its input, honours its token and refuses duplicates."""

    @wrap(EC2ContainerServiceResponse, "create_service", "self")
    def create(original, response):
        name, token = response._get_param("serviceName"), response._get_param("clientToken")
        cluster = (response._get_param("cluster") or "default").split("/")[-1]
        services = response.ecs_backend.services
        existing = services.get(f"{cluster}:{name}")
        if existing is not None:
            drain(existing)
            if existing.status != "INACTIVE":
                if token and existing.__dict__.get("_token") == token:
                    return ActionResult({"service": existing})
                if existing.status == "DRAINING":
                    raise InvalidParameterException("Unable to Start a service that is still Draining.")
                raise InvalidParameterException("Creation of service was not idempotent.")
        result = original(response)
        service = services[f"{cluster}:{name}"]
        service._token = token
        for wire, attribute in DROPPED.items():
            value = response._get_param(wire)
            if value is not None:
                setattr(service, attribute, value)
        notice_change(service, service.task_definition)
        return result


def patch_delete_service():
    """A deleted service drains for the settling time."""

    @wrap(EC2ContainerServiceBackend, "delete_service", "self cluster_name service_name force")
    def delete(original, ecs, cluster_name, service_name, force):
        service = original(ecs, cluster_name, service_name.split("/")[-1], force)
        seconds = CONTROL.seconds_to_settle("ecs", ecs.account_id)
        service.desired_count = 0
        service.status = "DRAINING" if seconds else "INACTIVE"
        service._drained_at = time.time() + seconds
        if not seconds:
            service.running_count = 0
        return service


# ---------------------------------------------------------------- tasks


def patch_run_task():
    """RunTask works with task-level memory and without security groups."""

    @wrap(EC2ContainerServiceBackend, "_calculate_task_resource_requirements", "task_definition")
    def calculate(original, task_definition):
        try:
            return original(task_definition)
        except TypeError:  # Fargate: the memory is said for the whole task.
            return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}

    # `setattr` of a plain function would make it a method.
    requirements = EC2ContainerServiceBackend._calculate_task_resource_requirements
    EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(requirements)

    @wrap(Task, "__init__", "self cluster task_definition")
    def init(original, task, *args, **kwargs):
        fill_security_groups(kwargs.get("networking_configuration"))
        original(task, *args, **kwargs)
