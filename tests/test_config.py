"""The configuration: JSON both ways without loss, and nothing else is read."""

import contextlib
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diabolo.config.bottlenecks import PlainConfig, VariationalConfig
from diabolo.config.corruption import CleanConfig, GaussianNoiseConfig, MaskingConfig
from diabolo.config.json import KINDS, from_json, to_json
from diabolo.config.likelihoods import BernoulliConfig, GaussianConfig
from diabolo.config.model import ModelConfig
from diabolo.config.networks import ConvolutionalConfig, DenseConfig, ResidualConfig
from diabolo.config.recipe import Recipe
from diabolo.errors import ArgumentError, FormatError
from diabolo.training.history import Record

counts = st.integers(1, 2**31 - 1)
sizes = st.lists(counts, max_size=6).map(tuple)
networks = st.builds(DenseConfig, widths=sizes, code=st.sampled_from(["relu", "linear"])) | st.builds(
    ConvolutionalConfig, channels=st.lists(counts, min_size=1, max_size=6).map(tuple), dense=st.booleans()
)
networks |= st.builds(ResidualConfig, channels=st.lists(counts, min_size=1, max_size=6).map(tuple))
corruptions = (
    st.just(CleanConfig())
    | st.builds(GaussianNoiseConfig, sigma=st.floats(0, 1e6))
    | st.builds(MaskingConfig, fraction=st.floats(0, 1))
)
models = st.builds(
    ModelConfig,
    preset=st.text(),
    shape=st.lists(counts, min_size=1, max_size=3).map(tuple),
    latent=counts,
    network=networks,
    bottleneck=st.sampled_from([PlainConfig(), VariationalConfig(), VariationalConfig(couplings=3)]),
    likelihood=st.sampled_from([BernoulliConfig(), GaussianConfig()]),
    corruption=corruptions,
    beta=st.floats(0, 1e6),
)
recipes = st.builds(
    Recipe,
    epochs=counts,
    batch_size=counts,
    learning_rate=st.floats(1e-12, 1e3),
    optimizer=st.sampled_from(["muon", "adam"]),
    schedule=st.sampled_from(["linear", "constant"]),
    clip=st.floats(0, 1e12),
    patience=counts,
    validation=st.floats(0, 0.9),
    informed_start=st.booleans(),
)
number = st.floats(allow_nan=False)
records = st.builds(Record, counts, number, number, number, number, number, number, st.booleans())
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MODEL = ModelConfig("dense", (8, 8), 4, DenseConfig((16,)))
RECIPE = Recipe(5, 32, 0.01)


@settings(max_examples=60)
@given(models | recipes | networks | corruptions | records)
def test_json_and_back_is_the_same(config: Any) -> None:
    assert from_json(type(config), json.loads(json.dumps(to_json(config)))) == config


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(set(KINDS.values())) == len(KINDS)


