"""The data set itself: parts that fit, samples, labels, fingerprint."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from shoal import ShoalError
from shoal.data import Dataset, Part, load

X = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
Y = np.array(["red", "green", "blue"])[np.arange(60) % 3]


@pytest.fixture(scope="module")
def data():
    return Dataset.from_arrays(X, Y, scale="none")


def part(n: int = 4, y: object = (0, 1, 0, 1), shape: tuple[int, ...] = (3,)) -> Part:
    return Part(np.zeros((n, *shape), np.float32), np.array(y)[:n])


def test_labels_are_given_back(data):
    assert data.classes == ("blue", "green", "red")
    assert data.labels([[2, 0], [1, 1]]).tolist() == [["red", "blue"], ["green", "green"]]
    known = {x.tobytes(): y for x, y in zip(X, Y, strict=True)}
    for p in (data.train, data.valid, data.test):
        assert data.labels(p.y).tolist() == [known[x.tobytes()] for x in p.x]


@pytest.mark.parametrize("indices", [[3], [-1], [0.5]])
def test_labels_of_impossible_indices(data, indices):
    with pytest.raises(ShoalError, match=r"indices.* must be (a class index from 0 to 2|class)"):
        data.labels(indices)


def test_labels_and_values_are_for_their_own_task(data):
    with pytest.raises(ShoalError, match="is for classification; use labels"):
        data.values([[0.5]])
    with pytest.raises(ShoalError, match="is for regression and has no labels"):
        Dataset.from_arrays(X, X[:, 0]).labels([0])


def test_prepare_repeats_what_was_done_to_the_training_part():
    scaled = Dataset.from_arrays(X, Y, valid=0, test=0)
    assert np.array_equal(scaled.prepare(X), scaled.train.x)
    with pytest.raises(ShoalError, match=r"rows of shape \(3,\), but has \(2,\)"):
        scaled.prepare(X[:, :2])
    with pytest.raises(ShoalError, match=r"x\[0, 0\]=nan must be finite"):
        scaled.prepare([[np.nan, 0, 0]])


def test_the_fingerprint_is_of_the_content(data):
    same = Dataset.from_arrays(X, Y, scale="none", name="another name")
    assert same.fingerprint == data.fingerprint
    assert len(data.fingerprint) == 64
    changed = X.copy()
    changed[0, 0] += 1
    others = [
        Dataset.from_arrays(changed, Y, scale="none"),
        Dataset.from_arrays(X, np.char.upper(Y), scale="none"),
        Dataset.from_arrays(X, Y, scale="none", seed=1),
        Dataset.from_arrays(X, Y, scale="none", valid=0),
        Dataset.from_arrays(X.reshape(60, 1, 3), Y),
    ]
    assert len({o.fingerprint for o in [data, *others]}) == 6


def test_a_sample_keeps_the_other_parts_and_the_scaling(data):
    few = data.take(12, seed=4)
    assert len(few.train) == 12
    assert np.bincount(few.train.y).tolist() == [4, 4, 4]
    assert few.test is data.test
    assert np.array_equal(few.train.x[:6], data.take(6, seed=4).train.x)
    assert not np.array_equal(few.train.x, data.take(12, seed=5).train.x)
    assert few.fingerprint != data.fingerprint
    assert ("training rows", "12 of 36 training rows (take, seed 4)") in few.notes
    with pytest.raises(ShoalError, match="n=37 must be a whole number >= 1 and <= 36"):
        data.take(37)


def test_a_validation_part_is_carved_once(data):
    whole = Dataset.from_arrays(X, Y, valid=0)
    carved = whole.with_valid(12)
    assert [len(p) for p in (carved.train, carved.valid, carved.test)] == [36, 12, 12]
    rows = np.concatenate([carved.train.x, carved.valid.x])
    assert np.array_equal(np.sort(rows, axis=0), np.sort(whole.train.x, axis=0))
    with pytest.raises(ShoalError, match="has a validation part of 12 rows already"):
        data.with_valid(3)


def test_a_regression_can_be_sampled_and_carved():
    data = Dataset.from_arrays(X, X[:, 0], valid=0).take(20).with_valid(0.25)
    assert [len(p) for p in (data.train, data.valid)] == [15, 5]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"train": part(y=(0, 1, 2, 1))}, r"train.y\[2\]=2 must be a class index from 0 to 1"),
        ({"test": part(y=(0, -1, 0, 1))}, r"test.y\[1\]=-1 must be a class index"),
        ({"train": part(y=(0.5, 1, 2, 1))}, "train.y must be class indices"),
        ({"train": part(0)}, "must have rows to train on"),
        ({"valid": part(shape=(2,))}, r"the valid part must have inputs \(3,\) .* has \(2,\)"),
        ({"classes": None}, "classes=None must be given for labels, and only for them"),
        ({"task": "ranking"}, "unknown task 'ranking'"),
        ({"task": "regression"}, "must be given for labels, and only for them"),
        ({"task": "regression", "classes": None}, r"\(4,\) must be \(rows, targets\) for regress"),
        ({"task": "multilabel"}, r"\(4,\) must be \(rows, labels\) for multilabel"),
    ],
)
def test_parts_that_do_not_belong_together(changes, text):
    fields = {
        "name": "mine", "source": "here", "task": "classification", "train": part(),
        "valid": part(0), "test": part(), "classes": ("a", "b"),
    } | changes  # fmt: skip
    with pytest.raises(ShoalError, match=text):
        Dataset(**fields)


# Several labels a row


def labels_of(y: object) -> Part:
    y = np.array(y, np.float32)
    return Part(np.arange(3 * len(y), dtype=np.float32).reshape(-1, 3), y)


def multilabel(**changes: object) -> Dataset:
    fields = {
        "name": "tags", "source": "here", "task": "multilabel", "classes": ("sea", "sky"),
        "train": labels_of([[0, 1], [1, 1], [0, 0], [1, 1]]), "valid": labels_of([[0, 1]]),
        "test": labels_of([[1, 0]]), "target": "tags",
    } | changes  # fmt: skip
    return Dataset(**fields)


def test_a_row_may_have_several_labels():
    data = multilabel()
    assert data.outputs == 2
    assert repr(data) == "<Dataset tags: multilabel, 4 + 1 + 1 rows, inputs (3,), 2 labels>"
    told = data.describe()
    facts = dict(told.facts)
    assert facts["target"] == "tags, 2 labels"
    assert facts["balance"] == "1.25 labels hold in a row on average (training)"
    assert told.class_table()[1:] == [("sea", "2", "0", "1"), ("sky", "3", "1", "0")]
    assert len(data.take(2).train) == 2
    carved = multilabel(valid=labels_of(np.zeros((0, 2)))).with_valid(1)
    assert (len(carved.train), len(carved.valid)) == (3, 1)
    with pytest.raises(ShoalError, match="is for multilabel"):
        data.values([[0.5, 0.5]])


def test_the_columns_of_labels_are_checked():
    with pytest.raises(ShoalError, match="has 2 columns, but there are 3 classes"):
        multilabel(classes=("a", "b", "c"))
    with pytest.raises(ShoalError, match=r"test.y must be 0 \(does not hold\) or 1"):
        multilabel(test=labels_of([[0.5, 1]]))
    with pytest.raises(ShoalError, match=r"train.y must be 0 \(does not hold\) or 1"):
        multilabel(train=labels_of([[np.nan, 1]]))


# Weights of rows


def weighted(weights: object, n: int = 4) -> Part:
    return Part(np.arange(3 * n, dtype=np.float32).reshape(n, 3), np.arange(n) % 2, weights)


def two_classes(train: Part, **changes: object) -> Dataset:
    fields = {
        "name": "mine", "source": "here", "task": "classification", "train": train,
        "valid": part(0), "test": part(), "classes": ("a", "b"),
    } | changes  # fmt: skip
    return Dataset(**fields)


def test_rows_of_a_part_keep_their_weights():
    some = weighted([1.0, 2.0, 0.0, 5.0]).rows(np.array([3, 1]))
    assert some.weights.tolist() == [5, 2]
    assert some.weights.dtype == np.float32
    assert not some.weights.flags.writeable
    assert weighted(None).rows(slice(2)).weights is None


def test_weights_of_the_training_part_get_a_mean_of_1_and_those_of_others_stay():
    data = two_classes(weighted([1.0, 2.0, 0.0, 5.0]), test=weighted([0, 8, 1, 1]))
    assert data.train.weights.tolist() == [0.5, 1, 0, 2.5]
    assert data.test.weights.tolist() == [0, 8, 1, 1]


def test_weights_of_what_is_taken_have_a_mean_of_1_again():
    weights = np.random.default_rng(0).uniform(0.1, 7, 30).astype(np.float32)
    data = two_classes(weighted(weights, 30))
    for changed in (data, data.take(11), data.with_valid(9), data.with_valid(9).take(5)):
        assert changed.train.weights.mean(dtype=float) == pytest.approx(1, abs=1e-6)
    carved = data.with_valid(9)
    ids = carved.train.x[:, 0].astype(int) // 3
    ratio = carved.train.weights / weights[ids]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    ids = carved.valid.x[:, 0].astype(int) // 3
    ratio = carved.valid.weights / weights[ids]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_only_weights_change_the_fingerprint_of_equal_rows():
    plain, ones = two_classes(weighted(None)), two_classes(weighted([1, 1, 1, 1]))
    others = [ones, two_classes(weighted([1, 1, 1, 2])), two_classes(weighted([2, 1, 1, 1]))]
    assert len({d.fingerprint for d in [plain, *others]}) == 4
    assert two_classes(weighted([3, 3, 3, 3])).fingerprint == ones.fingerprint
    again = ones.take(4)
    assert sorted(again.train.weights.tolist()) == sorted(ones.train.weights.tolist())


def test_the_fingerprint_of_data_without_weights_is_what_it_always_was():
    """Runs of earlier versions can be resumed."""
    train = part()
    digest = hashlib.sha256(b"shoal 1|classification|('a', 'b')")
    digest.update(b"||")
    for name, p in (("train", train), ("valid", part(0)), ("test", train)):
        for array in (p.x, p.y):
            digest.update(f"|{name}|{array.dtype.str}|{array.shape}|".encode())
            digest.update(array.tobytes())
    assert two_classes(train).fingerprint == digest.hexdigest()


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1.0, 2.0], r"weights of shape \(2,\) must be \(4,\), one for each row"),
        (np.ones((4, 1)), r"weights of shape \(4, 1\) must be \(4,\)"),
        ([1.0, -0.5, 1.0, 1.0], r"weights\[1\]=-0.5 must be a number >= 0"),
        ([1.0, 1.0, np.nan, 1.0], r"weights\[2\]=nan must be a number >= 0"),
        ([1.0, 1.0, np.inf, 1.0], r"weights\[2\]=inf must be a number >= 0"),
        (np.zeros(4), "weights are all 0; give at least one row"),
    ],
)
def test_weights_that_are_none_are_refused(weights, text):
    with pytest.raises(ShoalError, match=text):
        weighted(weights)


def test_a_part_needs_as_many_targets_as_inputs():
    with pytest.raises(ShoalError, match="x has 3 and y 2"):
        Part(np.zeros((3, 2), np.float32), np.array([0, 1]))


def test_parts_by_name(data):
    assert data.part("valid") is data.valid
    with pytest.raises(ShoalError, match=r"unknown part 'vaild': did you mean 'valid'\?"):
        data.part("vaild")


def test_a_data_set_travels_to_another_process(data):
    there = pickle.loads(pickle.dumps(data))
    assert there.fingerprint == data.fingerprint
    assert there.classes == data.classes


def test_the_repr_is_one_line(data):
    assert repr(data) == (
        "<Dataset arrays: classification, 36 + 12 + 12 rows, inputs (3,), 3 classes>"
    )


def test_importing_is_light_and_needs_nothing_else_of_ours():
    code = """
