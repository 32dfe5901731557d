"""The core of a model: what outputs mean, for every task, and how fast a row is answered."""

from __future__ import annotations

import pickle
import subprocess
import sys
import timeit
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from model_cases import X, a_model
from scipy.special import expit, logit, softmax

import shoal
from shoal import ShoalError
from shoal.data.preparation import fit_array
from shoal.engine import engines
from shoal.engine.compiled.library import library
from shoal.estimators import model as module
from shoal.estimators.model import model_of, stacked
from shoal.nn import LOSSES, BinaryCrossEntropy, CustomLoss, MeanSquaredError

ARRAY = fit_array(X)


@pytest.mark.parametrize("members", [1, 3])
def test_probabilities_are_means_over_the_members(members):
    model = a_model(shoal.mlp([8]), ARRAY, members=members)
    each = softmax(model.outputs(X).astype(float), axis=-1)
    assert np.allclose(model.each(X), each, atol=1e-12)
    assert np.allclose(model.probabilities(X), each.mean(axis=0), atol=1e-12)
    assert np.array_equal(model.predict(X), each.mean(axis=0).argmax(axis=1))
    assert np.allclose(model.spread(X), each.std(axis=0), atol=1e-12)
    assert np.allclose(np.exp(model.scores(X)), each.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_temperature_is_a_power_and_changes_no_label(temperature):
    plain = a_model(shoal.mlp([8]), ARRAY)
    model = replace(plain, temperature=temperature)
    power = plain.probabilities(X) ** (1 / temperature)
    assert np.allclose(model.probabilities(X), power / power.sum(axis=1, keepdims=True))
    assert np.array_equal(model.predict(X), plain.predict(X))


@pytest.mark.parametrize("members", [1, 3])
def test_several_labels(members):
    how = {"members": members, "temperature": 2.0}
    model = a_model(shoal.mlp([8]), ARRAY, "multilabel", **how)
    p = expit(model.outputs(X).astype(float)).mean(axis=0)
    assert np.allclose(model.scores(X), logit(p), atol=1e-9)
    assert np.allclose(model.probabilities(X), expit(logit(p) / 2), atol=1e-12)
    assert np.array_equal(model.predict(X), (p > 0.5).astype(int))
    assert model.predict(X).shape == (len(X), 3)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("loss", ["mean_squared_error", "poisson", "quantile"])
def test_numbers_are_means_in_their_own_unit(loss, outputs):
    model = a_model(shoal.mlp([8]), ARRAY, "regression", outputs, loss=LOSSES[loss]())
    z = model.outputs(X).astype(float)
    said = 1e5 + 2e3 * (np.exp(z) if loss == "poisson" else z)
    expected = said.mean(axis=0)
    assert np.allclose(model.predict(X), expected[:, 0] if outputs == 1 else expected, rtol=1e-12)
    assert np.allclose(model.spread(X), said.std(axis=0))


def test_scores_lose_nothing_where_a_class_is_nearly_certain():
    model = a_model(shoal.mlp([8]), ARRAY, "multilabel")
    large = [{name: value * 40 for name, value in layer.items()} for layer in model.params]
    sure = replace(model, params=large)
    assert np.abs(sure.scores(X)).max() > 100
    assert np.isfinite(sure.scores(X)).all()
    classes = a_model(shoal.mlp([8]), ARRAY)
    sure = replace(classes, params=large)
    assert np.isfinite(sure.scores(X)).all()
    assert sure.scores(X).min() < -100


def test_a_loss_of_ones_own_says_what_outputs_mean_or_means_what_is_usual():
    def value(y, t):
        return y

    how = {"members": 2, "outputs": 2}
    plain = a_model(shoal.mlp([8]), ARRAY, **how)
    custom = replace(plain, loss=CustomLoss(value, value))
    assert np.array_equal(custom.probabilities(X), plain.probabilities(X))
    meaning = CustomLoss(value, value, lambda z: softmax(2 * z, axis=-1))
    meant = replace(plain, loss=meaning)
    expected = softmax(2 * plain.outputs(X).astype(float), axis=-1).mean(axis=0)
    assert np.allclose(meant.probabilities(X), expected)


def test_few_rows_and_many_go_different_ways_to_the_same_numbers(monkeypatch):
    model = a_model(shoal.mlp([32]), ARRAY, members=3, engine="reference")
    rows = np.tile(X, (60, 1))
    by_hand, _ = model.network.forward(model.params, model.preparation.transform(rows)[None])
    assert np.allclose(model.outputs(rows), by_hand, atol=1e-5)
    monkeypatch.setattr(module, "AT_ONCE", 0)
    assert np.allclose(model.outputs(rows), by_hand, atol=1e-5)
    assert np.allclose(model.outputs(X[:1]), by_hand[:, :1], atol=1e-5)


def test_pieces_of_rows_are_joined(monkeypatch):
    models = [a_model(shoal.mlp([8]), ARRAY, task) for task in ("classification", "regression")]
    whole = [model.predict(X) for model in models]
    spread = [model.spread(X) for model in models]
    each = [model.each(X) for model in models]
    monkeypatch.setattr(module.pieces, "__defaults__", (7,))
    for model, said, wide, of_each in zip(models, whole, spread, each, strict=True):
        assert np.allclose(model.predict(X), said)
        assert np.allclose(model.spread(X), wide, atol=1e-3)
        assert np.allclose(model.each(X), of_each)
    assert [len(piece) for piece in module.pieces(pd.DataFrame(X), 15)] == [15, 15, 10]


def test_no_rows():
    assert a_model(shoal.mlp([8]), ARRAY).predict(X[:0]).shape == (0,)
    assert a_model(shoal.mlp([8]), ARRAY).probabilities(X[:0]).shape == (0, 3)
    assert a_model(shoal.mlp([8]), ARRAY, "regression").predict(X[:0]).shape == (0, 3)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("members", [1, 5])
def test_one_row_costs_less_than_100_microseconds(members, engine):
    model = a_model(shoal.mlp([32]), ARRAY, members=members, engine=engine)
    row = X[:1].astype(float)
    model.predict(row)
    best = min(timeit.repeat(lambda: model.predict(row), number=20, repeat=100)) / 20
    assert best < 100e-6


def test_one_row_touches_no_threads(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr("shoal.engine.networks.one_blas_thread", never)
    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor", never)
    for engine in ("reference", "compiled"):
        assert a_model(shoal.mlp([32]), ARRAY, engine=engine).predict(X[:1]).shape == (1,)


PREDICT = """
import sys, numpy as np, shoal
print(shoal.load_model(sys.argv[1]).predict(np.zeros((1, 6))))
print(*{"pandas", "sklearn", "scipy", "numba"} & set(sys.modules))
"""


@pytest.fixture
def predicts(tmp_path, monkeypatch):
    """Opens a model in a process of its own and predicts; says what that has imported."""
    path = a_model(shoal.mlp([8]), ARRAY).save(tmp_path / "model.shoal")

    def predict(cache=None) -> set[str]:
        if cache is not None:
            monkeypatch.setenv("NUMBA_CACHE_DIR", str(cache))
        command = [sys.executable, "-c", PREDICT, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert not done.stderr
        return set(done.stdout.split("\n")[1].split())

    return predict


def test_prediction_needs_neither_pandas_nor_scikit_learn(predicts):
    assert not {"pandas", "sklearn"} & predicts()


def test_nothing_is_compiled_for_the_sake_of_a_prediction(predicts, tmp_path):
    assert predicts(cache=tmp_path / "empty") == set()
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_both_engines_say_the_same(task, members):
    library()
    model = a_model(shoal.mlp([32], "tanh", batch_norm=True), ARRAY, task, members=members)
    reference, compiled = (replace(model, engine=e) for e in ("reference", "compiled"))
    assert model._answers is not None
    assert compiled._answers is not None
    assert reference._answers is None
    expected = reference.outputs(X)
    np.testing.assert_allclose(compiled.outputs(X), expected, 0, 1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(model.outputs(X), compiled.outputs(X))


@pytest.mark.parametrize("members", [1, 3])
def test_compiled_code_says_of_a_row_alone_what_it_says_among_others(members, monkeypatch):
    library()
    model = a_model(shoal.mlp([32]), ARRAY, members=members)
    whole = model.probabilities(X)
    alone = np.concatenate([model.probabilities(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(alone, whole)
    monkeypatch.setattr(module, "ALONE", 0)
    np.testing.assert_array_equal(model.probabilities(X), whole)


def test_who_answers_is_settled_once(monkeypatch):
    monkeypatch.setattr(engines, "_at_hand", lambda: False)
    model = a_model(shoal.mlp([32]), ARRAY)
    before = model.outputs(X)
    monkeypatch.undo()
    library()
    assert model._answers is None
    np.testing.assert_array_equal(model.outputs(X), before)
    assert a_model(shoal.mlp([32]), ARRAY)._answers is not None


def test_a_model_that_has_answered_can_travel():
    model = a_model(shoal.mlp([32]), ARRAY, engine="compiled")
    said = model.predict(X)
    for other in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        assert other.engine == "compiled"
        np.testing.assert_array_equal(other.predict(X), said)


# --- from a shoal that was trained ------------------------------------------------------------


def test_members_of_a_shoal_become_a_model():
    data = shoal.load("digits")
    recipe = shoal.Recipe(shoal.mlp([16], dropout=0.2), shoal.Adam(lr=0.01))
    trained = shoal.Trainer(recipe, data, epochs=3, seeds=3).run().shoal
    model = model_of(trained, data)
    from sklearn.datasets import load_digits

    raw = load_digits().images[:50]
    assert np.array_equal(model.outputs(raw), trained.outputs(data.prepare(raw)))
    assert np.array_equal(model.predict(raw), trained.ensemble().predict(data.prepare(raw)))
    two = model_of(trained, data, [2, 0])
    assert np.array_equal(two.outputs(raw), model.outputs(raw)[[2, 0]])
    with pytest.raises(ShoalError, match="at least one member"):
        model_of(trained, data, [])


def test_members_of_different_structure_are_no_model():
    data = shoal.load("digits")
    recipes = {str(n): shoal.Recipe(shoal.mlp([n]), shoal.SGD()) for n in (4, 5)}
    trained = shoal.Trainer(recipes, data, steps=1).run().shoal
    with pytest.raises(ShoalError, match="of one structure"):
        model_of(trained, data)
    assert model_of(trained, data, [1]).params[1]["W"].shape == (1, 64, 5)


def test_numbers_of_a_table_come_back_in_their_own_unit():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.choice(["x", "y"], 300)})
    frame["y"] = 1e4 + 100 * frame["a"] + 50 * (frame["b"] == "x")
    data = shoal.Dataset.from_frame(frame, "y")
    recipe = shoal.Recipe(shoal.mlp([16]), shoal.Adam(lr=0.02))
    model = model_of(shoal.Trainer(recipe, data, epochs=60).run().shoal, data)
    assert np.sqrt(np.mean((model.predict(frame) - frame["y"]) ** 2)) < 15


def test_stacked():
    weights = [[{}, {"W": np.full((2, 1), value)}] for value in (1.0, 2.0)]
    assert stacked(weights)[1]["W"].tolist() == [[[1.0], [1.0]], [[2.0], [2.0]]]


# --- what does not fit together -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"task": "clustering"}, "unknown task 'clustering'"),
        ({"temperature": 0.0}, "temperature=0.0 must be a number > 0"),
        (
            {"classes": None},
            "classes of a model for classification must have shape .*, but is None",
        ),
        ({"classes": np.arange(2)}, r"must have shape \(3,\), but is an array of shape \(2,\)"),
        ({"target_mean": np.zeros(3)}, "target_mean of a model for classification must be None"),
        ({"conformal": np.zeros((9, 3))}, "for regression only"),
        ({"params": []}, "params must be float32 arrays of"),
        ({"engine": "fast"}, "unknown engine 'fast'"),
        ({"task": "multilabel"}, "does not fit multilabel"),
    ],
)
def test_refusals(change, text):
    model = a_model(shoal.mlp([8]), ARRAY)
    with pytest.raises(ShoalError, match=text):
        replace(model, **change)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p[1].update(W=p[1]["W"].astype(float)),
        lambda p: p[1].update(W=p[1]["W"][:1]),
        lambda p: p[1].update(W=p[1]["W"][:, :-1]),
        lambda p: p[1].pop("b"),
        lambda p: p[1].update(more=p[1]["b"]),
        lambda p: p.pop(),
    ],
)
def test_weights_must_be_those_of_the_network(spoil):
    model = a_model(shoal.mlp([8]), ARRAY)
    params = [dict(layer) for layer in model.params]
    spoil(params)
    with pytest.raises(ShoalError, match="params must be float32 arrays"):
        replace(model, params=params)


def test_what_a_task_has_not():
    numbers = a_model(shoal.mlp([8]), ARRAY, "regression", loss=MeanSquaredError())
    labels = a_model(shoal.mlp([8]), ARRAY, "multilabel", loss=BinaryCrossEntropy())
    with pytest.raises(ShoalError, match="for regression take predict"):
        numbers.probabilities(X)
    with pytest.raises(ShoalError, match="for labels take probabilities"):
        labels.numbers(X)


def test_a_model_says_what_it_is():
    assert repr(a_model(shoal.mlp([8]), ARRAY, members=1)) == (
        "<Model: classification, 1 member, inputs (6,), 3 classes>"
    )
    assert "2 members, inputs (6,), 1 target>" in repr(
        a_model(shoal.mlp([8]), ARRAY, "regression", 1)
    )
