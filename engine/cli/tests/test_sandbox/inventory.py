"""Prints what exists in one account of the sandbox, as JSON, without using infra.

    python inventory.py ENDPOINT ACCOUNT REGION
"""

import json
import re
import sys

import boto3


def main(endpoint, account, region):
    def client(service):
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
        )

    ec2, elb, ecs, rds = (client(s) for s in ("ec2", "elbv2", "ecs", "rds"))
    vpcs = ec2.describe_vpcs()["Vpcs"]
    default = {v["VpcId"] for v in vpcs if v["IsDefault"]}

    def own(items, vpc=lambda i: i["VpcId"]):
        return [i for i in items if vpc(i) not in default]

    groups = own(ec2.describe_security_groups()["SecurityGroups"])
    group_ids = {g["GroupId"] for g in groups}
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    listeners = [
        listener
        for balancer in balancers
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    ]
    clusters = ecs.list_clusters()["clusterArns"]
    services = [s for c in clusters for s in ecs.list_services(cluster=c)["serviceArns"]]
    roles = client("iam").list_roles()["Roles"]
    found = {
        "vpcs": len(vpcs) - len(default),
        "subnets": sorted(s["CidrBlock"] for s in own(ec2.describe_subnets()["Subnets"])),
        "internet gateways": len(
            [
                g
                for g in ec2.describe_internet_gateways()["InternetGateways"]
                if not any(a["VpcId"] in default for a in g["Attachments"])
            ]
        ),
        "addresses": len(ec2.describe_addresses()["Addresses"]),
        "nat gateways": len([n for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] != "deleted"]),
        "routes": sorted(
            len(t["Routes"]) for t in own(ec2.describe_route_tables()["RouteTables"])
        ),
        # Names end in a suffix that is new for each object.
        "security groups": sorted(
            re.sub("-[0-9a-f]{26}$", "", g["GroupName"]) for g in groups if g["GroupName"] != "default"
        ),
        "rules": len([r for r in rules if r["GroupId"] in group_ids]),
        "load balancers": sorted(b["LoadBalancerName"] for b in balancers),
        "listeners": len(listeners),
        "listener rules": sum(len(elb.describe_rules(ListenerArn=i["ListenerArn"])["Rules"]) for i in listeners),
        "target groups": len(elb.describe_target_groups()["TargetGroups"]),
        "clusters": clusters,
        "services": sorted(services),
        "task definitions": len(ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]),
        "roles": sorted(r["RoleName"] for r in roles if not r["Path"].startswith("/aws-service-role/")),
        "log groups": sorted(g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]),
        "secrets": len(client("secretsmanager").list_secrets()["SecretList"]),
        "databases": sorted(d["DBInstanceIdentifier"] for d in rds.describe_db_instances()["DBInstances"]),
        "database subnet groups": len(rds.describe_db_subnet_groups()["DBSubnetGroups"]),
        "database parameter groups": len(rds.describe_db_parameter_groups()["DBParameterGroups"]),
    }
    text = json.dumps(found, sort_keys=True)
    # Accounts tell runs apart; everything else must be the same.
    print(text.replace(account, "ACCOUNT"))


main(*sys.argv[1:])
