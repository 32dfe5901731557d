"""ONNX: what onnxruntime says is what the model says, for every layer, task and kind of input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from model_cases import END, IMAGES, STACKS, X, a_model

import shoal
from shoal import ShoalError
from shoal.data.columns import read_columns
from shoal.data.preparation import ArrayPreparation, fit_array, fit_table
from shoal.data.scaling import Pixels
from shoal.nn import LOSSES, CustomLoss, Network
from shoal.nn.network import Layer

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

rng = np.random.default_rng(0)


def run(proto, feed):
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feed), strict=True))


def check(model, x, feed=None):
    said = run(model.to_onnx(), {"X": np.asarray(x, np.float32)} if feed is None else feed)
    if model.task == "regression":
        expected = model.numbers(x)
        scale = np.abs(model.target_scale)
        assert np.abs((said["prediction"] - expected) / scale).max() < 1e-5
        assert expected.std() > 0
        return
    expected = model.probabilities(x)
    assert np.abs(said["probabilities"] - expected).max() < 1e-5
    # where two classes are as good as equal, either is right
    sure = np.ones(len(expected), bool)
    if model.task == "classification":
        ordered = np.sort(expected, axis=1)
        sure = ordered[:, -1] - ordered[:, -2] > 1e-4
    assert np.array_equal(said["label"][sure], model.predict(x)[sure])
    assert expected.std() > 0.01


@pytest.mark.parametrize("members", [1, 4])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh", "gelu"])
def test_multilayer_perceptrons_with_batch_norm_and_dropout(activation, members):
    network = shoal.mlp([20, 10], activation, batch_norm=True, dropout=0.3)
    check(a_model(network, fit_array(X), members=members), X)


NEW = {
    "odd": (shoal.Conv2D(4, 4, padding="same"), *END),
    "norm first": (
        *(shoal.BatchNorm(), shoal.Tanh(), shoal.Conv2D(4, 3), shoal.GELU()),
        *END,
    ),
}


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("stack", [*STACKS, *NEW])
def test_convolutional_networks(stack, images):
    x = IMAGES[images]
    check(a_model(Network((STACKS | NEW)[stack]), fit_array(x)), x)


@pytest.mark.parametrize(
    "stack", [(shoal.MaxPool2D(2), *END), (shoal.AvgPool2D(2), shoal.Conv2D(3, 2), *END)]
)
def test_pooling_of_colour_images_at_once(stack):
    check(a_model(Network(stack), fit_array(IMAGES["colour"])), IMAGES["colour"])


@pytest.mark.parametrize("columns", [None, 4, 0])
def test_embeddings_of_numbers(columns):
    embedding = shoal.PeriodicEmbedding(columns, frequencies=5, size=2)
    check(a_model(Network((shoal.Flatten(), embedding, *END)), fit_array(X)), X)


def test_every_layer_there_is_has_its_form():
    from shoal.engine.recipe import LAYERS
    from shoal.estimators.onnx import _LAYERS

    assert set(LAYERS.values()) == set(_LAYERS)


def test_bytes_are_divided_by_255_and_other_scales_kept():
    x = rng.integers(0, 256, (9, 8, 8), dtype=np.uint8)
    check(a_model(Network(STACKS["conv"]), fit_array(x)), x)
    check(a_model(shoal.mlp([9]), ArrayPreparation((8, 8), Pixels(16))), x % 17)


@pytest.mark.parametrize("scale", ["standard", "robust"])
def test_gaps_flags_and_scalings(scale):
    gappy = np.where(rng.random(X.shape) < 0.2, np.nan, X * [1, 10, 1e3, 1e-3, 5, 1] + 3)
    gappy = gappy.astype(np.float32)
    preparation = fit_array(gappy, scale=scale, missing="flag")
    assert preparation.flags
    check(a_model(shoal.mlp([20]), preparation), gappy)


TABLE = pd.DataFrame(
    {
        "size": np.where(rng.random(200) < 0.2, np.nan, rng.normal(50, 10, 200)).astype("f"),
        "colour": pd.Series(rng.choice(["red", "green", "blue"], 200)).where(rng.random(200) > 0.2),
        "new": rng.random(200) > 0.5,
        "deck": pd.Categorical(rng.integers(1, 4, 200)),
        "town": [f"town {i}" for i in (rng.pareto(1, 200) * 20).astype(int).clip(0, 150)],
        "rooms": rng.integers(1, 9, 200),
    }
)


def feed_of(table, columns):
    """As the module says: numbers, and texts with "" for missing ones."""
    return {
        c.name: (
            table[[c.name]].to_numpy(np.float32)
            if c.kind == "number"
            else np.array([["" if v is None or v != v else str(v)] for v in table[c.name]], object)
        )
        for c in columns
    }


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_tables(scaling):
    columns = read_columns(TABLE)
    preparation = fit_table(TABLE, columns, scaling=scaling)
    model = a_model(shoal.mlp([20]), preparation)
    new = TABLE.head(50).assign(colour=[*TABLE["colour"][:48], "violet", None], deck=[1, 2] * 25)
    new["town"] = [*TABLE["town"][:49], "Atlantis"]
    check(model, new, feed_of(new, columns))
    real = feed_of(new, columns) | {"deck": np.array([["1.0"], ["2.0"]] * 25, object)}
    assert np.allclose(
        run(model.to_onnx(), real)["probabilities"], model.probabilities(new), atol=1e-5
    )


def test_a_table_of_levels_only():
    table = TABLE[["colour", "new"]]
    columns = read_columns(table)
    check(a_model(shoal.mlp([20]), fit_table(table, columns)), table, feed_of(table, columns))


def test_a_column_may_not_have_the_name_of_an_output():
    table = TABLE[["size"]].rename(columns={"size": "label"})
    model = a_model(shoal.mlp([4]), fit_table(table, read_columns(table)))
    with pytest.raises(ShoalError, match="column 'label' has the name of an output"):
        model.to_onnx()


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_temperatures(task, temperature, members):
    model = a_model(shoal.mlp([20]), fit_array(X), task, members=members, temperature=temperature)
    check(model, X)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", [name for name, k in LOSSES.items() if "regression" in k.tasks])
def test_regression(loss, outputs, members):
    how = {"outputs": outputs, "members": members, "loss": LOSSES[loss]()}
    check(a_model(shoal.mlp([20]), fit_array(X), "regression", **how), X)


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["cat", "dog", "ünï"]),
        np.array(["cat", "dog", "emu"], object),
        np.array([10, 20, 30], np.int32),
        np.array([0.5, 1.5, 2.5]),
    ],
)
def test_labels_come_back_as_they_were(classes):
    model = a_model(shoal.mlp([20]), fit_array(X), classes=classes)
    said = run(model.to_onnx(), {"X": X})["label"]
    assert said.tolist() == model.predict(X).tolist()


def test_labels_of_two_booleans():
    model = a_model(shoal.mlp([20]), fit_array(X), outputs=2, classes=np.array([False, True]))
    said = run(model.to_onnx(), {"X": X})["label"]
    assert said.dtype == np.bool_
    assert np.array_equal(said, model.predict(X))


def test_estimators_and_the_file(tmp_path):
    y = np.where(X[:, 0] > 0, "up", "down")
    model = shoal.ShoalClassifier(hidden=8, epochs=20, members=3, random_state=0).fit(X, y)
    proto = model.to_onnx(tmp_path / "model.onnx")
    assert onnx.load(tmp_path / "model.onnx") == proto
    said = run(proto, {"X": X})
    assert np.abs(said["probabilities"] - model.predict_proba(X)).max() < 1e-5
    assert np.array_equal(said["label"], model.predict(X))


def test_one_row_and_none():
    model = a_model(shoal.mlp([20]), fit_array(X))
    for rows in (1, 0):
        assert run(model.to_onnx(), {"X": X[:rows]})["probabilities"].shape == (rows, 3)


class Odd(Layer):
    pass


def test_refusals(tmp_path):
    with pytest.raises(ShoalError, match="is not fitted; call fit before to_onnx"):
        shoal.ShoalRegressor().to_onnx()
    odd = a_model(Network((Odd(), shoal.Affine())), fit_array(X))
    with pytest.raises(ShoalError, match="Odd has no form in ONNX; known are Affine, AvgPool2D"):
        odd.to_onnx()
    loss = CustomLoss(lambda y, t: y, lambda y, t: y, meaning=np.tanh)
    with pytest.raises(ShoalError, match="by a function what outputs mean"):
        a_model(shoal.mlp([2]), fit_array(X), "regression", loss=loss).to_onnx()
    (tmp_path / "file").write_text("")
    model = a_model(shoal.mlp([2]), fit_array(X))
    with pytest.raises(ShoalError, match="cannot write"):
        model.to_onnx(tmp_path / "file" / "model.onnx")


def test_what_is_needed_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ShoalError, match=r"pip install 'shoal\[onnx\]'"):
        a_model(shoal.mlp([2]), fit_array(X)).to_onnx()
