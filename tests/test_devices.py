"""Every preset on a device that is not the CPU: nothing that training does mixes tensors of two devices.

The device is 'meta', whose tensors have no values, as there may be no GPU: operators do not mix it with the CPU.
"""

import pytest
import torch

from diabolo.model.autoencoder import AutoencoderModel
from diabolo.model.bottlenecks import variational as bottlenecks
from diabolo.presets.presets import PRESETS, configure

SHAPES = {"table": (12,)}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_nothing_mixes_devices(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # a generator is of a device that has values
    monkeypatch.setattr(bottlenecks, "own_noise", lambda mean, count: mean.new_empty(count, *mean.shape))
    shape = SHAPES.get(preset, (32, 32))
    model = AutoencoderModel(configure(preset, shape, unit=not PRESETS[preset].heavy_tails)).to_empty(device="meta")
    x = torch.rand(6, *model.config.shape, device="meta")
    loss = model.loss(model.terms(x, None)).mean()
    loss.backward()
    assert all(weights.grad is not None and weights.grad.is_meta for weights in model.parameters())
    for terms in (model.evaluate(x, None), model.score(x)):
        assert all(part.is_meta for part in (terms.distortion, terms.rate, model.loss(terms)))
    assert model(x).is_meta


def test_the_device_refuses_to_be_mixed() -> None:
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2) + torch.zeros(2, device="meta")
