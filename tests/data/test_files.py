"""CSV and Parquet: right files, real files, and broken ones."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from shoal import ShoalError
from shoal.data import Dataset

FRAME = pd.DataFrame(
    {
        "a": np.arange(40) * 0.5,
        "b": ["p", "q", "r", None] * 10,
        "kind": ["yes", "no"] * 20,
    }
)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "things.csv"
    FRAME.to_csv(path, index=False)
    return path


def test_csv_gzip_and_parquet_give_the_same(csv, tmp_path):
    FRAME.to_csv(tmp_path / "things.csv.gz", index=False)
    FRAME.to_parquet(tmp_path / "things.parquet")
    FRAME.to_csv(tmp_path / "things.tsv", index=False, sep="\t")
    made = [
        Dataset.from_csv(csv, "kind"),
        Dataset.from_csv(str(tmp_path / "things.csv.gz"), "kind"),
        Dataset.from_parquet(tmp_path / "things.parquet", "kind"),
        Dataset.from_csv(tmp_path / "things.tsv", "kind", separator="\t"),
        Dataset.from_frame(FRAME, "kind"),
    ]
    assert len({data.fingerprint for data in made}) == 1
    assert [data.name for data in made] == ["things"] * 4 + ["frame"]
    assert [data.source for data in made[:2]] == ["things.csv", "things.csv.gz"]


def test_a_test_file_of_ones_own(csv, tmp_path):
    FRAME.head(6).to_csv(tmp_path / "more.csv", index=False)
    data = Dataset.from_csv(csv, "kind", test_file=tmp_path / "more.csv")
    assert [len(p) for p in (data.train, data.valid, data.test)] == [32, 8, 6]
    assert data.source == "things.csv, tested on more.csv"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "things.csv is empty"),
        (b"a,b,kind\n", "things has column names but no rows"),
        (b"a,b,kind\n1,2,yes\n1,2,3,4,5,no\n", "equally long rows, but: .*line 3.*separator="),
        (b"a,kind\n1,2,yes\n3,4,no\n", "a name for each column, but its rows are longer"),
        (b"1.5,2\n2.5,3\n", r"must name its columns in the first row, .* \['1.5', '2'\]"),
        (b"a,a,kind\n1,2,yes\n3,4,no\n", "name each column once, but 'a' comes twice"),
        (b"a,kind\n\xff\xfe,yes\n", "must be UTF-8"),
        (
            b",a,kind\n0,5,yes\n1,6,no\n",
            r"column 'Unnamed: 0' has no name .* drop=\['Unnamed: 0'\]",
        ),
        (b"a,kind\n1,yes\n2,\n", "target 'kind' .* missing in 1 row, first in row 1"),
    ],
)
@pytest.mark.filterwarnings("default")  # as for a user, who would not stop at a warning
def test_broken_csv(tmp_path, content, text):
    path = tmp_path / "things.csv"
    path.write_bytes(content)
    with pytest.raises(ShoalError, match=text) as raised:
        Dataset.from_csv(path, "kind")
    assert "\n" not in str(raised.value)


def test_the_ending_says_how_to_read(csv, tmp_path):
    FRAME.to_csv(tmp_path / "things.csv.gz", index=False)
    FRAME.to_parquet(tmp_path / "things.parquet")
    FRAME.to_parquet(tmp_path / "things.PQ")
    for ending in ("tsv", "tab", "tsv.gz", "TAB.GZ"):
        compression = "gzip" if ending.lower().endswith("gz") else None
        FRAME.to_csv(tmp_path / f"things.{ending}", index=False, sep="\t", compression=compression)
    made = [Dataset.from_file(path, "kind") for path in sorted(tmp_path.iterdir())]
    assert len(made) == 8
    assert {data.fingerprint for data in made} == {Dataset.from_frame(FRAME, "kind").fingerprint}
    assert {data.name for data in made} == {"things"}
    mixed = Dataset.from_file(csv, "kind", test_file=tmp_path / "things.PQ")
    assert [len(p) for p in (mixed.train, mixed.valid, mixed.test)] == [32, 8, 40]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.xlsx", "save its sheet as CSV"),
        ("a.ODS", "save its sheet as CSV"),
        ("a.json", "read it with pandas"),
        ("a.npz", "give Dataset.from_arrays"),
        ("a.zip", "unpack it first"),
        ("a.txt", "rename it to .csv or .tsv"),
        ("a", "rename it to .csv or .tsv"),
    ],
)
def test_other_kinds_of_file_say_what_to_do(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ShoalError, match=rf"{name}' must be a file \.csv, \.tsv .*; .*{advice}"):
        Dataset.from_file(tmp_path / name, "kind")


def test_a_spreadsheet_is_no_csv(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(ShoalError, match="save its sheet as CSV"):
        Dataset.from_csv(tmp_path / "a.xlsx", "kind")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_what_separates_cells_is_seen_in_the_first_row(tmp_path, mark):
    path = tmp_path / "things.csv"
    FRAME.to_csv(path, index=False, sep=mark)
    data = Dataset.from_csv(path, "kind")
    assert data.fingerprint == Dataset.from_frame(FRAME, "kind").fingerprint
    assert data.source == f"things.csv (separated by {mark!r})"
    with pytest.raises(ShoalError, match=r"seems to be separated by .*; pass separator="):
        Dataset.from_csv(path, "kind", separator=",")


def test_decimal_commas_are_numbers_where_cells_are_separated_otherwise(tmp_path):
    path = tmp_path / "things.csv"
    frame = FRAME.assign(b=FRAME["b"].replace({"q": "1,5", "r": "x"}))
    frame["c"] = frame["a"].where(frame.index % 7 != 0)
    frame.to_csv(path, index=False, sep=";", decimal=",")
    data = Dataset.from_csv(path, "kind")
    assert data.fingerprint == Dataset.from_frame(frame, "kind").fingerprint
    assert "b=1,5" in data.features  # among words it is one
    assert data.source == "things.csv (separated by ';'; decimal commas in a, c)"


def test_a_gzipped_file_is_known_by_what_is_in_it(csv, tmp_path):
    path = tmp_path / "zipped.csv"
    path.write_bytes(gzip.compress(csv.read_bytes()))
    assert len(Dataset.from_csv(path, "kind").train) == 24


def test_the_index_of_a_parquet_file_is_a_column_if_it_has_a_name(tmp_path):
    FRAME.set_index("a").to_parquet(tmp_path / "things.parquet")
    data = Dataset.from_parquet(tmp_path / "things.parquet", "kind")
    assert [c.name for c in data.columns] == ["a", "b"]


def test_no_right_to_read(csv, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ShoalError, match="cannot be read: permission denied"):
        Dataset.from_csv(csv, "kind")


def test_truncated_gzip(csv, tmp_path):
    path = tmp_path / "things.csv.gz"
    path.write_bytes(gzip.compress(csv.read_bytes())[:-30])
    with pytest.raises(ShoalError, match=r"things.csv.gz cannot be read .* may be truncated"):
        Dataset.from_csv(path, "kind")
    path.write_bytes(b"this is not gzip")
    with pytest.raises(ShoalError, match=r"things.csv.gz cannot be read"):
        Dataset.from_csv(path, "kind")


def test_broken_parquet(csv, tmp_path):
    path = tmp_path / "things.parquet"
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ShoalError, match=r"things.parquet must be a Parquet file, but: "):
        Dataset.from_parquet(path, "kind")
    with pytest.raises(ShoalError, match="must be a Parquet file"):
        Dataset.from_parquet(csv, "kind")


def test_no_such_file(tmp_path):
    for make in (Dataset.from_csv, Dataset.from_parquet):
        with pytest.raises(ShoalError, match=r"there is no file .*absent.csv'; check the path"):
            make(tmp_path / "absent.csv", "kind")
        with pytest.raises(ShoalError, match="must be a file, but is a folder"):
            make(tmp_path, "kind")


def test_an_array_saved_by_pandas(tmp_path):
    path = tmp_path / "array.csv"
    pd.DataFrame(np.column_stack([np.arange(10), [0.5, 1.5] * 5])).to_csv(path, index=False)
    assert Dataset.from_csv(path, "1").features == ("0",)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_bytes(b"\xef\xbb\xbfa,kind\n1,yes\n2,no\n3,yes\n4,no\n")
    assert Dataset.from_csv(path, "kind", valid=0, test=0).features == ("a",)


@pytest.mark.parametrize(
    ("file", "target", "task", "rows", "inputs", "outputs"),
    [
        ("california_housing.csv.gz", "median_house_value", "regression", 20_640, 14, 1),
        ("wine_quality_white.csv", "quality", "classification", 4_898, 11, 7),
        ("abalone.csv", "rings", "regression", 4_177, 10, 1),
        ("titanic.csv", "survived", "classification", 891, 34, 2),
    ],
)
def test_real_tables(shared, file, target, task, rows, inputs, outputs):
    data = Dataset.from_csv(shared / "tables" / file, target)
    assert data.task == task
    assert len(data.train) + len(data.valid) + len(data.test) == rows
    assert data.in_shape == (inputs,)
    assert data.outputs == outputs
    for part in (data.train, data.valid, data.test):
        assert np.isfinite(part.x).all()
        assert np.isfinite(part.y).all()
    assert np.abs(data.train.x.mean(axis=0)).max() <= 1
    assert str(data.describe()).startswith("name ")


def test_adult_with_its_own_test_file(shared):
    tables = shared / "tables"
    data = Dataset.from_csv(
        tables / "adult_train.csv.gz", "income", test_file=tables / "adult_test.csv.gz"
    )
    assert [len(p) for p in (data.train, data.valid, data.test)] == [26_049, 6_512, 16_281]
    assert data.classes == ("<=50K", ">50K")
    assert data.labels(data.test.y).tolist().count(">50K") == 3_846
    assert {"workclass=(missing)", "occupation=(missing)"} <= set(data.features)
    assert 100 < data.in_shape[0] < 115
