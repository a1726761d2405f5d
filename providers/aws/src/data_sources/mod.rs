//! Data sources: one file each.

use crate::resource::DataSource;

mod availability_zones;
mod caller_identity;
mod iam_policy_document;
mod partition;
mod region;
mod subnets;
mod vpc;

/// All data sources.
pub(crate) const TYPES: &[(&str, &dyn DataSource)] = &[
    ("aws_availability_zones", &availability_zones::AvailabilityZones),
    ("aws_caller_identity", &caller_identity::CallerIdentity),
    ("aws_iam_policy_document", &iam_policy_document::IamPolicyDocument),
    ("aws_partition", &partition::Partition),
    ("aws_region", &region::Region),
    ("aws_subnets", &subnets::Subnets),
    ("aws_vpc", &vpc::Vpc),
];
