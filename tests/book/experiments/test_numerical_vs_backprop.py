import numpy as np
import pytest

import shoal
from shoal.book.experiments import numerical_vs_backprop as experiment


def small_case():
    rng = np.random.default_rng(0)
    net = shoal.mlp([4], "sigmoid").bind((5,), 3)
    params = [
        {name: w.astype(np.float64) for name, w in layer.items()} for layer in net.init(0, (5,))
    ]
    return net, params, rng.random((3, 5)), np.array([0, 2, 1])


def test_both_gradients_agree():
    by_backprop = experiment.flat(experiment.backprop(*small_case()))
    by_differences = experiment.flat(experiment.differences(*small_case()))
    for a, b in zip(by_backprop, by_differences, strict=True):
        assert a == pytest.approx(b, abs=1e-8)


def test_backprop_equals_torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # its threads wait by spinning
    net, params, x, y = small_case()
    w1, b1, w2, b2 = (torch.tensor(w, requires_grad=True) for w in experiment.flat(params))
    outputs = torch.sigmoid(torch.tensor(x) @ w1 + b1) @ w2 + b2
    torch.nn.functional.cross_entropy(outputs, torch.tensor(y)).backward()
    ours = experiment.flat(experiment.backprop(net, params, x, y))
    for a, theirs in zip(ours, (w1, b1, w2, b2), strict=True):
        assert a == pytest.approx(theirs.grad.numpy(), abs=1e-14)


def test_differences_make_two_forward_passes_for_every_number(monkeypatch):
    net, params, x, y = small_case()
    calls = []
    forward = shoal.Network.forward
    monkeypatch.setattr(
        shoal.Network, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k)
    )
    experiment.differences(net, params, x, y)
    assert len(calls) == 2 * (5 * 4 + 4 + 4 * 3 + 3)


def test_findings(quick):
    numbers = quick("numerical-vs-backprop").findings.numbers
    assert numbers["network"] == [64, 5, 10]
    assert numbers["parameters"] == 64 * 5 + 5 + 5 * 10 + 10
    assert numbers["mean"].shape == (2, 4)
    assert max(numbers["mean_of_all"]) < 1e-9
    assert (numbers["most"] < 1e-6 * numbers["gradient"]).all()
    assert min(numbers["ratio"]) > 10


def test_caption_holds_the_numbers(quick):
    findings = quick("numerical-vs-backprop").findings
    for language in ("en", "zh"):
        assert "64-5-10" in findings.caption[language]
        assert f"{np.mean(findings.numbers['ratio']):,.0f}" in findings.caption[language]


def test_speed_is_not_held_against_the_book_in_a_quick_run(quick):
    difference, speed = quick("numerical-vs-backprop").findings.published
    assert (difference.agrees, speed.agrees) == (True, None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    times, differences = quick("numerical-vs-backprop").findings.pictures[""](language).axes
    assert times.get_xlabel()
    assert [t.get_text() for t in differences.get_xticklabels()] == ["W1", "b1", "W2", "b2"]
    assert differences.get_yscale() == "log"
