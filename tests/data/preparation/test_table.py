"""Tables: against scikit-learn's parts, from every library of tables, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder

from shoal import ShoalError
from shoal.data import Dataset
from shoal.data.columns import read_columns
from shoal.data.preparation import as_pandas, fit_table, is_table
from shoal.data.preparation import read_preparation as read
from shoal.data.preparation import write_preparation as write

rng = np.random.default_rng(0)
N = 300
TABLE = pd.DataFrame(
    {
        "size": np.where(rng.random(N) < 0.1, np.nan, rng.normal(50, 10, N)),
        "rooms": rng.integers(1, 9, N),
        "colour": pd.Series(rng.choice(["red", "green", "blue"], N)).where(rng.random(N) > 0.1),
        "new": rng.random(N) > 0.5,
        "grade": pd.Categorical(rng.choice(["a", "b"], N)),
        "town": [f"town {i}" for i in (rng.pareto(1, N) * 20).astype(int).clip(0, 150)],
    }
)


def fit(table, **how):
    return fit_table(table, read_columns(as_pandas(table, "it")), **how)


def test_levels_are_those_of_scikit_learn():
    fitted = fit(TABLE[["town"]])
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=64, sparse_output=False
    ).fit(TABLE[["town"]])
    new = pd.DataFrame({"town": [*TABLE["town"], "Atlantis"]})
    assert np.array_equal(fitted.transform(new), encoder.transform(new))
    assert fitted.features[-1] == "town=(rare)"
    assert len(fitted.features) == 64


def polars(table):
    return pytest.importorskip("polars").from_pandas(table)


@pytest.mark.parametrize(
    "other", [polars, pa.Table.from_pandas, lambda table: table.convert_dtypes()]
)
def test_all_libraries_of_tables_say_the_same(other):
    fitted, table = fit(TABLE), other(TABLE)
    assert is_table(table)
    again = fit(table)
    assert again.features == fitted.features
    expected = fitted.transform(TABLE)
    for prepared in (again.transform(table), fitted.transform(table), again.transform(TABLE)):
        assert np.array_equal(prepared, expected)


def test_a_data_set_takes_a_table_of_polars():
    table = TABLE.assign(kind=rng.choice(["flat", "house"], N))
    ours, theirs = Dataset.from_frame(table, "kind"), Dataset.from_frame(polars(table), "kind")
    assert ours.fingerprint == theirs.fingerprint


def test_a_lazy_table_must_be_collected_first():
    with pytest.raises(ShoalError, match=r"is a lazy table; give it read, as table.collect\(\)"):
        fit(TABLE).transform(polars(TABLE).lazy())


def test_rows_alone_are_prepared_as_in_company():
    fitted = fit(TABLE)
    together = fitted.transform(TABLE)
    for row in (0, 17, N - 1):
        assert np.array_equal(fitted.transform(TABLE.iloc[[row]])[0], together[row])


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_what_is_written_is_read_back_to_the_bit(scaling):
    fitted = fit(TABLE, scaling=scaling)
    facts, arrays = write(fitted)
    again = read(json.loads(json.dumps(facts)), arrays)
    assert again.features == fitted.features
    assert again.expected == fitted.expected
    assert np.array_equal(again.transform(TABLE), fitted.transform(TABLE))


def test_weights_leave_rows_out_and_count_rows_twice():
    times = rng.integers(0, 3, N)
    weighted = fit(TABLE, weights=times)
    repeated = fit(TABLE.loc[np.repeat(np.arange(N), times)])
    assert weighted.features == repeated.features
    assert np.allclose(weighted.transform(TABLE), repeated.transform(TABLE), atol=1e-6)


def test_a_level_that_becomes_a_real_number_beside_a_gap_is_still_known():
    whole = pd.DataFrame({"class": pd.Categorical([1, 2, 3, 1])})
    gappy = pd.DataFrame({"class": [1.0, np.nan, 3.0]})
    assert fit(whole).transform(gappy).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    real = pd.DataFrame({"class": pd.Categorical([1.0, 2.0, None])})
    asked = pd.DataFrame({"class": [2, 1]})
    features = fit(real).features
    assert [features[i] for i in fit(real).transform(asked).argmax(axis=1)] == [
        "class=2.0",
        "class=1.0",
    ]


def test_unseen_levels_are_refused_if_asked():
    strict = fit(TABLE[["colour", "size"]], unseen="refuse")
    assert np.array_equal(strict.transform(TABLE), fit(TABLE[["colour", "size"]]).transform(TABLE))
    new = TABLE.head(4).assign(colour=["red", "red", "violet", "red"])
    with pytest.raises(ShoalError, match=r"'colour' has 'violet' in row 2 \(counted from 0\)"):
        strict.transform(new)
    with pytest.raises(ShoalError, match="unknown unseen 'ignore'"):
        fit(TABLE, unseen="ignore")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.drop(columns="rooms"), "there is no column 'rooms'; it has "),
        (lambda t: t.rename(columns={"rooms": " Rooms"}), "'rooms': did you mean ' Rooms'"),
        (lambda t: t.assign(rooms="many"), "'rooms' must hold numbers, but row 0"),
        (lambda t: t.assign(rooms=np.inf), "'rooms' must be finite or empty, but row 0"),
        (lambda t: t.assign(rooms=1e300), "'rooms' must be of a size that float32 can hold"),
        (lambda t: t.assign(rooms=pd.Timestamp("2024-01-01")), "'rooms' must hold numbers"),
        (lambda t: t.to_numpy(), "must be a table .*, not ndarray"),
    ],
)
def test_refusals(change, text):
    with pytest.raises(ShoalError, match=text) as raised:
        fit(TABLE).transform(change(TABLE))
    assert "\n" not in str(raised.value)


def test_no_rows():
    fitted = fit(TABLE)
    assert fitted.transform(TABLE.head(0)).shape == (0, len(fitted.features))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts, arrays: facts.pop("levels"),
        lambda facts, arrays: facts.update(kind="pickle"),
        lambda facts, arrays: facts.update(flags=[99]),
        lambda facts, arrays: facts.update(unseen="run"),
        lambda facts, arrays: facts["columns"].pop(),
        lambda facts, arrays: facts["columns"][0].update(kind="level"),
        lambda facts, arrays: facts["columns"][0].update(surprise=1),
        lambda facts, arrays: arrays.pop("mean"),
        lambda facts, arrays: arrays.update(mean=np.zeros(99)),
        lambda facts, arrays: arrays.update(mean=arrays["mean"].astype(np.float16)),
    ],
)
def test_what_does_not_come_from_write_is_refused(spoil):
    facts, arrays = write(fit(TABLE))
    spoil(facts, arrays)
    with pytest.raises((ValueError, TypeError, KeyError)):
        read(facts, arrays)


@pytest.mark.parametrize("other", [pd.DataFrame, lambda table: table.convert_dtypes()])
def test_few_rows_are_read_one_by_one_to_the_same(other):
    fitted, table = fit(TABLE), other(TABLE)
    together = fitted.transform(table)
    few = np.concatenate([fitted.transform(table.iloc[at : at + 10]) for at in range(0, N, 10)])
    assert np.array_equal(few, together)
