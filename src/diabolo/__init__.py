"""diabolo: autoencoders that learn the code of your data and put it to work."""

from typing import TYPE_CHECKING, Any

from diabolo.version import __version__

if TYPE_CHECKING:
    from diabolo.data.opening import open_data
    from diabolo.estimator import Autoencoder, load
    from diabolo.model.networks.own import register_networks

__all__ = ["Autoencoder", "__version__", "load", "open_data", "register_networks"]

_HOMES = {
    "Autoencoder": "diabolo.estimator",
    "load": "diabolo.estimator",
    "open_data": "diabolo.data.opening",
    "register_networks": "diabolo.model.networks.own",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `diabolo --help` need not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'diabolo' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
