"""Which rows are kept aside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.validation import carve


@settings(max_examples=40)
@given(
    st.integers(10, 80),
    st.floats(0.1, 0.5),
    st.sampled_from(["shuffle", "time", "groups"]),
    st.integers(0, 99),
)
def test_every_row_is_in_one_part(rows, share, split, seed):
    groups = np.arange(rows) // 3 if split == "groups" else None
    train, valid = carve(rows, share, split, seed, groups=groups)
    assert sorted([*train, *valid]) == list(range(rows))
    assert len(train) > 0 < len(valid)
    assert abs(len(valid) - share * rows) <= (1 if groups is None else 3)
    again = carve(rows, share, split, seed, groups=groups)
    assert np.array_equal(train, again[0])


@given(st.lists(st.integers(0, 8), min_size=12, max_size=60).filter(lambda g: len(set(g)) > 2))
def test_no_group_is_in_both_parts(groups):
    train, valid = carve(len(groups), 0.3, "auto", 0, groups=groups)
    named = np.array(groups)
    assert not set(named[train]) & set(named[valid])
    assert len(valid) > 0 < len(train)


def test_groups_share_their_classes_fairly():
    rng = np.random.default_rng(0)
    of_group = rng.integers(0, 2, 30)  # each group is of one class
    groups = np.repeat(np.arange(30), 10)
    labels = of_group[groups]
    _, valid = carve(300, 0.2, "groups", 0, labels=labels, groups=groups)
    assert abs(labels[valid].mean() - labels.mean()) < 0.05


def test_shuffled_rows_are_stratified():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    train, valid = carve(100, 0.1, "shuffle", 3, labels=labels, classes=np.array(list("abc")))
    assert np.bincount(labels[valid]).tolist() == [6, 3, 1]
    assert np.bincount(labels[train]).tolist() == [54, 27, 9]


def test_the_last_rows_of_time():
    train, valid = carve(50, 7, "time", 0)
    assert (train[-1], valid[0], valid[-1]) == (42, 43, 49)


@pytest.mark.parametrize(
    ("split", "options", "words"),
    [
        ("groups", {}, r"split='groups' needs the group of each row; give fit\(X, y, groups=...\)"),
        ("time", {"groups": [1] * 20}, r"split='time' does not keep groups together"),
        ("groups", {"groups": [1] * 20}, r"groups has one group only, 1"),
        ("groups", {"groups": [1.0, *[2.0] * 18, np.nan]}, r"groups has no value in row 19"),
        ("groups", {"groups": [None, *["a"] * 19]}, r"groups has no value in row 0"),
        ("groups", {"groups": [1, 2]}, r"X has 20 rows and groups 2|has 20 rows"),
        ("timely", {}, r"did you mean 'time'"),
        (
            "shuffle",
            {"labels": np.arange(20), "classes": np.arange(20)},
            r"^valid=0.2 leaves no row of class \d+ to train on \(1 of 20 rows",
        ),
        (
            "time",
            {"labels": np.repeat([0, 1], [16, 4]), "classes": np.array(["a", "b"])},
            r"split='time' leaves class 'b' in the validation part only",
        ),
    ],
)
def test_splits_that_are_none(split, options, words):
    with pytest.raises(ShoalError, match=words):
        carve(20, 0.2, split, 0, **options)


# --- in a fit -----------------------------------------------------------------------------------


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    return X, (X[:, 0] > 0).astype(int)


def test_own_rows_to_validate_by_are_those_that_would_have_been_carved(rows):
    X, y = rows
    model = ShoalRegressor(hidden=6, epochs=12, valid=0.25, split="time", random_state=1)
    carved = model.fit(X, y)
    own = ShoalRegressor(hidden=6, epochs=12, random_state=1).fit(
        X[:60], y[:60], X_val=X[60:], y_val=y[60:]
    )
    np.testing.assert_array_equal(carved.predict(X), own.predict(X))
    np.testing.assert_array_equal(carved.history_.valid["loss"], own.history_.valid["loss"])
    np.testing.assert_array_equal(carved.predict_interval(X, 0.5), own.predict_interval(X, 0.5))


def test_rows_kept_aside_are_not_trained_on(rows):
    X, y = rows
    spoilt = y.copy()
    spoilt[60:] = 1 - spoilt[60:]
    options = {"hidden": 6, "epochs": 5, "split": "time", "valid": 0.25, "random_state": 0}
    a, b = (ShoalClassifier(**options).fit(X, labels) for labels in (y, spoilt))
    np.testing.assert_array_equal(a.history_.train_loss, b.history_.train_loss)
    assert not np.array_equal(a.history_.valid["loss"], b.history_.valid["loss"])


def test_no_validation_part(rows):
    X, y = rows
    for valid in (0, None, 0.0):
        history = ShoalRegressor(hidden=4, epochs=4, valid=valid).fit(X, y).history_
        assert history.valid == {}
        assert history.best_epoch.tolist() == [4]


def test_errors_of_own_rows(rows):
    X, y = rows
    model = ShoalClassifier(hidden=4, epochs=1)
    with pytest.raises(ShoalError, match=r"groups= say which rows .* X_val is given for that"):
        ShoalClassifier().fit(X, y, groups=y, X_val=X[:4], y_val=y[:4])
    with pytest.raises(ShoalError, match="X_val and y_val must be given both"):
        model.fit(X, y, X_val=X)
    with pytest.raises(ShoalError, match=r"y_val has the label 5 in row 0 .* none of the classes"):
        model.fit(X, y, X_val=X[:1], y_val=[5])
    with pytest.raises(ShoalError, match=r"^X_val has 2 features, but ShoalClassifier is .* 3"):
        model.fit(X, y, X_val=X[:, :2], y_val=y)
    with pytest.raises(ShoalError, match=r"^X_val: Found array with 0 sample"):
        model.fit(X, y, X_val=X[:0], y_val=y[:0])
    with pytest.raises(ShoalError, match=r"X_val has 80 rows and y_val 79"):
        model.fit(X, y, X_val=X, y_val=y[1:])
    with pytest.raises(ShoalError, match=r"y_val has 2 targets a row, but y 1"):
        ShoalRegressor().fit(X, y, X_val=X, y_val=X[:, :2])
    with pytest.raises(ShoalError, match=r"X has 80 rows and groups 3"):
        model.fit(X, y, groups=[1, 2, 3])
