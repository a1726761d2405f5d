"""Makes moto's EC2 refuse what AWS refuses, above all deletes in a wrong order."""

import time

from moto.ec2.exceptions import DependencyViolationError, EC2ClientError, ResourceAlreadyAssociatedError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends
from moto.rds.models import rds_backends

from control import CONTROL
from patching import PatchPointMoved, wrap


def apply():
    """Applies all patches of this file."""
    patch_nat_gateways()
    release_before_looking()
    patch_addresses()
    patch_internet_gateways()
    patch_route_tables()
    patch_subnets()
    patch_security_groups()
    patch_rule_descriptions()
    patch_vpcs()


def refuse(what):
    """Says that an object is still in use, in EC2's words."""
    raise DependencyViolationError(f"{what} has dependencies and cannot be deleted.")


# ---------------------------------------------------------------- what uses a network


def load_balancers(ec2):
    """Returns the load balancers beside this EC2 backend."""
    return elbv2_backends[ec2.account_id][ec2.region_name].load_balancers.values()


def databases(ec2):
    """Returns the database instances beside this EC2 backend."""
    return rds_backends[ec2.account_id][ec2.region_name].databases.values()


def living_nat_gateways(ec2):
    """Returns the NAT gateways that still hold their addresses."""
    return [nat for nat in ec2.nat_gateways.values() if nat.state != "deleted"]


def service_networks(ec2):
    """Returns the network settings of the services that have tasks."""
    ecs = ecs_backends[ec2.account_id][ec2.region_name]
    return [
        service.network_configuration.get("awsvpcConfiguration", {})
        for service in ecs.services.values()
        if service.status == "DRAINING" or (service.status == "ACTIVE" and service.desired_count > 0)
    ]


def release_stopped_tasks(ec2):
    """Removes the network interfaces of tasks that have stopped; moto keeps them."""
    ecs = ecs_backends[ec2.account_id][ec2.region_name]
    for tasks in ecs.tasks.values():
        for task in tasks.values():
            if task.last_status != "STOPPED":
                continue
            for attachment in task.attachments:
                for detail in attachment["details"]:
                    if detail["name"] == "networkInterfaceId":
                        ec2.enis.pop(detail["value"], None)


def subnet_in_use(ec2, subnet_id):
    """Tells whether something still lives in a subnet."""
    return (
        any(eni.subnet.id == subnet_id for eni in ec2.enis.values())
        or any(nat.subnet_id == subnet_id for nat in living_nat_gateways(ec2))
        or any(subnet.id == subnet_id for lb in load_balancers(ec2) for subnet in lb.subnets)
        or any(subnet_id in network.get("subnets", []) for network in service_networks(ec2))
        or any(
            subnet["SubnetIdentifier"] == subnet_id
            for database in databases(ec2)
            for subnet in getattr(getattr(database, "db_subnet_group", None), "subnets", None) or []
        )
    )


def group_in_use(ec2, group_id):
    """Tells whether something still refers to a security group."""
    groups = [group for of_vpc in ec2.groups.values() for group in of_vpc.values()]
    return (
        any(
            (rule.source_group or {}).get("GroupId") == group_id
            for group in groups
            if group.id != group_id
            for rule in group.ingress_rules + group.egress_rules
        )
        or any(group_id == group.id for eni in ec2.enis.values() for group in eni.group_set)
        or any(group_id in (lb.security_groups or []) for lb in load_balancers(ec2))
        or any(group_id in network.get("securityGroups", []) for network in service_networks(ec2))
        or any(group_id in (database.vpc_security_group_ids or []) for database in databases(ec2))
        or any(
            group_id in endpoint.security_group_ids
            for endpoint in ec2.vpc_end_points.values()
            if endpoint.state != "deleted"
        )
    )


# ---------------------------------------------------------------- NAT gateways, addresses


def nat_state(nat):
    """Returns the state of a NAT gateway, which takes time to come and to go."""
    now = time.time()
    if nat.__dict__.get("_state") == "deleted":
        return "deleting" if now < nat.__dict__.get("_gone_at", 0) else "deleted"
    return "pending" if now < nat.__dict__.get("_ready_at", 0) else "available"


def set_nat_state(nat, state):
    """Keeps the state that moto sets."""
    nat.__dict__["_state"] = state


