"""Model files: what is kept, for how long, and what becomes of files that nobody should open."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from model_cases import IMAGES, STACKS, X, a_model
from safetensors import safe_open
from safetensors.numpy import save as to_bytes

import shoal
from shoal import ShoalError
from shoal.data.columns import read_columns
from shoal.data.preparation import fit_array, fit_table
from shoal.engine.checkpoint import checksum
from shoal.estimators.file import load_model, read_model, save_model
from shoal.estimators.values import read_value, write_value
from shoal.nn import LOSSES, CustomLoss, Equal, Network

FIXTURES = Path(__file__).with_name("fixtures")
ARRAY = fit_array(X)


def same(a, b, x):
    """Whether two models say the same of rows, to the bit."""
    assert type(a) is type(b)
    return np.array_equal(a.predict(x), b.predict(x)) and np.array_equal(
        a.model_.outputs(x) if hasattr(a, "model_") else a.outputs(x),
        b.model_.outputs(x) if hasattr(b, "model_") else b.outputs(x),
    )


# --- what is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_models_come_back_to_the_bit(loss, tmp_path):
    task = LOSSES[loss].tasks[0]
    more = {"temperature": 1.7} if task != "regression" else {}
    if task == "regression":
        more["conformal"] = np.sort(np.abs(np.random.default_rng(0).normal(size=(9, 3))), axis=0)
    model = a_model(shoal.mlp([8]), ARRAY, task, loss=LOSSES[loss](), **more)
    again = load_model(save_model(model, tmp_path / "model.shoal"))
    assert same(model, again, X)
    assert (again.loss, again.network, again.temperature) == (
        model.loss,
        model.network,
        model.temperature,
    )
    if task == "regression":
        assert np.array_equal(again.conformal, model.conformal)
    else:
        assert np.array_equal(again.probabilities(X), model.probabilities(X))


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("stack", STACKS)
def test_networks_of_every_layer_come_back(stack, images, tmp_path):
    model = a_model(Network(STACKS[stack]), fit_array(IMAGES[images]))
    assert same(model, load_model(model.save(tmp_path / "model.shoal")), IMAGES[images])


@pytest.mark.parametrize(
    "classes",
    [
        np.array(["b", "a", "ünï"]),
        np.array(["b", "a", "c"], object),
        np.array([3, 1, 2]),
        np.array([3, 1, 2], np.int8),
        np.array([0.5, 1.5, 2.5]),
        np.array([0.5, 1.5, 2.5], np.float32),
        np.array(["b", 1, 2.5], object),
    ],
)
def test_labels_keep_their_type(classes, tmp_path):
    model = a_model(shoal.mlp([8]), ARRAY, classes=classes)
    again = load_model(model.save(tmp_path / "model.shoal"))
    assert again.classes.dtype == classes.dtype
    assert again.classes.tolist() == classes.tolist()
    assert [type(label) for label in again.classes.tolist()] == [
        type(label) for label in classes.tolist()
    ]


def test_labels_of_booleans(tmp_path):
    model = a_model(shoal.mlp([8]), ARRAY, outputs=2, classes=np.array([False, True]))
    assert load_model(model.save(tmp_path / "model.shoal")).predict(X).dtype == np.bool_


def test_a_table_comes_back(tmp_path):
    table = pd.DataFrame({"a": [1.0, None, 3.0, 2.0], "b": ["x", "y", None, "x"]})
    model = a_model(shoal.mlp([8]), fit_table(table, read_columns(table)))
    again = load_model(model.save(tmp_path / "model.shoal"))
    assert same(model, again, table)
    assert again.preparation.features == model.preparation.features


def house_prices():
    """A table, prices, and whether each is dear."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"size": rng.normal(size=120), "kind": rng.choice(["flat", "house", "hut"], 120)}
    )
    table.loc[::9, "size"] = np.nan
    price = np.where(table["kind"] == "flat", 100.0, 300.0) + rng.normal(size=120)
    return table, price, np.where(price > 200, "dear", "cheap")


