import numpy as np
import pytest

import shoal
from shoal.book.experiments import optimizer_paths as experiment


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("SGD", (-0.350, 0.085)),
        ("Momentum", (0.896, 0.088)),
        ("AdaGrad", (-0.120, 0.0)),
        ("Adam", (0.136, 0.318)),
    ],
)
def test_published_ends(quick, name, end):
    assert quick("optimizer-paths").findings.numbers[name]["end"] == pytest.approx(end, abs=6e-4)


def test_sgd_in_closed_form(quick):
    """x shrinks by 1 - 0.95/10 each time, y by 1 - 2 · 0.95."""
    path = quick("optimizer-paths").findings.numbers["SGD"]["path"]
    times = np.arange(31)
    assert path[:, 0] == pytest.approx(-7 * 0.905**times)
    assert path[:, 1] == pytest.approx(2 * (-0.9) ** times)


@pytest.mark.parametrize("name", ["Momentum", "Nesterov", "Adam", "RMSprop", "AdaGrad"])
def test_paths_equal_torch(quick, name):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # its threads wait by spinning
    rule = experiment.RULES[name]
    at = torch.tensor(experiment.START, dtype=torch.float64, requires_grad=True)
    theirs = {
        "Momentum": lambda: torch.optim.SGD([at], rule.lr, momentum=0.9),
        "Nesterov": lambda: torch.optim.SGD([at], rule.lr, momentum=0.9, nesterov=True),
        "Adam": lambda: torch.optim.Adam([at], rule.lr),
        "RMSprop": lambda: torch.optim.RMSprop([at], rule.lr),
        "AdaGrad": lambda: torch.optim.Adagrad([at], rule.lr),
    }[name]()
    path = [at.detach().numpy().copy()]
    for _ in range(30):
        theirs.zero_grad()
        (at[0] ** 2 / 20 + at[1] ** 2).backward()
        theirs.step()
        path.append(at.detach().numpy().copy())
    ours = quick("optimizer-paths").findings.numbers[name]["path"]
    assert ours == pytest.approx(np.array(path), abs=1e-9)


def test_many_rates_at_once_give_what_each_gives_alone():
    rates = np.array([[0.01], [0.1], [0.5]])
    together = experiment.walk(shoal.Adam(), rates)
    for k, lr in enumerate(rates[:, 0]):
        assert together[:, k] == pytest.approx(experiment.walk(shoal.Adam(), lr)[:, 0], abs=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov"])
def test_turning_the_valley_changes_nothing_for_rules_without_scaling(quick, name):
    rule = experiment.RULES[name]
    turned = experiment.walk(rule, rule.lr, degrees=45)
    assert turned == pytest.approx(experiment.walk(rule, rule.lr), abs=1e-12)


def test_turning_the_valley_costs_adagrad_its_lead(quick):
    numbers = quick("optimizer-paths").findings.numbers
    assert numbers["AdaGrad"]["tuned_f_turned"] > 1e3 * numbers["AdaGrad"]["tuned_f"]


def test_tuned_is_no_worse_than_its_neighbours(quick):
    for name, rule in experiment.RULES.items():
        found = quick("optimizer-paths").findings.numbers[name]
        for factor in (0.5, 1, 2):
            lr = experiment.RATES[np.abs(experiment.RATES - factor * found["tuned_lr"]).argmin()]
            assert found["tuned_f"] <= experiment.f(experiment.walk(rule, lr)[-1, 0]) * (1 + 1e-9)


def test_caption_names_the_lowest_and_the_highest(quick):
    findings = quick("optimizer-paths").findings
    by_f = sorted(findings.numbers, key=lambda name: findings.numbers[name]["f"])
    for language in ("en", "zh"):
        text = findings.caption[language]
        assert text.index(by_f[0]) < text.index(by_f[-1])
        assert f"{findings.numbers[by_f[0]]['f']:.1e}" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    axes = quick("optimizer-paths").findings.pictures[""](language).axes
    assert [ax.get_title(loc="left") for ax in axes] == list(experiment.RULES)
    assert axes[-1].get_xlabel() == "x"
    assert axes[0].get_ylabel() == "y"
