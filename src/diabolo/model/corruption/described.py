"""Noise described by a few words: 'gaussian:0.5', 'poisson:30', 'salt-pepper:0.1', 'jpeg:20', 'gaussian:0-0.2'."""

from collections.abc import Callable

from diabolo.config.corruption import (
    BlotsConfig,
    CameraConfig,
    ChainConfig,
    CleanConfig,
    CorruptionConfig,
    GaussianNoiseConfig,
    JpegConfig,
    MaskingConfig,
    PairedConfig,
    PhotoNoiseConfig,
    PoissonNoiseConfig,
    SaltPepperConfig,
    SingleConfig,
)
from diabolo.errors import ArgumentError

KINDS: dict[str, Callable[[float, float], SingleConfig]] = {
    "gaussian": GaussianNoiseConfig,
    "poisson": PoissonNoiseConfig,
    "salt-pepper": SaltPepperConfig,
    "jpeg": lambda quality, least: JpegConfig(round(quality), least),
    "masking": lambda fraction, _: MaskingConfig(fraction),
    "camera": CameraConfig,
}
WORDS: dict[str, SingleConfig] = {
    "none": CleanConfig(),
    "pairs": PairedConfig(),
    "camera": CameraConfig(),
    "photo": PhotoNoiseConfig(),
    "blots": BlotsConfig(),
    "even-blots": BlotsConfig(lighter=0.5),
    "dark-blots": BlotsConfig(lighter=0.0),
    "light-blots": BlotsConfig(lighter=1.0),
}
MIXED: dict[str, CorruptionConfig] = {
    "poisson+gaussian": ChainConfig((PoissonNoiseConfig(300.0, 0.01), GaussianNoiseConfig(0.05, 0.0))),
}
"""Microscopes: few photons, and normal noise of the reading."""
ALLOWED = (
    "gaussian:SIGMA (of values in [0, 1]), poisson:PEAK, salt-pepper:SHARE, jpeg:QUALITY or masking:SHARE, where a "
    "range such as gaussian:0-0.2 draws the strength anew for each sample; blots, even-blots, dark-blots or "
    "light-blots (preset surface); camera (or camera:SHOT, shot noise up to 0.02); photo (the mixture of the bundled "
    "model); poisson+gaussian (microscopes); none; pairs (where the data bring both); or several joined by a comma "
    "or +, as camera,jpeg:60-95"
)


def parse_noise(text: str) -> CorruptionConfig:
    """Return the corruption that `text` describes. Raises ArgumentError if it describes none.

    Example:
        >>> parse_noise("gaussian:0-0.2")
        GaussianNoiseConfig(sigma=0.2, least=0.0)
    """
    if text in MIXED:
        return MIXED[text]
    names = str(text).replace("+", ",").split(",")
    return _single(text, text) if len(names) == 1 else ChainConfig(tuple(_single(name, text) for name in names))


def _single(name: str, text: str) -> SingleConfig:
    """Return one kind of noise; `text` is all that was given."""
    if name in WORDS:
        return WORDS[name]
    kind, _, strength = str(name).partition(":")
    try:
        low, most = _range(strength)
        make = KINDS[kind]
    except (KeyError, ValueError):
        raise ArgumentError(f"noise must be {ALLOWED}; got {text!r}.") from None
    if low != most and kind == "masking":
        raise ArgumentError(f"noise 'masking' takes one share, no range; got {text!r}.")
    return make(most, low / most if most > 0 else 1.0)


def _range(text: str) -> tuple[float, float]:
    low, dash, most = text.partition("-")
    lowest, highest = float(low), float(most if dash else low)
    if not 0 <= lowest <= highest < float("inf"):
        raise ValueError(text)
    return lowest, highest
