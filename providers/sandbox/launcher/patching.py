"""Replaces methods inside moto, and says so clearly when a patch point has moved.

The patches reach into one exact version of moto. Each names the parameters it
expects, so a newer moto that renamed something stops the launcher at start
instead of misbehaving later.
"""

import functools
import inspect
from importlib import metadata

MOTO_VERSION = "5.2.5"


class PatchPointMoved(Exception):
    """moto no longer has what a patch wants to replace."""


def check_moto_version():
    """Refuses to patch any moto but the one the patches were written for."""
    found = metadata.version("moto")
    if found != MOTO_VERSION:
        raise PatchPointMoved(
            f"the launcher patches moto {MOTO_VERSION}, but moto {found} is installed"
        )


def wrap(owner, name, parameters):
    """Returns a decorator that puts a function around `owner.name`.

    The function receives the original as its first argument, then the call's
    own arguments. `parameters` are the names the original must begin with.
    """
    original = getattr(owner, name, None)
    where = f"{owner.__module__}.{owner.__qualname__}.{name}"
    if not callable(original):
        raise PatchPointMoved(f"moto has no {where} any more")
    found = list(inspect.signature(original).parameters)
    expected = parameters.split()
    if found[: len(expected)] != expected:
        raise PatchPointMoved(
            f"{where} takes ({', '.join(found)}), the patch expects ({', '.join(expected)}, ...)"
        )

    def decorate(replacement):
        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            return replacement(original, *args, **kwargs)

        setattr(owner, name, wrapper)
        return replacement

    return decorate
