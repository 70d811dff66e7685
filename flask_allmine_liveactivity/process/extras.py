"""What is imported only where a setting chooses it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError

_MODULE_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def import_extra(module: str, extra: str) -> Any:
    """Import a module of one of our extras.

    Raises:
        ConfigurationError: It is not installed. The message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigurationError(
            f'{module} is not installed: pip install "flask-allmine-liveactivity[{extra}]"'
        ) from None


def host_factory(path: str, key: str, forms: str = "'module:factory'") -> Callable[[], Any]:
    """Import a host's ``module:factory``.

    Args:
        path: The setting's value.
        key: The setting.
        forms: All that it may be, for the error.

    Raises:
        ConfigurationError: It is none, or cannot be imported or called.
    """
    # Not the value itself: it may be a URI that lost its slashes, with a password in it.
    if not _MODULE_FACTORY.fullmatch(path):
        raise ConfigurationError(f"{key} cannot be read: it must be one of {forms}.")
    module, _, name = path.partition(":")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{key}: cannot import 'module:factory' ({error}).") from error
    if not callable(factory):
        raise ConfigurationError(f"{key}: {path!r} cannot be called; name a class or a function.")
    return factory  # type: ignore[no-any-return]


def made_by_host(factory: Callable[[], Any], kind: type[Any], key: str) -> Any:
    """What a host's factory makes.

    Raises:
        ConfigurationError: It is no `kind`.
    """
    made = factory()
    if not isinstance(made, kind):
        raise ConfigurationError(
            f"{key}: the factory made a {type(made).__name__}, and must make a {kind.__name__}."
        )
    return made