def release_deleted_nat_gateways(ec2):
    """Frees the address and the interface of each NAT gateway that is gone."""
    for nat in ec2.nat_gateways.values():
        if nat.state != "deleted" or nat._eni.id not in ec2.enis:
            continue
        for address in ec2.addresses:
            if address.eni is nat._eni:
                ec2.disassociate_address(address=address.public_ip)
        del ec2.enis[nat._eni.id]


def patch_nat_gateways():
    """NAT gateways take time, need an address, and are missed when unknown."""
    NatGateway.state = property(nat_state, set_nat_state)

    def find(ec2, nat_id):
        if nat_id not in ec2.nat_gateways:
            raise EC2ClientError("NatGatewayNotFound", f"The Nat Gateway {nat_id} was not found")

    @wrap(EC2Backend, "create_nat_gateway", "self subnet_id allocation_id tags connectivity_type")
    def create(original, ec2, subnet_id, allocation_id, tags=None, connectivity_type=None):
        kind = connectivity_type or "public"
        if kind == "public" and not allocation_id:
            raise EC2ClientError("MissingParameter", "The request must include the AllocationId parameter.")
        nat = original(ec2, subnet_id, allocation_id, tags, kind)
        nat._ready_at = time.time() + CONTROL.seconds_to_settle("nat", ec2.account_id)
        return nat

    @wrap(EC2Backend, "delete_nat_gateway", "self nat_gateway_id")
    def delete(original, ec2, nat_gateway_id):
        find(ec2, nat_gateway_id)
        nat = ec2.nat_gateways[nat_gateway_id]
        if nat.state not in ("deleting", "deleted"):
            nat._gone_at = time.time() + CONTROL.seconds_to_settle("nat", ec2.account_id)
        return original(ec2, nat_gateway_id)

    @wrap(EC2Backend, "describe_nat_gateways", "self filters nat_gateway_ids")
    def describe(original, ec2, filters, nat_gateway_ids):
        for nat_id in nat_gateway_ids or []:
            find(ec2, nat_id)
        return original(ec2, filters, nat_gateway_ids)


def release_before_looking():
    """What is gone lets go of its network before the next question about it."""

    def release_before(name):
        @wrap(EC2Backend, name, "self")
        def after_release(original, ec2, *args, **kwargs):
            release_deleted_nat_gateways(ec2)
            release_stopped_tasks(ec2)
            return original(ec2, *args, **kwargs)

    for name in (
        "associate_address",
        "delete_security_group",
        "delete_subnet",
        "describe_addresses",
        "describe_nat_gateways",
        "detach_internet_gateway",
        "get_all_network_interfaces",
        "release_address",
    ):
        release_before(name)


def patch_addresses():
    """An elastic IP address in use cannot be released."""

    @wrap(EC2Backend, "release_address", "self address allocation_id")
    def release(original, ec2, address=None, allocation_id=None):
        release_deleted_nat_gateways(ec2)
        for known in ec2.addresses:
            if known.association_id and (known.public_ip == address or known.allocation_id == allocation_id):
                raise EC2ClientError("InvalidIPAddress.InUse", f"Address {known.public_ip} is in use.")
        return original(ec2, address, allocation_id)


def patch_internet_gateways():
    """One internet gateway per VPC, which stays while public addresses use it."""

    @wrap(EC2Backend, "attach_internet_gateway", "self internet_gateway_id vpc_id")
    def attach(original, ec2, internet_gateway_id, vpc_id):
        for gateway in ec2.internet_gateways.values():
            if gateway.id != internet_gateway_id and gateway.vpc and gateway.vpc.id == vpc_id:
                raise EC2ClientError(
                    "InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached"
                )
        return original(ec2, internet_gateway_id, vpc_id)

    @wrap(EC2Backend, "detach_internet_gateway", "self internet_gateway_id vpc_id")
    def detach(original, ec2, internet_gateway_id, vpc_id):
        release_deleted_nat_gateways(ec2)
        mapped = (
            any(nat.vpc_id == vpc_id and nat.connectivity_type == "public" for nat in living_nat_gateways(ec2))
            or any(address.eni and address.eni.subnet.vpc_id == vpc_id for address in ec2.addresses)
            or any(lb.vpc_id == vpc_id and lb.scheme != "internal" for lb in load_balancers(ec2))
        )
        if mapped:
            raise DependencyViolationError(
                f"Network {vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway."
            )
        return original(ec2, internet_gateway_id, vpc_id)


# ---------------------------------------------------------------- routes, subnets, groups, VPCs