TABLE, PRICE, LABELS = house_prices()
FAST = {"epochs": 3, "random_state": 0, "hidden": (8, 4)}
WEIGHTED = {"dear": 2.0, "cheap": 1}
SEVERAL = np.stack([LABELS == "dear", TABLE["kind"] == "hut"], axis=1).astype(int)
ESTIMATORS = {
    "classes": (shoal.ShoalClassifier(members=2, **FAST), TABLE, LABELS),
    "weights": (shoal.ShoalClassifier(class_weight=WEIGHTED, **FAST), TABLE, LABELS),
    "several labels": (shoal.ShoalClassifier(**FAST), TABLE, SEVERAL),
    "numbers": (shoal.ShoalRegressor(valid=0.3, **FAST), TABLE, PRICE),
    "two": (
        shoal.ShoalRegressor(
            hidden=4, epochs=3, optimizer=shoal.SGD(lr=0.01), loss=shoal.Huber(0.5)
        ),
        *(X, X[:, :2]),
    ),
    "images": (
        shoal.ShoalClassifier(network=Network(STACKS["deep"]), epochs=1, init=Equal(0.1)),
        *(IMAGES["colour"], np.arange(9) % 2),
    ),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_come_back_fitted(name, tmp_path):
    model, x, y = ESTIMATORS[name]
    model.fit(x, y)
    again = shoal.load_model(model.save(tmp_path / f"{name}.shoal"))
    assert same(model, again, x)
    assert again.get_params() == model.get_params()
    learnt = {key for key in vars(model) if key.endswith("_")}
    assert learnt == {key for key in vars(again) if key.endswith("_")}
    assert again.recipe_ == model.recipe_
    assert again.n_features_in_ == model.n_features_in_
    assert again.history_.to_frame().equals(model.history_.to_frame())
    if hasattr(model, "classes_"):
        assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
        assert again.classes_.dtype == model.classes_.dtype
    if hasattr(model, "feature_names_in_"):
        assert again.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    twice = shoal.load_model(again.save(tmp_path / "again.shoal"))
    assert same(twice, model, x)


def test_what_functions_were_given_is_said_and_left_out(tmp_path):
    def value(y, t):
        return ((y - t) ** 2).sum(axis=-1)

    def gradient(y, t):
        return 2 * (y - t)

    model = shoal.ShoalRegressor(hidden=4, epochs=2, loss=(value, gradient)).fit(X, X[:, 0])
    path = model.save(tmp_path / "model.shoal")
    with pytest.warns(
        UserWarning, match=r"loss=<function .*value> could not be kept .* its default"
    ):
        again = shoal.load_model(path)
    assert again.loss == shoal.ShoalRegressor().loss
    assert same(model, again, X)
    meant = CustomLoss(value, gradient, meaning=np.tanh)
    core = a_model(shoal.mlp([4]), ARRAY, "regression", loss=meant)
    with pytest.raises(ShoalError, match="by a function what outputs mean"):
        core.save(path)


def test_a_file_says_by_what_it_was_written(tmp_path):
    file = read_model(a_model(shoal.mlp([8]), ARRAY).save(tmp_path / "model.shoal"))
    assert file.versions["shoal"] == shoal.__version__
    assert file.versions["numpy"] == np.__version__
    assert file.estimator is None


def test_what_cannot_be_saved(tmp_path):
    class Mine(shoal.ShoalRegressor):
        pass

    with pytest.raises(ShoalError, match=r"ShoalRegressor\(\) is not fitted; call fit before save"):
        shoal.ShoalRegressor().save(tmp_path / "model.shoal")
    model = Mine(hidden=4, epochs=1).fit(X, X[:, 0])
    with pytest.raises(ShoalError, match="not Mine; save its model_ alone"):
        model.save(tmp_path / "model.shoal")
    with pytest.raises(ShoalError, match=r"cannot write .*: .* is no folder"):
        model.model_.save(model.model_.save(tmp_path / "file") / "model.shoal")


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 0.1, -0.0, float("inf"), "text", "", [], (), [1, (2, [3])], {},
        {"a": 1, 2: (3,), True: None, (1, "x"): [4]}, {"tuple": [1]}, {"array": "x"},
        shoal.mlp([3], dropout=0.5), shoal.Adam(lr=0.1), shoal.Cosine(), shoal.Huber(0.3),
        Equal(2.0),
        shoal.Recipe(shoal.convnet(), shoal.SGD(), loss="auto", weight_decay=1e-4),
    ],
    ids=repr,
)  # fmt: skip
def test_values_come_back_with_their_type(value):
    arrays = {}
    again = read_value(json.loads(json.dumps(write_value(value, "v", arrays))), arrays)
    assert again == value
    assert type(again) is type(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i8", "u2", "?", "U3", "O"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 2)])
def test_arrays_come_back_with_their_type(dtype, shape):
    value = np.zeros(shape, dtype) if dtype not in ("U3", "O") else np.full(shape, "abc", dtype)
    arrays = {}
    again = read_value(json.loads(json.dumps(write_value(value, "v", arrays))), arrays)
    assert again.shape == value.shape
    assert again.dtype.kind == value.dtype.kind
    assert np.array_equal(again, value)


# --- files of earlier versions ------------------------------------------------------------------


def fixture_rows():
    rows = json.loads((FIXTURES / "model-1.json").read_text("utf-8"))
    return pd.DataFrame(rows["table"]), rows


def test_a_file_of_the_first_format_says_what_it_said():
    """Written once, by `make_fixture` below, and never again: later versions must open it."""
    table, said = fixture_rows()
    model = shoal.load_model(FIXTURES / "model-1.shoal")
    assert model.predict(table).tolist() == said["labels"]
    assert np.abs(model.predict_proba(table) - said["probabilities"]).max() < 1e-5
    assert model.classes_.tolist() == ["adelie", "chinstrap", "gentoo"]
    assert type(model).__name__ == "ShoalClassifier"
    assert model.members == 2
    assert model.optimizer == shoal.Adam(lr=0.01)
    assert len(model.history_) == said["epochs"]
    assert read_model(FIXTURES / "model-1.shoal").versions["shoal"] == said["version"]


def make_fixture(folder):
    """How the stored file was made."""
    rng = np.random.default_rng(0)
    kinds = np.array(["adelie", "chinstrap", "gentoo"])
    y = rng.integers(0, 3, 150)
    table = pd.DataFrame(
        {
            "bill": np.round(rng.normal(40 + 4 * y, 2), 1),
            "island": np.array(["biscoe", "dream", "torgersen"])[(y + (rng.random(150) < 0.2)) % 3],
            "tagged": rng.random(150) < 0.5,
        }
    )
    table.loc[::10, "bill"] = np.nan
    table.loc[::13, "island"] = None
    model = shoal.ShoalClassifier(
        hidden=(12,), members=2, epochs=15, optimizer=shoal.Adam(lr=0.01), random_state=0
    ).fit(table, kinds[y])
    model.save(folder / "model-1.shoal")
    some = table.head(12)
    said = {
        "version": shoal.__version__,
        "table": json.loads(some.to_json(orient="columns")),
        "labels": model.predict(some).tolist(),
        "probabilities": model.predict_proba(some).tolist(),
        "epochs": len(model.history_),
    }
    (folder / "model-1.json").write_text(json.dumps(said, indent=1))


# --- files that nobody should open ----------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    return a_model(shoal.mlp([8]), ARRAY, classes=np.array(["a", "b", "c"])).save(
        tmp_path / "model.shoal"
    )


