"""Tables: gaps, levels, leaks, and what must be refused."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from shoal import ShoalError
from shoal.data import Dataset


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 200
    size = rng.normal(50, 10, n)
    size[::7] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "rooms": rng.integers(1, 9, n),
            "colour": pd.Series(rng.choice(["red", "green", "blue"], n)).where(rng.random(n) > 0.1),
            "new": rng.random(n) > 0.5,
            "grade": pd.Categorical(rng.choice(["a", "b"], n)),
            "kind": rng.choice(["flat", "house"], n),
        }
    )


def column(data, name, part="train"):
    return data.part(part).x[:, data.features.index(name)]


def test_every_kind_of_column(frame):
    data = Dataset.from_frame(frame, "kind")
    assert data.features == (
        "size", "rooms", "size is missing", "colour=(missing)", "colour=blue", "colour=green",
        "colour=red", "new=False", "new=True", "grade=a", "grade=b",
    )  # fmt: skip
    assert data.classes == ("flat", "house")
    assert data.train.x.dtype == np.float32
    assert [len(p) for p in (data.train, data.valid, data.test)] == [120, 40, 40]
    for name in ("size", "rooms"):
        assert abs(column(data, name).mean()) < 1e-6
        assert abs(column(data, name).std() - 1) < 1e-6
    for prefix in ("colour=", "new=", "grade="):
        hot = [column(data, f) for f in data.features if f.startswith(prefix)]
        assert (np.sum(hot, axis=0) == 1).all()


def test_a_missing_number_is_the_training_median_and_flagged(frame):
    data = Dataset.from_frame(frame, "kind", valid=0, test=0)
    gone = frame["size"].isna().to_numpy()
    assert np.array_equal(column(data, "size is missing"), gone.astype(np.float32))
    filled = frame["size"].fillna(frame["size"].median())
    expected = (filled - filled.mean()) / filled.std(ddof=0)
    assert np.allclose(column(data, "size"), expected, atol=1e-5)


def test_what_is_not_in_the_training_part_changes_nothing_in_it(frame):
    kept = frame.reset_index(names="row")
    data = Dataset.from_frame(kept, "kind", seed=2)
    numbers = data.preprocessing.numbers
    train = np.round(column(data, "row") * numbers.scale[0] + numbers.mean[0]).astype(int)
    assert len(set(train)) == 120
    others = ~kept["row"].isin(train)
    changed = kept.copy()
    changed.loc[others, "size"] = 1e6
    changed.loc[others, "rooms"] = -50
    changed.loc[others, "colour"] = "unheard of"
    again = Dataset.from_frame(changed, "kind", seed=2)
    assert again.features == data.features
    assert np.array_equal(again.train.x, data.train.x)
    assert not np.array_equal(again.test.x, data.test.x)


def test_a_level_not_seen_in_training_is_none_of_them(frame):
    data = Dataset.from_frame(frame, "kind")
    new = frame.drop(columns="kind").head(1).assign(colour="violet")
    x = data.prepare(new)
    assert x.shape == (1, len(data.features))
    assert all(x[0, i] == 0 for i, f in enumerate(data.features) if f.startswith("colour="))


def test_rare_levels_share_an_input():
    rng = np.random.default_rng(0)
    names = [f"town {i}" for i in (rng.pareto(1, 3000) * 20).astype(int).clip(0, 999)]
    frame = pd.DataFrame({"town": names, "y": rng.integers(0, 2, 3000)})
    data = Dataset.from_frame(frame, "y", valid=0, test=0)
    assert len(data.features) == 64
    assert data.features[-1] == "town=(rare)"
    assert (data.train.x.sum(axis=1) == 1).all()
    unseen = data.prepare(pd.DataFrame({"town": ["Atlantis"]}))
    assert unseen[0].tolist() == [0] * 63 + [1]  # an unseen level is a rare one
    assert "beyond 64 levels the rare ones share one" in str(data.describe())


def test_columns_that_carry_nothing_do_no_harm(frame):
    frame = frame.assign(
        same=3.5, gone=np.nan, void=None, blank=pd.Series([None] * 200, dtype="string"), one="x"
    )
    data = Dataset.from_frame(frame, "kind")
    for name in ("same", "gone", "void"):
        assert (column(data, name) == 0).all()
    assert (column(data, "gone is missing") == 1).all()
    assert (column(data, "one=x") == 1).all()
    assert (column(data, "blank=(missing)") == 1).all()
    assert dict(data.notes)["constant columns"].startswith("same, gone, void, blank, one (")


def test_nullable_and_arrow_types_and_decimals_are_numbers():
    frame = pd.DataFrame(
        {
            "a": pd.array([1, None, 3, 4], dtype="Int64"),
            "b": pd.array([1.5, None, 3, 4], dtype="Float64"),
            "c": pd.array([1, None, 3, 4], dtype="int64[pyarrow]"),
            "d": [Decimal("1.5"), None, Decimal(3), Decimal(4)],
            "e": pd.array([True, None, False, True], dtype="boolean"),
            "y": [0, 1, 0, 1],
        }
    )
    data = Dataset.from_frame(frame, "y", valid=0, test=0)
    assert data.features[:4] == ("a", "b", "c", "d")
    assert data.features[-3:] == ("e=(missing)", "e=False", "e=True")
    for name in "abcd":
        assert column(data, f"{name} is missing").tolist() == [0, 1, 0, 0]


def test_prepare_takes_raw_rows_in_any_order_of_columns(frame):
    data = Dataset.from_frame(frame, "kind", valid=0, test=0)
    assert np.array_equal(data.prepare(frame), data.train.x)
    assert np.array_equal(data.prepare(frame[frame.columns[::-1]]), data.train.x)
    assert data.prepare(frame.head(0)).shape == (0, len(data.features))
    assert data.prepare(frame.assign(rooms=frame["rooms"].astype(str))).shape == data.train.x.shape
    for wrong, text in [
        (frame.drop(columns="colour"), "there is no column 'colour'; it has size, rooms"),
        (frame.assign(rooms="many"), "column 'rooms' must hold numbers, but row 0 .* has 'many'"),
        (frame.assign(rooms=np.inf), "column 'rooms' must be finite or empty, but row 0"),
        (frame.assign(rooms=1e300), "column 'rooms' must be of a size that float32 can hold"),
        (np.zeros((2, 3)), "with the columns size, rooms, .* must be a table .*, not ndarray"),
    ]:
        with pytest.raises(ShoalError, match=text):
            data.prepare(wrong)


def test_a_test_frame_of_ones_own(frame):
    data = Dataset.from_frame(frame, "kind", test_frame=frame.head(10))
    assert [len(p) for p in (data.train, data.valid, data.test)] == [160, 40, 10]
    assert np.array_equal(data.test.x, data.prepare(frame.head(10)))
    for wrong, text in [
        (frame.drop(columns="kind"), "unknown target column in the test set 'kind'"),
        (frame.drop(columns="size"), "there is no column 'size'; it has rooms"),
        (frame.assign(kind="castle"), r"unknown class in target 'kind', row 0 .* 'castle'"),
        (frame.head(0), "the test set has column names but no rows"),
    ]:
        with pytest.raises(ShoalError, match=text):
            Dataset.from_frame(frame, "kind", test_frame=wrong)
    with pytest.raises(ShoalError, match=r"test=0.5 must be left out when a test set is given"):
        Dataset.from_frame(frame, "kind", test_frame=frame, test=0.5)


def test_several_labels_are_named_by_their_columns():
    frame = pd.DataFrame(
        {"x": range(8), "sunny": [0, 1] * 4, "warm": [True, True, False, True] * 2}
    )
    data = Dataset.from_frame(frame, ["sunny", "warm"], valid=2, test_frame=frame[:3])
    assert (data.task, data.classes, data.target) == (
        "multilabel",
        ("sunny", "warm"),
        "sunny, warm",
    )
    assert data.test.y.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert [count.label for count in data.describe().classes] == ["sunny", "warm"]


def test_several_regression_targets(frame):
    frame["size"] = frame["size"].fillna(0)
    data = Dataset.from_frame(frame, ["size", "rooms"])
    assert data.task == "regression"
    assert data.target == "size, rooms"
    assert data.outputs == 2
    assert "size: mean" in dict(data.describe().facts)["target"]


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (pd.Categorical(["lo", "hi"] * 10, ["lo", "hi", "no"], ordered=True), None, ("lo", "hi")),
        (pd.Categorical(["lo", "hi"] * 10, ["lo", "hi"]), None, ("hi", "lo")),
        (pd.array([True, False] * 10, dtype="boolean"), None, (False, True)),
        (pd.array([1, 5] * 10, dtype="Int64"), None, (1, 5)),
        (pd.array(["p", "q"] * 10, dtype="string"), None, ("p", "q")),
        ([1.5, 2.5] * 10, None, None),
        ([1.5, 2.5] * 10, "classification", (1.5, 2.5)),
        ([1, 2] * 10, "regression", None),
        ([Decimal(1), Decimal(2)] * 10, None, None),
    ],
)
def test_kinds_of_targets(target, task, classes):
    data = Dataset.from_frame(pd.DataFrame({"x": range(20), "y": target}), "y", task=task)
    assert data.classes == classes
    assert data.task == ("classification" if classes else "regression")


def changed(**columns):
    return lambda frame: (frame.assign(**columns), "kind", {})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda f: (f, "knid", {}), "unknown target column 'knid': did you mean 'kind'?"),
        (lambda f: (f, ["size", "knid"], {}), "unknown target column 'knid'"),
        (lambda f: (f, "kind", {"drop": ["sise"]}), "unknown column to drop 'sise'"),
        (lambda f: (f.head(0), "kind", {}), "has column names but no rows"),
        (lambda f: (f[["kind"]], "kind", {}), "a target and at least one more column"),
        (
            lambda f: (f.to_numpy(), "kind", {}),
            "must be a table .*, not ndarray; for arrays use Dataset.from_arrays",
        ),
        (lambda f: (pd.concat([f, f], axis=1), "kind", {}), "name each column once, but 'size'"),
        (
            changed(kind=lambda f: f["kind"].where(f.index != 9)),
            "missing in 1 row, first in row 9",
        ),
        (changed(kind="flat"), "at least two classes, but every row is 'flat'"),
        (changed(kind=pd.Timestamp("2024-01-01")), "target 'kind' .* holds dates"),
        (
            changed(rooms=lambda f: f["rooms"].where(f.index != 5, np.inf)),
            "'rooms' .* row 5 .* inf",
        ),
        (changed(day=pd.Timestamp("2024-01-01")), "column 'day' holds dates or times.*year"),
        (changed(day=datetime.date(2024, 1, 1)), "column 'day' holds dates"),
        (changed(day=pd.Timedelta(3, "D")), "column 'day' holds dates"),
        (changed(day=pd.Period("2024-01", "M")), "column 'day' holds dates"),
        (changed(day="2024-01-31"), "column 'day' holds dates"),
        (changed(day="31.1.2024 12:30"), "column 'day' holds dates"),
        (changed(day="31.1.24"), "column 'day' holds dates"),
        (changed(day="Jan 31, 2024"), "column 'day' holds dates"),
        (changed(day="31 January 2024"), "column 'day' holds dates"),
        (changed(time=["9:15", "12:30 pm"] * 100), "column 'time' holds dates or times"),
        (
            changed(price=["1,234", "950"] * 100),
            r"column 'price' holds numbers with commas, such as '1,234'; .* drop=\['price'\]",
        ),
        (changed(price=["0,5", "-1,75"] * 100), "holds numbers with commas, such as '0,5'"),
        (
            changed(price=[*map(str, range(100)), "?", *map(str, range(99))]),
            r"mixes numbers with text, such as '\?' in row 100 ",
        ),
        (
            changed(price=[*map(str, range(120)), *["?", "-"] * 40]),
            r"mixes numbers with text, such as '\?' in row 120 .*leave such cells empty, put a let",
        ),
        (
            changed(price=[f"${i:,}.50" for i in range(1000, 1020)] * 10),
            r"holds numbers with signs of money or percent, such as '\$1,000.50'.*drop=\['price'\]",
        ),
        (changed(price=[f"{i} €" for i in range(20)] * 10), "signs of money or percent"),
        (changed(price=[f"{i / 2}%" for i in range(20)] * 10), "signs of money or percent"),
        (
            lambda f: (f.assign(kind=np.linspace(1e300, 2e300, 200)), "kind", {}),
            "target 'kind' has values up to 1.98e.300, too large or too small for a standard dev",
        ),
        (changed(mix=[1, "a"] * 100), "column 'mix' must hold numbers, text, .* mixed-integer"),
        (changed(mix=[[1]] * 200), "column 'mix' must hold numbers, text"),
        (changed(mix=[1j] * 200), "column 'mix' must hold numbers, text"),
        (
            changed(name=[f"passenger {i}" for i in range(200)]),
            r"column 'name' is text that differs in nearly every row .* drop=\['name'\]",
        ),
        (lambda f: (f.rename(columns={"size": "Unnamed: 0"}), "kind", {}), "saved row number"),
    ],
)
def test_refusals(frame, change, text):
    wrong, target, options = change(frame)
    with pytest.raises(ShoalError, match=text) as raised:
        Dataset.from_frame(wrong, target, **options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "labels",
    [
        ["5%", "10%", "20%"],  # few of them are labels
        [*map(str, range(10)), "?"],
        [*map(str, range(30)), "2A", "2B", "2C", "2D", *["x"] * 30],
        [*map(str, range(20)), *["other"] * 40],
    ],
)
def test_labels_that_hold_numbers_stay_labels(frame, labels):
    data = Dataset.from_frame(frame.assign(label=(labels * 200)[:200]), "kind")
    assert sum(name.startswith("label=") for name in data.features) > len(set(labels)) - 3


def test_what_is_dropped_is_not_judged(frame):
    frame["name"] = [f"passenger {i}" for i in range(200)]
    frame["Unnamed: 0"] = range(200)
    data = Dataset.from_frame(frame, "kind", drop=["name", "Unnamed: 0"])
    assert "name" not in " ".join(data.features)
    assert dict(data.notes)["left out"] == "name, Unnamed: 0"


def test_columns_named_by_numbers():
    data = Dataset.from_frame(pd.DataFrame(np.eye(6)[:, :3]).assign(y=[0, 1] * 3), "y", drop=2)
    assert data.features == ("0", "1")


@pytest.mark.parametrize(
    "labels",
    [
        ["0", "1", "2", "3+"] * 50,  # few numbers among labels
        [f"{i}" for i in range(20)] * 10,  # numbers that are text by choice
        ["10%", "20%"] * 100,
        ["1, 2", "3"] * 100,
        ["may 1", "dec 2"] * 100,
    ],
)
def test_text_with_digits_in_it_may_be_labels(frame, labels):
    data = Dataset.from_frame(frame.assign(group=labels), "kind")
    assert sum(name.startswith("group=") for name in data.features) == len(set(labels))


@pytest.mark.parametrize("top", [2**64 - 1, 10**25])
def test_whole_numbers_beyond_64_bits_stay_what_they_are(frame, top):
    values = [top * (i % 5) // 4 for i in range(len(frame))]
    data = Dataset.from_frame(frame.assign(kind=values), "kind")
    given = data.values(data.train.y)
    assert data.task == "regression"
    assert np.unique(given) == pytest.approx([top * i / 4 for i in range(5)], abs=top * 1e-6)


def test_gaps_are_counted(frame):
    columns = {c.name: c for c in Dataset.from_frame(frame, "kind").columns}
    for name, column in columns.items():
        assert column.missing_rows == frame[name].isna().sum()
        assert column.missing == column.missing_rows / len(frame)
    assert sum(c.missing_rows for c in columns.values()) > 0
