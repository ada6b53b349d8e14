"""What is shown of a latent that was chosen, and facts of a model file that are damaged."""

import copy
from typing import Any

import pytest

from diabolo.app.output.latent_curve import curve_figure, curve_text
from diabolo.errors import FormatError
from diabolo.jobs.evaluate.choose_latent import Choice, Point, choice_of

CURVE = tuple(Point(latent, 10.0 + latent, latent / 2) for latent in range(1, 21))
KNEE = Choice(7, None, CURVE)
REACHED = Choice(5, 15.0, CURVE, (Point(5, 15.5, 2.0), Point(4, 14.5, 1.5)))
MISSED = Choice(20, 99.0, CURVE, (Point(20, 31.0, 9.0),))


@pytest.mark.parametrize(
    ("choice", "words"),
    [(KNEE, "the knee"), (REACHED, "the fewest tried that reach 15 dB"), (MISSED, "none reaches 99 dB")],
)
def test_the_choice_and_its_reason_are_shown(choice: Choice, words: str) -> None:
    assert choice_of(choice.facts) == choice
    (line,) = [line for line in curve_text(choice.facts).splitlines() if "<-" in line]
    assert line.split()[:3] == [str(choice.latent), f"{10 + choice.latent}.00", f"{choice.latent / 2:.1f}"]
    assert words in line
    page = curve_figure(choice)
    assert words in page
    assert page.count("<svg") == 2, "against K and against bytes"
    assert ("Squares" in page) == bool(choice.trials)


def test_codes_of_real_numbers_have_no_curve_against_bytes() -> None:
    assert curve_figure(Choice(7, None, tuple(Point(p.latent, p.psnr, None) for p in CURVE))).count("<svg") == 1


def test_a_latent_that_was_given_shows_nothing() -> None:
    assert curve_text({}) == ""
    assert choice_of({}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"latent_curve": []},
        {"latent_curve": "x"},
        {"latent_curve": [{"latent": 1}]},
        {"latent_choice": {"latent": 99, "quality": None, "trials": []}},
        {"latent_choice": {"latent": 7, "quality": "high", "trials": []}},
        {"latent_choice": 7},
        {"latent_curve": [{"latent": 7, "psnr": float("nan"), "bytes": None}]},
    ],
)
def test_damaged_facts_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="train the model anew"):
        curve_text(copy.deepcopy(KNEE.facts) | change)