import importlib.util, sys, types
package = types.ModuleType("shoal")  # without running its __init__
package.__path__ = importlib.util.find_spec("shoal").submodule_search_locations
sys.modules["shoal"] = package
import shoal.data
loaded = set(sys.modules)
heavy = {"sklearn", "pandas", "pyarrow", "pooch", "scipy", "requests", "rich"}
assert not loaded & heavy, loaded & heavy
ours = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("shoal.")}
assert ours == {"shoal.data", "shoal.errors", "shoal.rng"}, ours
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_description_says_it_all():
    told = load("digits").describe()
    facts = dict(told.facts)
    assert facts["from"] == "scikit-learn (embedded)"
    assert facts["rows"] == "1797: 1079 train, 359 valid, 359 test"
    assert facts["input range"] == "0 to 1 (training part)"
    assert facts["preprocessing"] == "pixels divided by 16"
    assert facts["fingerprint"] == load("digits").fingerprint
    assert sum(c.train + c.valid + c.test for c in told.classes) == 1797
    assert "class  train  valid  test" in str(told)
    assert told.to_dict()["classes"][0]["label"] == 0


def test_the_description_of_many_columns_is_cut_short():
    wide = np.random.default_rng(0).normal(size=(20, 100))
    text = str(Dataset.from_arrays(wide, wide[:, 0]).describe())
    assert text.endswith("... and 60 more")
    assert "mean" in text


