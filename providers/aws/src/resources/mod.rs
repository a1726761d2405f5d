//! Resource types: one file each.

use crate::resource::Resource;

mod cloudwatch_log_group;
mod db_instance;
mod db_parameter_group;
mod db_subnet_group;
mod ecs;
mod ecs_cluster;
mod ecs_service;
mod ecs_task_definition;
mod eip;
mod elb;
mod iam;
mod iam_policy;
mod iam_role;
mod iam_role_policy;
mod iam_role_policy_attachment;
mod internet_gateway;
mod lb;
mod lb_action;
mod lb_listener;
mod lb_listener_rule;
mod lb_target_group;
mod named;
mod nat_gateway;
mod permissions;
mod rds;
mod route;
mod route_table;
mod route_table_association;
mod routing;
mod secretsmanager_secret;
mod secretsmanager_secret_version;
mod security_group;
mod security_group_rule;
mod subnet;
mod vpc;

/// All resource types.
pub(crate) const TYPES: &[(&str, &dyn Resource)] = &[
    ("aws_cloudwatch_log_group", &cloudwatch_log_group::CloudwatchLogGroup),
    ("aws_db_instance", &db_instance::DbInstance),
    ("aws_db_parameter_group", &db_parameter_group::DbParameterGroup),
    ("aws_db_subnet_group", &db_subnet_group::DbSubnetGroup),
    ("aws_ecs_cluster", &ecs_cluster::EcsCluster),
    ("aws_ecs_service", &ecs_service::EcsService),
    ("aws_ecs_task_definition", &ecs_task_definition::EcsTaskDefinition),
    ("aws_eip", &eip::Eip),
    ("aws_iam_policy", &iam_policy::IamPolicy),
    ("aws_iam_role", &iam_role::IamRole),
    ("aws_iam_role_policy", &iam_role_policy::IamRolePolicy),
    (
        "aws_iam_role_policy_attachment",
        &iam_role_policy_attachment::IamRolePolicyAttachment,
    ),
    ("aws_internet_gateway", &internet_gateway::InternetGateway),
    ("aws_lb", &lb::Lb),
    ("aws_lb_listener", &lb_listener::LbListener),
    ("aws_lb_listener_rule", &lb_listener_rule::LbListenerRule),
    ("aws_lb_target_group", &lb_target_group::LbTargetGroup),
    ("aws_nat_gateway", &nat_gateway::NatGateway),
    ("aws_route", &route::Route),
    ("aws_route_table", &route_table::RouteTable),
    (
        "aws_route_table_association",
        &route_table_association::RouteTableAssociation,
    ),
    (
        "aws_secretsmanager_secret",
        &secretsmanager_secret::SecretsmanagerSecret,
    ),
    (
        "aws_secretsmanager_secret_version",
        &secretsmanager_secret_version::SecretsmanagerSecretVersion,
    ),
    ("aws_security_group", &security_group::SecurityGroup),
    ("aws_subnet", &subnet::Subnet),
    ("aws_vpc", &vpc::Vpc),
    (
        "aws_vpc_security_group_egress_rule",
        &security_group_rule::SecurityGroupRule { egress: true },
    ),
    (
        "aws_vpc_security_group_ingress_rule",
        &security_group_rule::SecurityGroupRule { egress: false },
    ),
];
