"""Makes moto's databases take time, and refuse what AWS refuses."""

import math
import time

from moto.rds.exceptions import (
    DBParameterGroupNotFoundError,
    DBSubnetGroupNotFoundError,
    RDSClientError,
)
from moto.rds.models import DBInstance, RDSBackend

from control import CONTROL
from patching import wrap


def apply():
    """Applies all patches of this file."""
    patch_instance_states()
    patch_instance_deletion()
    patch_subnet_groups()
    patch_parameter_groups()


def instance_status(database):
    """Returns the state of an instance, which takes time to change."""
    until, word = database.__dict__.get("_busy", (0, None))
    return word if time.time() < until else database.__dict__.get("_status", "available")


def set_instance_status(database, status):
    """Keeps the state that moto sets."""
    database.__dict__["_status"] = status


def make_busy(rds, database, word):
    """Puts an instance into a state in between for the settling time."""
    seconds = CONTROL.seconds_to_settle("rds", rds.account_id)
    database.__dict__["_busy"] = (time.time() + seconds, word)


def patch_instance_states():
    """Instances pass through creating and modifying."""
    DBInstance.status = property(instance_status, set_instance_status)

    @wrap(RDSBackend, "create_db_instance", "self db_kwargs")
    def create(original, rds, db_kwargs):
        forget_deleted(rds)
        database = original(rds, db_kwargs)
        make_busy(rds, database, "creating")
        return database

    @wrap(RDSBackend, "modify_db_instance", "self db_instance_identifier db_kwargs")
    def modify(original, rds, db_instance_identifier, db_kwargs):
        check_not_busy(rds, db_instance_identifier)
        database = original(rds, db_instance_identifier, db_kwargs)
        make_busy(rds, database, "modifying")
        return database


def check_not_busy(rds, identifier):
    """Refuses to change an instance that is coming or going."""
    forget_deleted(rds)
    database = rds.databases.get(identifier)
    if database is not None and database.status in ("creating", "deleting"):
        raise RDSClientError(
            "InvalidDBInstanceState", f"Database instance is not in available state: {database.status}."
        )


def forget_deleted(rds):
    """Removes the instances whose deletion is over."""
    for identifier, database in list(rds.databases.items()):
        if database.__dict__.get("_gone_at", math.inf) <= time.time():
            del rds.databases[identifier]


def patch_instance_deletion():
    """Instances pass through deleting, and leave a snapshot unless told not to."""

    @wrap(RDSBackend, "delete_db_instance", "self db_instance_identifier")
    def delete(
        original,
        rds,
        db_instance_identifier,
        final_db_snapshot_identifier=None,
        skip_final_snapshot=False,
        **options,
    ):
        check_not_busy(rds, db_instance_identifier)
        database = rds.databases.get(db_instance_identifier)
        alone = database is not None and not database.db_cluster_identifier and not database.is_replica
        if alone and not database.deletion_protection and not skip_final_snapshot:
            if not final_db_snapshot_identifier:
                raise RDSClientError(
                    "InvalidParameterCombination",
                    "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
                )
        deleted = original(
            rds, db_instance_identifier, final_db_snapshot_identifier, skip_final_snapshot, **options
        )
        seconds = CONTROL.seconds_to_settle("rds", rds.account_id)
        if seconds:
            deleted.__dict__["_gone_at"] = time.time() + seconds
            rds.databases[deleted.db_instance_identifier] = deleted
        return deleted

    @wrap(RDSBackend, "describe_db_instances", "self db_instance_identifier filters")
    def describe(original, rds, *args, **kwargs):
        forget_deleted(rds)
        return original(rds, *args, **kwargs)


def patch_subnet_groups():
    """Subnet groups survive changes, keep their names, and stay while in use."""

    @wrap(RDSBackend, "create_subnet_group", "self subnet_name")
    def create(original, rds, subnet_name, *args, **kwargs):
        if subnet_name in rds.subnet_groups:
            raise RDSClientError(
                "DBSubnetGroupAlreadyExists", f"The DB subnet group '{subnet_name}' already exists."
            )
        return original(rds, subnet_name, *args, **kwargs)

    @wrap(RDSBackend, "modify_db_subnet_group", "self subnet_name description subnets")
    def modify(_original, rds, subnet_name, description, subnets):
        group = rds.subnet_groups.get(subnet_name)  # moto takes it out and loses it.
        if group is None:
            raise DBSubnetGroupNotFoundError(subnet_name)
        group.subnets = subnets
        if description is not None:
            group.description = description
        return group

    @wrap(RDSBackend, "delete_subnet_group", "self subnet_name")
    def delete(original, rds, subnet_name):
        forget_deleted(rds)
        used = [database.__dict__.get("_db_subnet_group_name") for database in rds.databases.values()]
        used += [cluster.db_subnet_group_name for cluster in rds.clusters.values()]
        if subnet_name.lower() in [(name or "").lower() for name in used]:
            raise RDSClientError(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{subnet_name}' because at least one database "
                "instance is still using it.",
            )
        return original(rds, subnet_name)


def patch_parameter_groups():
    """Parameter groups are missed when unknown, and stay while in use."""

    @wrap(RDSBackend, "describe_db_parameter_groups", "self db_parameter_group_kwargs")
    def describe(original, rds, db_parameter_group_kwargs):
        found = original(rds, db_parameter_group_kwargs)
        name = db_parameter_group_kwargs.get("db_parameter_group_name")
        if name and not found and not name.startswith("default."):
            raise DBParameterGroupNotFoundError(name)
        return found

    @wrap(RDSBackend, "delete_db_parameter_group", "self db_parameter_group_name")
    def delete(original, rds, db_parameter_group_name):
        forget_deleted(rds)
        if any(d.db_parameter_group_name == db_parameter_group_name for d in rds.databases.values()):
            raise RDSClientError(
                "InvalidDBParameterGroupState",
                f"One or more database instances are still members of this parameter group "
                f"{db_parameter_group_name}, so the group cannot be deleted",
            )
        return original(rds, db_parameter_group_name)
