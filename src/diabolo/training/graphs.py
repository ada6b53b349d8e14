"""Training steps as one CUDA graph: the kernels of a step are recorded once and started together.

A small network's step takes longer to start than to compute. Recorded, it costs one call. The learning rate, the
number of the step and the warmth are tensors, and the generator is registered, so that each replay has its own.
"""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3
"""Steps that run before a graph is recorded, as torch asks for (docs, "CUDA graphs")."""


class GraphedStep:
    """One step of training on a batch of a fixed size, recorded from `step`.

    step: (batch) -> its loss, a tensor of no dimensions; it changes weights and moments in place, and draws from
    `generator` only. restore: called once the graph is recorded, to undo what the recording's warm-up changed.
    """

    def __init__(
        self,
        step: Callable[[Tensor], Tensor],
        example: Tensor,
        generator: torch.Generator,
        restore: Callable[[], None],
    ) -> None:
        self.batch = example.clone()
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(generator)
        drawn = generator.get_state()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                step(self.batch)
        torch.cuda.current_stream().wait_stream(aside)
        with torch.cuda.graph(self.graph):
            self.loss = step(self.batch)
        restore()
        generator.set_state(drawn)

    def __call__(self, batch: Tensor) -> Tensor:
        """Take the step on a batch and return its loss, a tensor that the next step overwrites."""
        self.batch.copy_(batch)
        self.graph.replay()
        return self.loss
