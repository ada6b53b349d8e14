"""What a service of models is told: where it listens, and the bounds of what it takes."""

from dataclasses import dataclass

from diabolo.errors import ArgumentError

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where the workers of a service count together; prometheus_client reads it from the environment, on import."""
HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """host, port: where it listens. token: that every request but those of health must bring; '' for none.

    most_bytes: of a body. most_rows: of a request. waiting: requests in work at once; more get 429.
    seconds: for a request, its body included. false_alarms: overrules the rule of the models.
    look_again: seconds between two looks at the model files.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    most_bytes: int = 8 << 20
    most_rows: int = 10_000
    waiting: int = 64
    seconds: float = 30.0
    false_alarms: float | None = None
    look_again: float = 1.0

    def __post_init__(self) -> None:
        if self.host not in HERE and not self.token:
            raise ArgumentError(
                f"--host {self.host} is reached by other machines, and no token is set; "
                "put one into the environment as DIABOLO_TOKEN."
            )
        for name in ("most_bytes", "most_rows", "waiting", "seconds", "look_again"):
            if getattr(self, name) <= 0:
                raise ArgumentError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}.")