def refused(path, text="shoal"):
    with pytest.raises(ShoalError, match=text) as raised:
        load_model(path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


def test_no_file(tmp_path):
    refused(tmp_path / "nothing.shoal", "does not exist")
    refused(tmp_path, "is no file; give a model file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is no file")


@pytest.mark.parametrize(
    "content", [b"", b"x", b"a,b\n1,2\n" * 99, b"\x80\x04}q\x00.", b"\x00" * 64, b"\xff" * 64]
)
def test_other_files(content, tmp_path):
    path = tmp_path / "other.shoal"
    path.write_bytes(content)
    refused(path, "is no model file of shoal")


def test_tensors_of_somebody_else_and_a_checkpoint(tmp_path):
    from shoal.engine.checkpoint import save

    path = tmp_path / "other.shoal"
    path.write_bytes(to_bytes({"w": np.zeros(3)}))
    refused(path, "is no model file of shoal; give one that save wrote")
    save(path, {"w": np.zeros(3)}, {"members": 3})
    refused(path, "is no model file of shoal; give one that save wrote")


def test_a_truncated_file(written):
    whole = written.read_bytes()
    for length in (*range(0, len(whole), 97), len(whole) - 1):
        written.write_bytes(whole[:length])
        refused(written, "no model file of shoal|damaged|truncated")


def test_every_flipped_bit_is_noticed(written):
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(64), *rng.integers(64, len(whole), 200).tolist()]:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << int(rng.integers(8))
        written.write_bytes(bytes(spoilt))
        if whole[place : place + 1].isspace():  # blanks that pad the header mean nothing
            continue
        refused(written)


