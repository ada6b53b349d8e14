"""Checks of the numbers in a configuration."""

from diabolo.errors import ArgumentError

LARGEST, MOST_LAYERS, MOST_HALVINGS = 2**31, 64, 12


def check_counts(name: str, values: tuple[int, ...], *, least: int = 1, most: int = LARGEST - 1) -> None:
    if len(values) > MOST_LAYERS:
        raise ArgumentError(f"{name} may have at most {MOST_LAYERS} entries, got {len(values)}.")
    for value in values:
        if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value <= most:
            raise ArgumentError(f"{name} must be whole numbers from {least} to {most:,}, got {value!r}.")


def check_stages(channels: tuple[int, ...]) -> None:
    check_counts("channels", channels)
    if not 1 <= len(channels) <= MOST_HALVINGS:
        raise ArgumentError(f"channels must name 1 to {MOST_HALVINGS} stages, got {len(channels)}.")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ArgumentError(f"{name} must be one of {', '.join(allowed)}, got {value!r}.")


def check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ArgumentError(f"{name} must be from {low:g} to {high:g}, got {value:g}.")