def paths(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in plain JSON."""
    inside = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [path, *(deeper for key, value in inside for deeper in paths(value, (*path, key)))]


def changed(plain: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of plain JSON with `value` in the place of what is at `path`."""
    if not path:
        return value
    copy = json.loads(json.dumps(plain))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


@pytest.mark.parametrize("config", [MODEL, RECIPE, MODEL.network, MODEL.bottleneck, MaskingConfig(0.1)])
def test_unknown_keys_are_refused_at_every_depth(config: Any) -> None:
    plain = to_json(config)
    for path in paths(plain):
        inner: Any = plain
        for key in path:
            inner = inner[key]
        if isinstance(inner, dict):
            with pytest.raises(FormatError, match="unknown keys"):
                from_json(type(config), changed(plain, path, {**inner, "newer": 1}))


@pytest.mark.parametrize("config", [MODEL, RECIPE])
def test_required_keys_are_missed(config: Any) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        from_json(type(config), {})


WRONG: tuple[Any, ...] = (None, "text", 1.5, True, [], {}, [None], {"kind": "nothing"}, {"kind": ["dense"]}, -1, 10**30)


@pytest.mark.parametrize("config", [MODEL, RECIPE, ConvolutionalConfig(), GaussianNoiseConfig(0.5)])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_value_of_another_type_is_refused_or_kept(config: Any, wrong: Any) -> None:
    for field in fields(config):
        plain = changed(to_json(config), (field.name,), wrong)
        try:
            read = from_json(type(config), plain)
        except FormatError:
            continue
        assert to_json(read) == plain
        assert type(getattr(read, field.name)) is type(getattr(config, field.name))


@pytest.mark.parametrize("plain", [None, 1, "dense", [], [["kind", "dense"]]])
def test_what_is_no_object_is_refused(plain: Any) -> None:
    with pytest.raises(FormatError, match="must be a JSON object"):
        from_json(ModelConfig, plain)


def test_a_kind_of_another_choice_is_refused() -> None:
    for name, kind in (("network", "gaussian"), ("bottleneck", "dense"), ("likelihood", "plain"), ("corruption", "")):
        with pytest.raises(FormatError, match=f"{name} must be one of"):
            from_json(ModelConfig, changed(to_json(MODEL), (name, "kind"), kind))


def test_a_configuration_of_another_kind_is_refused() -> None:
    with pytest.raises(FormatError):
        from_json(DenseConfig, to_json(PlainConfig()))


@settings(max_examples=100)
@given(st.data(), plain_json)
def test_changed_json_is_refused_or_read_with_no_other_error(data: Any, value: Any) -> None:
    config = data.draw(st.sampled_from([MODEL, RECIPE]))
    plain = to_json(config)
    with_change = changed(plain, data.draw(st.sampled_from(paths(plain))), value)
    with contextlib.suppress(FormatError):
        assert from_json(type(config), with_change) is not None


@pytest.mark.parametrize("path", [("beta",), ("latent",), ("shape", 0)])
def test_a_number_too_large_for_a_float_is_refused(path: tuple[Any, ...]) -> None:
    with pytest.raises(FormatError):
        from_json(ModelConfig, changed(to_json(MODEL), path, 10**400))


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (MODEL, {"shape": ()}),
        (MODEL, {"shape": (1, 2, 3, 4)}),
        (MODEL, {"shape": (0, 3)}),
        (MODEL, {"shape": (2**31, 3)}),
        (MODEL, {"latent": 0}),
        (MODEL, {"latent": -3}),
        (MODEL, {"beta": -0.1}),
        (MODEL, {"beta": float("nan")}),
        (MODEL, {"beta": float("inf")}),
        (MODEL, {"latent": True}),
        (MODEL, {"latent": 2.0}),
        (VariationalConfig(), {"couplings": 1.5}),
        (VariationalConfig(), {"couplings": True}),
        (VariationalConfig(), {"couplings": 65}),
        (DenseConfig(), {"widths": (0,)}),
        (DenseConfig(), {"widths": (4,) * 65}),
        (DenseConfig(), {"code": "swish"}),
        (ConvolutionalConfig(), {"channels": ()}),
        (ConvolutionalConfig(), {"channels": (8, 0)}),
        (GaussianNoiseConfig(0), {"sigma": -1}),
        (GaussianNoiseConfig(0), {"sigma": float("nan")}),
        (MaskingConfig(0), {"fraction": 1.01}),
        (MaskingConfig(0), {"fraction": -0.01}),
        (RECIPE, {"epochs": 0}),
        (RECIPE, {"batch_size": 0}),
        (RECIPE, {"patience": 0}),
        (RECIPE, {"learning_rate": 0}),
        (RECIPE, {"learning_rate": float("nan")}),
        (RECIPE, {"optimizer": "sgd"}),
        (RECIPE, {"schedule": "cosine"}),
        (RECIPE, {"clip": -1}),
        (RECIPE, {"validation": 0.95}),
        (RECIPE, {"validation": -0.1}),
    ],
)
def test_out_of_range_is_refused_with_the_name_and_the_value(base: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError) as caught:
        replace(base, **changes)
    assert "must" in str(caught.value) or "may" in str(caught.value)
    with pytest.raises(FormatError):
        from_json(type(base), {**to_json(base), **{key: as_json(value) for key, value in changes.items()}})


def as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
