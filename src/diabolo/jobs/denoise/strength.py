"""The dial of denoising: how much of the noise is removed, and what stays on purpose."""

from dataclasses import dataclass

import numpy as np

from diabolo.errors import ArgumentError
from diabolo.jobs.denoise.scale import Pixels

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
STRONGEST = 2.0


@dataclass(frozen=True)
class Dial:
    """strength: 0 leaves the picture as it is, 1 removes the noise that is found, 2 assumes twice as much.

    noise: its spread, as a share of white, in place of the estimate; None: estimated. grain: the share of the
    brightness noise that stays; colour noise goes all the same.
    Raises ArgumentError for numbers out of range.
    """

    strength: float = 1.0
    noise: float | None = None
    grain: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= STRONGEST:
            raise ArgumentError(f"strength must be from 0 to {STRONGEST:g} (1: as estimated), got {self.strength:g}.")
        if self.noise is not None and not 0 <= self.noise <= 1:
            raise ArgumentError(
                f"noise level must be from 0 to 255 (255ths of white), got {255 * self.noise:g}; "
                "divide it by the picture's white and multiply it by 255."
            )
        if not 0 <= self.grain <= 1:
            raise ArgumentError(f"keep-grain must be from 0 to 1 (the share that stays), got {self.grain:g}.")

    def mixed(self, given: Pixels, cleaned: Pixels, stronger: Pixels | None, share: float) -> Pixels:
        """Return what the dial makes of a picture (h, w, c), its cleaned one, and the one cleaned twice as strongly.

        share: how much of the correction the estimate stands for.
        """
        if self.strength <= 1 or stronger is None:
            found = given + np.float32(share * min(self.strength, 1)) * (cleaned - given)
        else:
            found = cleaned + np.float32(self.strength - 1) * (stronger - cleaned)
        if self.grain:
            grain = given - found
            found = found + np.float32(self.grain) * (grain @ LUMA if grain.shape[2] == 3 else grain[..., 0])[..., None]
        return np.asarray(found, np.float32)

    @property
    def plain(self) -> bool:
        """Whether nothing is turned."""
        return self == Dial()
