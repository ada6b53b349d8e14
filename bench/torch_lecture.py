"""The lecture's autoencoders in plain PyTorch: Sequential, BCELoss, Adam, batches of 128 by index. No evaluation."""

import time
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

SIZES = {"dense": (784, 32, 784), "deep": (784, 128, 64, 32, 64, 128, 784)}
BATCH_SIZE = 128


def network(preset: str) -> nn.Sequential:
    """Return the network with the lecture's initial weights: Glorot uniform, biases 0."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(SIZES[preset]):
        layer = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


class PlainTorch:
    """Trains one epoch at a time."""

    def __init__(self, preset: str, train: np.ndarray, test: np.ndarray) -> None:
        torch.manual_seed(0)
        self.train, self.test = _prepared(train), _prepared(test)
        self.model = network(preset)
        self.loss, self.optimizer = nn.BCELoss(), torch.optim.Adam(self.model.parameters())

    def epoch(self) -> tuple[float, float]:
        """Return (training seconds, test cross-entropy in nats per pixel) of one more epoch."""
        started = time.perf_counter()
        self.model.train()
        order = torch.randperm(len(self.train))
        for start in range(0, len(order), BATCH_SIZE):
            x = self.train[order[start : start + BATCH_SIZE]]
            self.optimizer.zero_grad()
            self.loss(self.model(x), x).backward()
            self.optimizer.step()
        return time.perf_counter() - started, self.cross_entropy()

    @torch.no_grad()
    def cross_entropy(self) -> float:
        """Return the test cross-entropy in nats per pixel, predictions kept 1e-7 from 0 and 1 as Keras does."""
        p = self.model.eval()(self.test).double().clamp(1e-7, 1 - 1e-7)
        return float(nn.functional.binary_cross_entropy(p, self.test.double()))


def _prepared(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / 255)
