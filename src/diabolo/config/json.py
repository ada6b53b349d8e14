"""Configurations as JSON and back; unknown keys are refused."""

from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from diabolo.config.bottlenecks import BOTTLENECKS
from diabolo.config.corruption import CORRUPTIONS
from diabolo.config.likelihoods import LIKELIHOODS
from diabolo.config.networks import NETWORKS
from diabolo.errors import FormatError, InputError

T = TypeVar("T")
KINDS: dict[str, type] = NETWORKS | BOTTLENECKS | LIKELIHOODS | CORRUPTIONS
_NAMES = {kind: name for name, kind in KINDS.items()}


def to_json(config: object) -> dict[str, Any]:
    """Return a dataclass as plain JSON values; a choice carries its `kind`."""
    if not is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"not a dataclass: {config!r}")
    plain: dict[str, Any] = {"kind": _NAMES[type(config)]} if type(config) in _NAMES else {}
    for item in fields(config):
        value = getattr(config, item.name)
        plain[item.name] = to_json(value) if is_dataclass(value) else _plain(value)
    return plain


def _plain(value: Any) -> Any:
    """Return a field's value as JSON has it: tuples as lists, dataclasses as objects."""
    if isinstance(value, tuple):
        return [to_json(item) if is_dataclass(item) else item for item in value]
    return value


def from_json(kind: type[T], plain: Any) -> T:
    """Return the dataclass `kind` that `to_json` made `plain` from. Raises FormatError for anything else."""
    if not isinstance(plain, dict):
        raise FormatError(f"{kind.__name__} must be a JSON object, got {type(plain).__name__}.")
    if "kind" in plain and plain["kind"] != _NAMES.get(kind):
        raise FormatError(f"{kind.__name__} cannot be of kind {plain['kind']!r}.")
    hints = get_type_hints(kind)
    unknown = sorted(set(plain) - set(hints) - {"kind"})
    if unknown:
        raise FormatError(f"{kind.__name__} has unknown keys {unknown}; made by a newer version of diabolo?")
    try:
        return kind(**{name: _value(hints[name], plain[name], name) for name in plain if name != "kind"})
    except (TypeError, InputError, OverflowError) as error:
        raise FormatError(f"{kind.__name__} cannot be read: {error}") from error


def _value(hint: Any, value: Any, name: str) -> Any:
    if get_origin(hint) is UnionType:
        return _choice(get_args(hint), value, name)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise FormatError(f"{name} must be a list, got {value!r}.")
        return tuple(_value(get_args(hint)[0], item, name) for item in value)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise FormatError(f"{name} must be of type {hint.__name__}, got {value!r}.")
    return value


def _choice(kinds: tuple[type, ...], value: Any, name: str) -> Any:
    allowed = {_NAMES[kind]: kind for kind in kinds}
    given = value.get("kind") if isinstance(value, dict) else value
    if not isinstance(given, str) or given not in allowed:
        raise FormatError(f"{name} must be one of {', '.join(allowed)}, got {given!r}.")
    return from_json(allowed[given], value)
