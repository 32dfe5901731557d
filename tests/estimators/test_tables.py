"""Tables of pandas, polars and Arrow go in as they are."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

KINDS = {"pandas": lambda f: f, "polars": pl.from_pandas, "arrow": pa.Table.from_pandas}


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    rows = 120
    age = rng.normal(40, 10, rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(rows) < 0.1, np.nan, age),
            "colour": colour,
            "smokes": rng.random(rows) < 0.4,
            "size": pd.Categorical(rng.choice(["s", "m", "l"], rows), ["s", "m", "l"]),
            "visits": rng.integers(0, 9, rows),
        }
    )
    y = np.where((colour == "red") ^ frame["smokes"].to_numpy(), "yes", "no")
    return frame, y


def small(**settings):
    return ShoalClassifier(hidden=8, epochs=100, lr=0.01, random_state=0, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_the_library_of_a_table_does_not_matter(frame, kind):
    X, y = frame
    plain = small().fit(X, y)
    other = small().fit(KINDS[kind](X), y)
    assert plain.score(X, y) > 0.9
    assert other.feature_names_in_.tolist() == list(X.columns)
    np.testing.assert_array_equal(
        plain.predict_proba(X.iloc[:40]), other.predict_proba(KINDS[kind](X.iloc[:40]))
    )
    np.testing.assert_array_equal(other.predict_proba(X), plain.predict_proba(KINDS[kind](X)))


def test_labels_come_back_as_they_were(frame):
    X, y = frame
    model = small(valid=0.2).fit(X, pd.Series(y, dtype="category"))
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}
    assert model.predict(X)[0] in ("no", "yes")


def test_missing_and_unseen_at_prediction(frame):
    X, y = frame
    model = small().fit(X, y)
    odd = X.iloc[:3].copy().astype({"size": object})
    odd.loc[odd.index[0], "colour"] = "violet"
    odd.loc[odd.index[1], "size"] = None
    odd.loc[odd.index[2], "visits"] = np.nan
    assert np.isfinite(model.predict_proba(odd)).all()
    strict = small(unseen="refuse").fit(X, y)
    with pytest.raises(ShoalError, match=r"column 'colour' has 'violet' in row 0"):
        strict.predict(odd)


def test_row_numbers_of_a_frame_do_not_matter(frame):
    X, y = frame
    shuffled = X.set_axis(np.random.default_rng(0).permutation(len(X)), axis="index")
    np.testing.assert_array_equal(
        small(valid=0.25).fit(X, y).predict_proba(X),
        small(valid=0.25).fit(shuffled, pd.Series(y, shuffled.index)).predict_proba(shuffled),
    )


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.date_range("2024-01-01", periods=120), r"column 'new' holds dates or times"),
        ([f"name {i}" for i in range(120)], r"column 'new' is text that differs in nearly every"),
        ([1, "a"] * 60, r"column 'new' must hold numbers, text"),
        ([np.inf] * 120, r"column 'new' must be finite or empty"),
    ],
)
def test_columns_that_are_refused_with_advice(frame, column, words):
    X, y = frame
    with pytest.raises(ShoalError, match=words) as caught:
        small().fit(X.assign(new=column), y)
    assert " drop=" not in str(caught.value)
    if "leave it out" in str(caught.value):
        assert "X.drop(columns=['new'])" in str(caught.value)


def test_feature_names_are_checked(frame):
    X, y = frame
    model = small().fit(X, y)
    with pytest.raises(ShoalError, match=r"feature names should match.* unseen at fit time: - old"):
        model.predict(X.rename(columns={"age": "old"}))
    with pytest.raises(ShoalError, match=r"must be in the same order"):
        model.predict(X[X.columns[::-1]])
    with pytest.raises(ShoalError, match=r"feature names should match.*missing: - visits"):
        model.predict(X.drop(columns="visits"))
    with (
        pytest.warns(UserWarning, match="X does not have valid feature names"),
        pytest.raises(ShoalError, match=r"X must be a table with the columns age, colour, smokes"),
    ):
        model.predict(np.zeros((2, 5)))


def test_a_table_of_numbers_takes_arrays_and_the_other_way_round():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(50, 3)), columns=list("abc"))
    y = X["a"] - X["b"]
    model = ShoalRegressor(hidden=4, epochs=5, random_state=0).fit(X, y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        np.testing.assert_array_equal(model.predict(X.to_numpy()), model.predict(X))
    of_array = ShoalRegressor(hidden=4, epochs=5, random_state=0).fit(X.to_numpy(), y)
    np.testing.assert_array_equal(of_array.predict(X.to_numpy()), model.predict(X))
    with pytest.warns(UserWarning, match="X has feature names"):
        np.testing.assert_array_equal(of_array.predict(X), model.predict(X))


def test_columns_may_be_numbered():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    y = X[:, 0]
    frame = pd.DataFrame(X)
    model = ShoalRegressor(hidden=4, epochs=5, random_state=0).fit(frame, y)
    of_array = ShoalRegressor(hidden=4, epochs=5, random_state=0).fit(X, y)
    for one in (model, of_array):
        np.testing.assert_array_equal(one.predict(X), of_array.predict(X))
        np.testing.assert_array_equal(one.predict(frame), of_array.predict(X))


def test_tables_with_names_twice_or_nothing_in_them(frame):
    X, y = frame
    with pytest.raises(ShoalError, match=r"X must name each column once|'age' comes twice|unique"):
        small().fit(pd.concat([X, X[["age"]]], axis=1), y)
    with pytest.raises(ShoalError, match="X has column names but no rows"):
        small().fit(X.iloc[:0], y[:0])
    with pytest.raises(ShoalError, match="0 feature"):
        small().fit(X[[]], y)


def test_a_lazy_table_is_to_be_collected(frame):
    X, y = frame
    with pytest.raises(ShoalError, match=r"table.collect\(\)"):
        small().fit(pl.from_pandas(X).lazy(), y)


# --- arrays and images ----------------------------------------------------------------------------


def test_arrays_with_missing_values():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0].copy()
    gone = rng.random(200) < 0.3
    X[gone, 0] = np.nan
    y[gone] = 5.0  # what is missing tells
    model = ShoalRegressor(hidden=16, epochs=150, lr=0.01, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95
    assert np.isfinite(model.predict(np.full((1, 3), np.nan))).all()
    with pytest.raises(ShoalError, match="must be finite"):
        model.predict(np.array([[np.inf, 0, 0]]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, np.float16, bool])
def test_arrays_of_all_types(dtype):
    X = (np.random.default_rng(0).random((40, 3)) * 5).astype(dtype)
    model = ShoalRegressor(hidden=4, epochs=3, random_state=0).fit(X, X.sum(axis=1).astype(float))
    assert np.isfinite(model.predict(X)).all()


def test_images_go_in_as_they_are():
    from sklearn.datasets import load_digits

    digits = load_digits()
    X, y = digits.images, digits.target
    network = shoal.convnet(filters=[8], hidden=[32])
    options = {"epochs": 15, "lr": 0.01, "random_state": 0}
    model = ShoalClassifier(network=network, **options).fit(X[:600] / 16, y[:600])
    assert model.score(X[600:900] / 16, y[600:900]) > 0.85
    assert model.model_.in_shape == (8, 8)
    colours = np.repeat(X[:60, :, :, None], 3, axis=3)
    assert ShoalClassifier(network=network, epochs=1).fit(colours, y[:60]).model_.in_shape == (
        (8, 8, 3)
    )
    with pytest.raises(ShoalError, match=r"x must have rows of shape \(8, 8\)"):
        model.predict(X[:2, :, :4])
    with pytest.raises(ShoalError, match=r"x must have rows of shape \(8, 8\)"):
        model.predict(X[:2, :4])
    with pytest.raises(ShoalError, match=r"X\[1, 0, 0\]=nan must be finite"):
        model.predict(np.stack([X[0], np.full((8, 8), np.nan)]))
    with pytest.raises(ShoalError, match=r"X of shape \(0, 8, 8\) has no rows"):
        model.predict(X[:0])
    assert model.n_features_in_ == 8
    bytes_ = (X * 15).astype(np.uint8)
    assert ShoalClassifier(hidden=16, **options).fit(bytes_, y).score(bytes_, y) > 0.85


def test_the_model_knows_what_its_target_is_called(frame):
    X, y = frame
    assert small().fit(X, pd.Series(y, name="asks")).model_.targets == ("asks",)
    assert small().fit(X, y).model_.targets == ()
    numbers = pd.DataFrame({"a": X["visits"], "b": X["visits"] * 2})
    model = ShoalRegressor(epochs=1, warm_start=True).fit(X[["size"]], numbers)
    assert model.model_.targets == ("a", "b")
    assert model.fit(X[["size"]], numbers.to_numpy()).model_.targets == ("a", "b")


def test_images_after_a_table_have_no_names(frame):
    X, y = frame
    model = small().fit(X, y)
    images = np.random.default_rng(0).normal(size=(len(y), 3, 3))
    model.fit(images, y)
    assert not hasattr(model, "feature_names_in_")
    assert model.predict(images[:2]).shape == (2,)


def test_bad_arrays():
    model = ShoalRegressor()
    y = np.arange(4.0)
    with pytest.raises(ShoalError, match=r"X has shape \(4,\), but must be \(rows, features\)"):
        model.fit(y, y)
    with pytest.raises(ShoalError, match=r"^X is a list of values, but must be \(rows, features\)"):
        ShoalClassifier().fit([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1])
    with pytest.raises(ShoalError, match=r"^X_val is a number, but must be \(rows, features\)"):
        ShoalClassifier().fit(np.eye(4), [0, 1, 0, 1], X_val=3.0, y_val=[1])
    with pytest.raises(ShoalError, match=r"X has 4 rows and y 3; give one value for each row"):
        model.fit(np.zeros((4, 2)), y[:3])
    with pytest.raises(ShoalError, match="infinity"):
        model.fit(np.full((4, 2), np.inf), y)
    for text in (np.array([["a"]] * 4), np.array([["a"]] * 4, object), [["a"]] * 4):
        with pytest.raises(ShoalError, match="X holds text; give it as a table"):
            model.fit(text, y)
    with pytest.raises(ShoalError, match="n_samples=1"):
        model.fit(np.zeros((1, 2)), y[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(epochs=1).fit(np.zeros((4, 2)), np.zeros(4))  # constant, but no mistake
    assert model.predict(np.zeros((1, 2))).shape == (1,)


# --- sparse matrices --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_a_sparse_matrix_is_the_array_that_it_stands_for(kind):
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((60, 5)) < 0.3, rng.normal(size=(60, 5)), 0)
    labels = (dense.sum(axis=1) > 0).astype(int)
    X = getattr(scipy.sparse, f"{kind}_array")(dense)
    options = {"hidden": 8, "epochs": 3, "valid": 0.2, "random_state": 0}
    groups, weights = np.arange(60) // 3, np.arange(60) % 3
    fitted = [ShoalClassifier(**options).fit(x, labels, weights, groups=groups) for x in (dense, X)]
    expected = fitted[0].predict_proba(dense)
    for model in fitted:
        for x in (dense, X):
            assert np.array_equal(model.predict_proba(x), expected)
    own = ShoalRegressor(**options).fit(X, dense[:, 0], X_val=X, y_val=dense[:, 0])
    assert np.array_equal(own.predict(X), own.predict(dense))


def test_an_indicator_matrix_may_be_sparse():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X > 0).astype(int)
    options = {"hidden": 4, "epochs": 2, "random_state": 0}
    dense, sparse = (
        ShoalClassifier(**options).fit(X, labels) for labels in (y, scipy.sparse.csr_array(y))
    )
    assert np.array_equal(dense.predict_proba(X), sparse.predict_proba(X))


def test_a_sparse_matrix_too_large_for_the_memory_is_refused():
    X = scipy.sparse.csr_array((2**20, 2**33))
    with pytest.raises(
        ShoalError, match=r"^X of shape .* would take 67,108,864 GiB .*TruncatedSVD"
    ):
        ShoalClassifier().fit(X, np.zeros(2**20))