def patch_route_tables():
    """Routes need living targets; a subnet has one table; the main table stays."""

    def check_nat_gateway(ec2, nat_id):
        if nat_id and nat_id not in [nat.id for nat in living_nat_gateways(ec2)]:
            raise EC2ClientError(
                "InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat_id}' does not exist"
            )

    @wrap(EC2Backend, "create_route", "self route_table_id destination_cidr_block")
    def create_route(original, ec2, *args, **kwargs):
        check_nat_gateway(ec2, kwargs.get("nat_gateway_id"))
        return original(ec2, *args, **kwargs)

    @wrap(
        EC2Backend,
        "replace_route",
        "self route_table_id destination_cidr_block destination_ipv6_cidr_block"
        " destination_prefix_list_id nat_gateway_id",
    )
    def replace_route(original, ec2, *args, **kwargs):
        check_nat_gateway(ec2, kwargs.get("nat_gateway_id", args[4] if len(args) > 4 else None))
        return original(ec2, *args, **kwargs)

    @wrap(EC2Backend, "associate_route_table", "self route_table_id gateway_id subnet_id")
    def associate(original, ec2, route_table_id, gateway_id=None, subnet_id=None):
        for table in ec2.route_tables.values():
            if subnet_id and table.id != route_table_id and subnet_id in table._associations.values():
                raise ResourceAlreadyAssociatedError(subnet_id)
        return original(ec2, route_table_id, gateway_id, subnet_id)

    # The response, not the backend: deleting a VPC deletes its main table too.
    @wrap(RouteTables, "delete_route_table", "self")
    def delete(original, response):
        table = response.ec2_backend.get_route_table(response._get_param("RouteTableId"))
        if table.main_association_id is not None:
            refuse(f"The routeTable '{table.id}'")
        return original(response)


def patch_subnets():
    """A subnet stays while something lives in it, and takes its association along."""

    @wrap(EC2Backend, "delete_subnet", "self subnet_id")
    def delete(original, ec2, subnet_id):
        release_deleted_nat_gateways(ec2)
        release_stopped_tasks(ec2)
        if subnet_in_use(ec2, subnet_id):
            refuse(f"The subnet '{subnet_id}'")
        deleted = original(ec2, subnet_id)
        for table in ec2.route_tables.values():
            kept = {key: target for key, target in table._associations.items() if target != subnet_id}
            table._associations = kept
        return deleted

    NetworkInterface.private_dns_name = None  # RunTask reads it without asking.


def patch_security_groups():
    """A security group stays while something refers to it; the default one always."""

    @wrap(EC2Backend, "delete_security_group", "self name group_id")
    def delete(original, ec2, name=None, group_id=None):
        if group_id and group_in_use(ec2, group_id):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        return original(ec2, name, group_id)

    # The response, not the backend: deleting a VPC deletes its default group too.
    @wrap(SecurityGroups, "delete_security_group", "self")
    def delete_request(original, response):
        group = response.ec2_backend.get_security_group_from_id(response._get_param("GroupId") or "")
        if group is not None and group.name == "default":
            raise EC2ClientError(
                "CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user'
            )
        return original(response)


def patch_rule_descriptions():
    """A rule that names another group has a description too."""
    if not isinstance(getattr(SecurityGroupRule, "description", None), property):
        raise PatchPointMoved("moto's SecurityGroupRule has no description property any more")

    def description(rule):
        for source in (rule.ip_range, rule.source_group):
            if source.get("Description") is not None:
                return source["Description"]
        return None

    SecurityGroupRule.description = property(description)


def patch_vpcs():
    """A VPC stays while anything a user made is left in it."""

    @wrap(EC2Backend, "delete_vpc", "self vpc_id")
    def delete(original, ec2, vpc_id):
        left = (
            any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values())
            or any(group.name != "default" for group in ec2.groups.get(vpc_id, {}).values())
            or any(e.vpc_id == vpc_id and e.state != "deleted" for e in ec2.vpc_end_points.values())
            or any(acl.vpc_id == vpc_id and not acl.default for acl in ec2.network_acls.values())
        )
        if left:
            refuse(f"The vpc '{vpc_id}'")
        deleted = original(ec2, vpc_id)
        for acl_id in [acl.id for acl in ec2.network_acls.values() if acl.vpc_id == vpc_id]:
            del ec2.network_acls[acl_id]
        return deleted
