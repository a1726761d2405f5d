"""Makes moto's IAM refuse to delete a policy in use."""

from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import IAMBackend

from patching import wrap


def apply():
    """Applies all patches of this file."""

    @wrap(IAMBackend, "delete_policy", "self policy_arn")
    def delete(original, iam, policy_arn):
        policy = iam.get_policy(policy_arn)
        if policy.attachment_count > 0:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, you must delete "
                "the policy's versions. The default version is deleted with the policy."
            )
        return original(iam, policy_arn)