def test_the_description_for_machines_has_numbers():
    told = load("digits").describe().to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["rows"] == {"train": 1079, "valid": 359, "test": 359}
    assert (told["inputs"]["low"], told["inputs"]["high"]) == (0.0, 1.0)
    assert told["targets"] == [{"name": "label", "classes": 10}]
    assert told["missing_cells"] == 0


def test_the_description_of_several_targets_names_each():
    frame = pd.DataFrame({"a": [1.0, None, 4.0, 0.5], "b, c": [0.0, 1, 2, 3], "d": [4.0, 8, 8, 0]})
    options = {"valid": 0, "test": 0, "task": "regression"}
    told = Dataset.from_frame(frame, "b, c", **options).describe()
    assert told.to_dict()["targets"] == [
        {"name": "b, c", "mean": 1.5, "scale": pytest.approx(np.sqrt(1.25))}
    ]
    assert told.to_dict()["missing_cells"] == 1
    assert "b, c: mean 1.5, standard deviation 1.118" in dict(told.facts)["target"]
    several = Dataset.from_frame(frame.fillna(0), ["a", "d"], **options).describe()
    assert [t["name"] for t in several.to_dict()["targets"]] == ["a", "d"]
    assert several.to_dict()["targets"][1]["mean"] == 5.0
