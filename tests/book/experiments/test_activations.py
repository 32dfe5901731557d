import numpy as np
import pytest

import shoal
from shoal.book import Setting
from shoal.book.experiments import activations


def test_layers_are_those_of_a_plain_loop():
    """x ← f(x W), with the same draws scaled by √(1/n)."""
    x = np.random.default_rng(3).standard_normal((1000, 100), np.float32)
    draws = shoal.Network(tuple(shoal.Affine(100) for _ in range(5))).init(3, (100,), 1.0)
    for layer, ours in zip(draws, activations.outputs(shoal.Tanh(), "lecun", 3), strict=True):
        x = np.tanh(x @ layer["W"] / 10)
        assert ours == pytest.approx(x, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "rule", "what", "low", "high"),
    [
        ("sigmoid", "std 1", "ends", 0.55, 0.75),
        ("sigmoid", "std 0.01", "std", 0.0100, 0.0150),
        ("sigmoid", "1/√n", "std", 0.10, 0.145),
        ("relu", "std 0.01", "mean", 6e-7, 1.6e-6),
        ("relu", "1/√n", "std", 0.09, 0.22),
        ("relu", "√(2/n)", "std", 0.55, 1.25),
    ],
)
def test_layer_5_lies_where_two_hundred_draws_do(quick, name, rule, what, low, high):
    values = quick("activations").findings.numbers[name][rule][what][:, -1]
    assert ((low < values) & (values < high)).all()


def test_first_layer_in_closed_form(quick):
    """Before ReLU a sum of 100 products with n σ² = v is normal with variance v."""
    numbers = quick("activations").findings.numbers["relu"]
    spread = np.sqrt((1 - 1 / np.pi) / 2)  # of max(0, normal)
    for rule, v in (("std 1", 100.0), ("std 0.01", 0.01), ("1/√n", 1.0), ("√(2/n)", 2.0)):
        assert numbers[rule]["std"][:, 0] == pytest.approx(spread * np.sqrt(v), rel=0.05)
        assert numbers[rule]["ends"][:, 0] == pytest.approx(0.5, abs=0.03)


def test_relu_scales_with_its_weights(quick):
    """ReLU is homogeneous: σ twice as large makes layer k larger by 2ᵏ."""
    numbers = quick("activations").findings.numbers["relu"]
    ratio = numbers["std 1"]["std"] / numbers["std 0.01"]["std"]
    assert ratio == pytest.approx(np.tile(100.0 ** np.arange(1, 6), (2, 1)), rel=1e-4)


def test_histograms_hold_all_outputs(quick):
    for name, rules in quick("activations").findings.numbers.items():
        for found in rules.values():
            above = 1 - found["ends"].mean(axis=0) if name == "relu" else np.ones(5)
            assert found["histogram"].sum(axis=1) == pytest.approx(above, abs=0.02)


def test_caption_holds_the_numbers(quick):
    findings = quick("activations").findings
    ends = findings.numbers["sigmoid"]["std 1"]["ends"][:, -1].mean()
    assert all(f"{ends:.0%}" in findings.caption[language] for language in ("en", "zh"))


def test_one_seed_says_nothing_about_the_band():
    findings = activations.run(Setting(seeds=1))
    assert {row.agrees for row in findings.published} == {None}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pictures(quick, language):
    pictures = quick("activations").findings.pictures
    assert list(pictures) == ["", "sigmoid", "tanh", "relu"]
    spreads = pictures[""](language)
    assert [ax.get_xlabel() for ax in spreads.axes] == [{"en": "layer", "zh": "层"}[language]] * 3
    for name in ("sigmoid", "tanh", "relu"):
        figure = pictures[name](language)
        assert len(figure.axes) == 20
        assert figure.get_supxlabel()
