"""How a model is trained, as frozen data."""

from dataclasses import dataclass

from diabolo.config.checks import check_choice, check_counts, check_range


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    optimizer: 'muon' or 'adam'. schedule: 'linear' (up to `learning_rate`, then down to 0) or 'constant'.
    clip: bound on the gradient's norm, for a loss in nats per dimension (0: none).
    patience: epochs without a better held-out loss before training stops.
    validation: held-out share of the samples, which decides which weights are best (0: none; the last are kept).
    informed_start: whether the output's bias starts at the mean of the data, and a ReLU code's at 0.5, which keeps its
    units alive; else biases start at 0.
    warm_up: share of the steps over which the rate's weight rises from 0 to beta (Bowman et al. 2016).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str = "muon"
    schedule: str = "linear"
    clip: float = 1.0
    patience: int = 10
    validation: float = 0.05
    informed_start: bool = True
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        check_counts("epochs, batch_size and patience", (self.epochs, self.batch_size, self.patience))
        check_choice("optimizer", self.optimizer, ("muon", "adam"))
        check_choice("schedule", self.schedule, ("linear", "constant"))
        limits = {"learning_rate": (1e-12, 1e3), "clip": (0, 1e12), "validation": (0, 0.9), "warm_up": (0, 1)}
        for name, (low, high) in limits.items():
            check_range(name, getattr(self, name), low, high)
