"""Makes moto's load balancers refuse duplicates, take time, and answer as AWS does."""

import time

from moto.elbv2.exceptions import (
    DuplicateListenerError,
    DuplicateLoadBalancerName,
    DuplicateTargetGroupName,
    ELBClientError,
    RuleNotFoundError,
)
from moto.elbv2.models import ELBv2Backend, FakeListener, FakeLoadBalancer

from control import CONTROL
from patching import wrap

DEFAULT_SSL_POLICY = "ELBSecurityPolicy-2016-08"


def apply():
    """Applies all patches of this file."""
    patch_load_balancers()
    patch_target_groups()
    patch_listeners()
    patch_rules()


def patch_load_balancers():
    """Names are unique, activation takes time, protection protects."""

    @wrap(ELBv2Backend, "create_load_balancer", "self name")
    def create(original, elb, **settings):
        for existing in elb.load_balancers.values():
            if existing.name == settings["name"]:
                # The same request again gives the same load balancer.
                if existing.__dict__.get("_settings") == settings:
                    return existing
                raise DuplicateLoadBalancerName()
        created = original(elb, **settings)
        created._settings = settings
        created._ready_at = time.time() + CONTROL.seconds_to_settle("lb", elb.account_id)
        return created

    @wrap(FakeLoadBalancer, "activate", "self")
    def activate(original, balancer):
        if time.time() >= balancer.__dict__.get("_ready_at", 0):
            original(balancer)

    @wrap(ELBv2Backend, "delete_load_balancer", "self arn")
    def delete(original, elb, arn):
        balancer = elb.load_balancers.get(arn)
        if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        return original(elb, arn)


def patch_target_groups():
    """The same request again gives the same target group."""

    @wrap(ELBv2Backend, "create_target_group", "self name")
    def create(original, elb, name, **settings):
        for existing in elb.target_groups.values():
            if existing.name == name:
                if existing.__dict__.get("_settings") == settings:
                    return existing
                raise DuplicateTargetGroupName()
        created = original(elb, name, **dict(settings))
        created._settings = settings
        return created


def tidy_listener(listener):
    """Only TLS listeners have a policy; an absent ALPN policy is not an empty one."""
    if listener.protocol not in ("HTTPS", "TLS"):
        listener.ssl_policy = None
    elif listener.ssl_policy is None:
        listener.ssl_policy = DEFAULT_SSL_POLICY
    listener.alpn_policy = listener.alpn_policy or None


def patch_listeners():
    """One listener per port, and no TLS settings on plain listeners."""

    @wrap(FakeListener, "__init__", "self load_balancer_arn arn protocol")
    def init(original, listener, *args, **kwargs):
        original(listener, *args, **kwargs)
        tidy_listener(listener)

    def check_port(elb, balancer_arn, port, listener_arn=None):
        balancer = elb.load_balancers.get(balancer_arn)
        for listener in balancer.listeners.values() if balancer else []:
            if listener.arn != listener_arn and port is not None and str(listener.port) == str(port):
                raise DuplicateListenerError()

    @wrap(ELBv2Backend, "create_listener", "self load_balancer_arn protocol port")
    def create(original, elb, load_balancer_arn, protocol, port, *args, **kwargs):
        check_port(elb, load_balancer_arn, port)
        return original(elb, load_balancer_arn, protocol, port, *args, **kwargs)

    @wrap(ELBv2Backend, "modify_listener", "self arn port")
    def modify(original, elb, arn, port=None, *args, **kwargs):
        balancer_arn = arn.replace(":listener/", ":loadbalancer/").rpartition("/")[0]
        check_port(elb, balancer_arn, port, arn)
        listener = original(elb, arn, port, *args, **kwargs)
        tidy_listener(listener)
        return listener


def patch_rules():
    """A missing rule is missed, and a default rule stays."""

    @wrap(ELBv2Backend, "delete_rule", "self arn")
    def delete(original, elb, arn):
        rules = {
            rule.arn: rule
            for balancer in elb.load_balancers.values()
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
        }
        if arn not in rules:
            raise RuleNotFoundError()
        if rules[arn].is_default:
            raise ELBClientError("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")
        return original(elb, arn)