def test_a_later_format(written):
    rewrite(written, lambda facts, arrays: facts.update(format=2))
    refused(written, r"is of format 2, written by a later version .* up to 1: install a newer")


def rewrite(path, change):
    """Write a file again with other facts and arrays, and a checksum that is right."""
    with safe_open(path, framework="numpy") as file:
        facts = json.loads(file.metadata()["shoal"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = change(facts, arrays)
    if not isinstance(text, str):
        text = json.dumps(facts)
    labels = {"shoal": text, "crc32": checksum(text, arrays)}
    path.write_bytes(to_bytes(arrays, metadata=labels))


SPOILERS = {
    "no network": lambda f, a: f["model"].pop("network"),
    "a number": lambda f, a: f.update(model=3),
    "a list": lambda f, a: f.update(model=[f["model"]]),
    "other weights": lambda f, a: a.update({"layer.1.W": np.zeros((2, 3, 3), "f")}),
    "no weights": lambda f, a: a.pop("layer.1.W"),
    "float64": lambda f, a: a.update({"layer.1.W": a["layer.1.W"].astype(float)}),
    "temperature": lambda f, a: f["model"].update(temperature=-1),
    "temperature text": lambda f, a: f["model"].update(temperature="warm"),
    "task": lambda f, a: f["model"].update(task="run"),
    "classes": lambda f, a: f["model"].update(classes={"text": [[2], ["a", "b"]]}),
    "classes shape": lambda f, a: f["model"].update(classes={"text": [[10**9], ["a"]]}),
    "unknown value": lambda f, a: f["model"].update(classes={"call": ["os.system"]}),
    "unknown class": lambda f, a: f.update(
        estimator={"class": "Popen", "parameters": {"dict": []}, "learnt": {"dict": []}}
    ),
    "wrong parameter": lambda f, a: f.update(
        estimator={
            "class": "ShoalClassifier",
            "parameters": {"dict": [["command", "rm"]]},
            "learnt": {"dict": []},
        }
    ),
    "attribute": lambda f, a: f.update(
        estimator={
            "class": "ShoalClassifier",
            "parameters": {"dict": []},
            "learnt": {"dict": [["__class__", 1]]},
        }
    ),
    "deep": lambda f, a: (
        '{"what": "shoal model", "format": 1, "x": ' + "[" * 10**5 + "]" * 10**5 + "}"
    ),
    "no facts": lambda f, a: "[]",
    "no JSON": lambda f, a: "import os",
    "huge image": lambda f, a: f["model"]["preparation"].update(shape=[10**6, 10**6, 3]),
    "huge rows": lambda f, a: f["model"]["preparation"].update(shape=[-5]),
    "layer": lambda f, a: f["model"].update(network={"network": {"layers": [{"kind": "Exec"}]}}),
    "loss": lambda f, a: f["model"].update(loss={"loss": "run"}),
    "versions": lambda f, a: f.pop("versions"),
}


@pytest.mark.parametrize("spoil", SPOILERS)
def test_a_file_that_was_forged_is_refused(spoil, written):
    rewrite(written, SPOILERS[spoil])
    refused(written, "is damaged|is no model file")


def test_a_layer_that_would_fill_the_memory_is_refused(tmp_path):
    stack = Network((shoal.Conv2D(1, 1, stride=2**20), shoal.Flatten(), shoal.Affine()))
    path = a_model(stack, fit_array(IMAGES["grey"])).save(tmp_path / "model.shoal")
    load_model(path)

    def pad(facts, arrays):
        layer = facts["model"]["network"]["network"]["layers"][0]
        layer["padding"] = 2**19 - 1  # still one place, so the weights fit

    rewrite(path, pad)
    refused(path, "makes too much of one row")


def test_a_header_that_says_it_is_huge_is_not_read(tmp_path):
    path = tmp_path / "model.shoal"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{" * 100)
    refused(path, "is no model file of shoal, or is truncated")
    with path.open("wb") as file:  # a sparse file, whose header could be as long as it says
        file.write(struct.pack("<Q", 2**30))
        file.truncate(2**30 + 8)
    refused(path, "is no model file of shoal, or is truncated")
