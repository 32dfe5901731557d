"""Files piece by piece: together they are the whole, and what is wrong is said in a line."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pandas as pd
import pytest

from shoal import ShoalError
from shoal.data.files import read_pieces, read_table

TABLE = pd.DataFrame(
    {
        "size": np.arange(100) / 4,
        "kind": ["a", "b"] * 50,
        "new": np.arange(100) % 3 == 0,
        "row": np.arange(100),
    }
)


def write(path, table=TABLE):
    if path.name.endswith(".parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.pq.parquet"])
@pytest.mark.parametrize("cells", [4, 28, 10**6])
def test_pieces_together_are_the_whole(name, cells, tmp_path):
    path = write(tmp_path / name)
    pieces = list(read_pieces(path, cells))
    assert max(map(len, pieces)) <= max(1, cells // 4)
    assert pd.concat(pieces, ignore_index=True).equals(read_table(path).reset_index(drop=True))


def test_other_separators_and_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;1,5\n2;x\n0,5;1,5\n")
    pieces = pd.concat(read_pieces(path, 2))
    assert pieces["a"].tolist() == [1.5, 2, 0.5]
    pieces = pd.concat(read_pieces(path, 2, texts=["b"]))
    assert pieces["b"].tolist() == ["1,5", "x", "1,5"]


def test_texts_stay_as_they_stand(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("code,n\n007,1\n12,2\n,3\n")
    (piece,) = read_pieces(path, texts=["code", "not there"])
    assert piece["code"].fillna("-").tolist() == ["007", "12", "-"]
    assert piece["n"].tolist() == [1, 2, 3]
    (plain,) = read_pieces(path)
    assert plain["code"].iloc[0] == 7


def test_a_named_index_of_parquet_is_a_column(tmp_path):
    TABLE.assign(row=TABLE["row"] % 7).set_index("row").to_parquet(tmp_path / "t.parquet")
    pieces = pd.concat(read_pieces(tmp_path / "t.parquet", 40))
    assert pieces["row"].tolist() == [i % 7 for i in range(100)]


def test_warnings_of_others_stay_theirs_between_pieces(tmp_path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in read_pieces(write(tmp_path / "t.csv"), 40):
            warnings.warn("ours", pd.errors.ParserWarning, stacklevel=1)
    assert len(said) == 10


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("t.csv", b"a,b\n1,2\n3,4\n5,6,7\n", "must be a table of equally long rows|longer than"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,a\n1,2\n", "'a' comes twice"),
        ("t.csv", b"a,b\n1,2\n\xff\xfe,3\n", "must be UTF-8"),
        ("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 10**5)[:-50], "truncated"),
        ("t.parquet", b"PAR1 no", "must be a Parquet file"),
        ("t.xlsx", b"", "save its sheet as CSV"),
        ("t.txt", b"", "rename it to .csv"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(name, content, text, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ShoalError, match=text) as raised:
        list(read_pieces(path, 2))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(ShoalError, match="there is no file"):
            list(read_pieces(tmp_path / name))


def test_no_rows(tmp_path):
    path = write(tmp_path / "t.csv", TABLE.head(0))
    assert sum(map(len, read_pieces(path))) == 0
