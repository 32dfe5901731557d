"""`shoal fit`, `predict`, `inspect`: a table becomes a file, a file answers; mistakes in a line."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.cli import main
from shoal.cli.figures import Figures
from shoal.data.files import read_pieces

RECIPE = """
network = { hidden = [6], activation = "tanh" }
optimizer = { kind = "Adam", lr = 0.02 }
"""


def houses(rows=300, seed=0):
    """A table with numbers, levels, gaps, labels and prices that hang on them."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["flat", "house", "hut"], rows)
    size = np.round(rng.normal(50, 10, rows), 2)
    code = rng.choice(["007", "12", "x1"], rows)
    price = 100 + 3 * (size - 50) + 80 * (kind == "house") + 40 * (code == "007")
    table = pd.DataFrame(
        {
            "size": size,
            "kind": kind,
            "code": code,
            "new": rng.random(rows) > 0.5,
            "street": np.arange(rows) // 5,
            "price": np.round(price, 2),
            "dear": np.where(price > 130, "yes", "no"),
        }
    )
    table.loc[::9, "size"] = np.nan
    table.loc[::13, "kind"] = None
    return table


def known(model, table):
    """The columns that an estimator was fitted on."""
    return table[list(model.feature_names_in_)]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    houses().to_csv("train.csv", index=False)
    houses(40, seed=1).to_csv("new.csv", index=False)
    Path("r.toml").write_text(RECIPE)
    Path("s.toml").write_text(RECIPE.replace("0.02", "{ log_uniform = [0.01, 0.1] }"))
    return tmp_path


@pytest.fixture
def run(home, capfd):
    def run(*arguments):
        status = main(arguments)
        return status, *capfd.readouterr()

    return run


CLASSES = ("train.csv", "--target", "dear", "--drop", "price", "--epochs", "30", "--hidden", "16")
NUMBERS = ("train.csv", "--target", "price", "--drop", "dear", "--epochs", "30", "--hidden", "16")


# --- from a table to answers ----------------------------------------------------------------------


def test_a_classifier_from_a_file_to_answers(run, home):
    status, out, err = run("fit", *CLASSES, "--members", "2", "--out", "m.shoal")
    assert status == 0
    assert err == "model: m.shoal\n"
    assert out.startswith("dear of train.csv: classification, 2 classes\n")
    assert "trained on 270 rows, 5 columns, 12 inputs" in out
    assert "2 networks: mlp([16], activation='relu')" in out
    assert "validation  accuracy" in out
    assert "baseline    always saying" in out
    status, out, err = run("predict", "m.shoal", "new.csv", "--proba", "--out", "p.csv")
    assert (status, out) == (0, "")
    lines = err.splitlines()
    assert lines[0] == "40 rows: p.csv"
    assert lines[1].startswith("dear is in new.csv: accuracy ")
    said, truth = pd.read_csv("p.csv"), pd.read_csv("new.csv")
    assert list(said.columns) == ["dear", "p(no)", "p(yes)"]
    model = shoal.load_model("m.shoal")
    assert (
        np.abs(
            said[["p(no)", "p(yes)"]].to_numpy() - model.predict_proba(known(model, truth))
        ).max()
        < 1e-6
    )
    assert said["dear"].tolist() == model.predict(known(model, truth)).tolist()
    right = 100 * (said["dear"] == truth["dear"]).mean()
    assert right > 80
    assert f"accuracy {right:.2f} %" in lines[1]


def test_a_regressor_with_intervals_as_parquet(run, home):
    assert run("fit", *NUMBERS, "--valid", "80", "--epochs", "200")[0] == 0
    flags = ("--interval", "0.8", "--keep", "street", "--out", "p.parquet")
    status, _, err = run("predict", "train.shoal", "new.csv", *flags)
    assert status == 0
    said, truth = pd.read_parquet("p.parquet"), pd.read_csv("new.csv")
    assert list(said.columns) == ["street", "price", "price_low", "price_high"]
    model = shoal.load_model("train.shoal")
    assert np.allclose(said["price"], model.predict(known(model, truth)))
    intervals = model.predict_interval(known(model, truth), 0.8)
    assert np.allclose(said[["price_low", "price_high"]], intervals)
    rmse = np.sqrt(np.mean((said["price"] - truth["price"]) ** 2))
    assert f"RMSE {rmse:.5g}" in err
    assert rmse < truth["price"].std() / 2


def test_several_targets(run, home):
    table = houses().drop(columns="dear").fillna({"size": 50.0})
    table.to_csv("two.csv", index=False)
    assert run("fit", "two.csv", "--target", "price,size", "--epochs", "5")[0] == 0
    status, out, err = run("predict", "two.shoal", "two.csv")
    assert status == 0
    assert out.startswith("price,size\n")
    assert out.count("\n") == 301
    assert err.startswith("price, size are in two.csv: price: RMSE ")
    assert "; size: RMSE " in err


def houses_with_labels():
    table = houses().drop(columns=["street", "dear", "code"])
    table["large"] = (table["size"] > 50).astype(int)
    return table.assign(dear=(table.pop("price") > 110), old=~table.pop("new"))


def test_several_labels_a_row(run, home):
    from sklearn.metrics import accuracy_score, hamming_loss, log_loss

    table = houses_with_labels()
    table.to_csv("labels.csv", index=False)
    table[200:].to_csv("more.csv", index=False)
    flags = ("--target", "large,dear", "--target", "old", "--test-file", "more.csv")
    status, out, _ = run("fit", "labels.csv", *flags, "--epochs", "40", "--members", "2")
    assert status == 0
    assert out.startswith("large, dear, old of labels.csv: multilabel, 3 labels\n")
    assert "trained on 270 rows, 2 columns" in out
    assert "always saying what is usual: " in out
    status, out, err = run("predict", "labels.shoal", "more.csv", "--proba", "--out", "p.csv")
    assert (status, out) == (0, "")
    said, names = pd.read_csv("p.csv"), ["large", "dear", "old"]
    assert list(said.columns) == [*names, *(f"p({name})" for name in names)]
    truth, labels, p = table[names][200:].astype(int), said[names], said.iloc[:, 3:].to_numpy()
    assert np.array_equal(labels, p > 0.5)
    assert f"all labels right in {100 * accuracy_score(truth, labels):.2f} % of the rows" in err
    assert f", {100 * (1 - hamming_loss(truth, labels)):.2f} % of the labels right, log" in err
    each = [log_loss(truth[name], p[:, i], labels=[0, 1]) for i, name in enumerate(names)]
    assert f"log loss {np.mean(each):.4f} a label, 100 rows" in err
    inspected = run("inspect", "labels.shoal")[1]
    assert "labels         3: large, dear, old\n" in inspected
    found = json.loads(run("fit", "labels.csv", *flags, "--json", "--out", "n.shoal")[1])
    assert found["task"] == "multilabel"
    assert found["test"]["hamming"] == pytest.approx(
        np.mean(list(found["test"]["labels"].values()))
    )


def test_labels_of_ones_own_rows_and_labels_that_are_unknown(run, home):
    table = houses_with_labels()
    table.to_csv("labels.csv", index=False)
    flags = ("labels.csv", "--target", "large,old", "--epochs", "2")
    table[:50].to_csv("valid.csv", index=False)
    status, out, _ = run("fit", *flags, "--valid-file", "valid.csv", "--out", "m.shoal")
    assert status == 0
    assert ", 50 rows\n" in out
    table[:50].assign(large=2).to_csv("wrong.csv", index=False)
    status, _, err = run("fit", *flags, "--valid-file", "wrong.csv", "--out", "n.shoal")
    assert status == 2
    assert "the target in wrong.csv must be 0 and 1 " in err
    table[:50].assign(large=[None, 2, *[1] * 48]).to_csv("some.csv", index=False)
    assert ", 48 rows\n" in run("predict", "m.shoal", "some.csv")[2]


def test_fit_is_what_the_estimator_does_with_the_same_settings(run, home):
    assert run("fit", *CLASSES, "--seed", "3", "--valid", "0.2")[0] == 0
    table = pd.read_csv("train.csv")
    model = shoal.ShoalClassifier(hidden=(16,), epochs=30, random_state=3, valid=0.2)
    model.fit(table.drop(columns=["price", "dear"]), table["dear"])
    ours = shoal.load_model("train.shoal")
    new = known(ours, pd.read_csv("new.csv"))
    assert np.array_equal(ours.predict_proba(new), model.predict_proba(new))


def test_a_recipe_a_weight_groups_and_files_of_ones_own(run, home):
    table = houses().assign(counts=np.arange(300) % 3)
    table.to_csv("train.csv", index=False)
    houses(50, seed=2).to_csv("test.csv", index=False)
    more = ("--recipe", "r.toml", "--weight", "counts", "--groups", "street", "--members", "2")
    flags = ("--target", "dear", "--drop", "price", "--epochs", "3")
    status, out, _ = run("fit", "train.csv", *flags, *more, "--test-file", "test.csv", "--json")
    assert status == 0
    said = json.loads(out)
    assert said["recipe"]["optimizer"] == {
        "kind": "Adam", "lr": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
    }  # fmt: skip
    assert said["columns"] == ["size", "kind", "code", "new"]
    assert said["test"]["rows"] == 50
    assert said["rows"]["training"] + said["validation"]["rows"] == 200  # a third weighs nothing
    assert said["members"] == 2
    houses(30, seed=3).to_csv("valid.csv", index=False)
    status, out, _ = run(
        "fit",
        "train.csv",
        *flags,
        "--drop",
        "counts",
        "--valid-file",
        "valid.csv",
        "--out",
        "v.shoal",
        "--json",
    )
    assert status == 0
    assert json.loads(out)["validation"]["rows"] == 30


def test_figures_are_those_of_the_saved_model(run, home):
    houses(50, seed=2).to_csv("test.csv", index=False)
    _, out, _ = run("fit", *NUMBERS, "--test-file", "test.csv", "--json")
    table = pd.read_csv("test.csv")
    model = shoal.load_model("train.shoal")
    error = model.predict(known(model, table)) - table["price"]
    said = json.loads(out)["test"]
    assert said["rmse"]["price"] == pytest.approx(np.sqrt(np.mean(error**2)))
    r2 = 1 - np.mean(error**2) / table["price"].var(ddof=0)
    assert said["r2"]["price"] == pytest.approx(r2)


def test_without_validation_nothing_is_claimed(run, home):
    status, out, _ = run("fit", *CLASSES, "--valid", "0")
    assert status == 0
    assert "nothing is known of how right it is on new ones" in out
    assert "accuracy" not in out


def test_inspect(run, home):
    run("fit", *CLASSES)
    status, out, err = run("inspect", "train.shoal")
    assert (status, err) == (0, "")
    for text in (
        "model          train.shoal (ShoalClassifier)",
        "target         dear",
        "classes        2: no, yes",
        "inputs         5 columns, 12 inputs of the network",
        "kind    level   4: (missing), flat, house, hut",
        "Affine(16)  16",
        f"shoal {shoal.__version__}",
    ):
        assert text in out
    status, out, err = run("inspect", "train.shoal", "--json")
    said = json.loads(out)
    assert (said["task"], said["targets"], said["classes"]) == (
        "classification",
        ["dear"],
        ["no", "yes"],
    )
    assert said["parameters"] == 12 * 16 + 16 + 16 * 2 + 2
    assert said["columns"][0]["name"] == "size"


def test_inspect_of_images_and_of_a_bare_model(run, home):
    images = np.random.default_rng(0).normal(size=(30, 6, 6)).astype(np.float32)
    model = shoal.ShoalClassifier(network=shoal.convnet([2], 3), epochs=1)
    model.fit(images, np.arange(30) % 2).save("images.shoal")
    status, out, _ = run("inspect", "images.shoal")
    assert status == 0
    assert "images (6, 6), 36 inputs" in out
    model.model_.save("bare.shoal")
    status, out, _ = run("inspect", "bare.shoal")
    assert "bare.shoal (Model)" in out
    status, _, err = run("predict", "bare.shoal", "new.csv")
    assert status == 2
    assert "takes images of shape (6, 6), which no table holds" in err


# --- files larger than the memory -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["n.csv", "n.csv.gz", "n.tsv", "n.parquet"])
def test_files_are_answered_piece_by_piece(name, run, home, monkeypatch):
    run("fit", *NUMBERS)
    table = houses(1000, seed=4)
    if name.endswith(".parquet"):
        table.to_parquet(name)
    else:
        table.to_csv(name, index=False, sep="\t" if ".tsv" in name else ",")
    run("predict", "train.shoal", name, "--out", "whole.csv")
    monkeypatch.setattr("shoal.data.files.read_pieces.__defaults__", (7 * 64, ()))
    assert len(list(read_pieces(name))) > 10
    run("predict", "train.shoal", name, "--out", "pieces.csv")
    whole, pieces = pd.read_csv("whole.csv"), pd.read_csv("pieces.csv")
    assert len(pieces) == 1000
    assert np.allclose(whole["price"], pieces["price"], rtol=1e-5)


def test_what_looks_like_a_number_in_a_piece_stays_the_text_it_was(run, home, monkeypatch):
    """In a piece whose codes are 007 and 12 only, pandas would read 7 and 12."""
    run("fit", *NUMBERS, "--epochs", "60")
    table = houses(200, seed=5).sort_values("code")
    table.to_csv("sorted.csv", index=False)
    model = shoal.load_model("train.shoal")
    monkeypatch.setattr("shoal.data.files.read_pieces.__defaults__", (7 * 10, ()))
    run("predict", "train.shoal", "sorted.csv", "--out", "p.csv")
    assert np.allclose(pd.read_csv("p.csv")["price"], model.predict(known(model, table)), rtol=1e-5)


def test_memory_does_not_grow_with_the_file(run, home):
    run("fit", *NUMBERS, "--epochs", "2")
    lines = houses(4000, seed=6).to_csv(index=False).splitlines(keepends=True)
    with gzip.open("big.csv.gz", "wt", compresslevel=1) as file:
        file.write(lines[0])
        for _ in range(200):
            file.writelines(lines[1:])
    code = """
import resource, sys
import shoal.data.files as files
from shoal.cli import main
files.read_pieces.__defaults__ = (2**15, ())
main(["predict", "train.shoal", sys.argv[1], "--out", sys.argv[2]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = {}
    for source in ("new.csv", "big.csv.gz"):
        done = subprocess.run(
            [sys.executable, "-c", code, source, f"{source}.out.csv"],
            capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        peaks[source] = int(done.stdout.split()[-1])
    assert Path("big.csv.gz.out.csv").read_bytes().count(b"\n") == 800_001
    assert peaks["big.csv.gz"] < peaks["new.csv"] + 100_000  # kB; the table alone has 45 MB of text


def test_a_wrong_row_is_counted_from_the_start_of_the_file(run, home, monkeypatch):
    run("fit", *NUMBERS, "--epochs", "2")
    table = houses(100).astype({"size": object})
    table.loc[77, "size"] = "big"
    table.to_csv("odd.csv", index=False)
    monkeypatch.setattr("shoal.data.files.read_pieces.__defaults__", (7 * 10, ()))
    status, _, err = run("predict", "train.shoal", "odd.csv", "--out", "p.csv")
    assert status == 2
    assert "column 'size' must hold numbers, but row 77 (counted from 0) has 'big'" in err
    assert {p.name for p in Path().iterdir()} == {
        "new.csv", "odd.csv", "r.toml", "s.toml", "train.csv", "train.shoal",
    }  # fmt: skip


def test_predictions_are_printed_for_pipes(run, home):
    run("fit", *CLASSES)
    status, out, err = run("predict", "train.shoal", "new.csv", "--keep", "street")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "street,dear"
    assert len(lines) == 41
    assert err.startswith("dear is in new.csv: accuracy")
    houses(40, seed=1).drop(columns="dear").to_csv("blind.csv", index=False)
    assert run("predict", "train.shoal", "blind.csv")[2] == ""


def test_a_model_of_an_array_takes_the_columns_in_their_order(run, home):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    shoal.ShoalRegressor(hidden=8, epochs=5).fit(x, x[:, 0]).save("array.shoal")
    pd.DataFrame(x, columns=["a", "b", "c"]).to_csv("x.csv", index=False)
    status, out, _ = run("predict", "array.shoal", "x.csv")
    assert status == 0
    said = np.array(out.split()[1:], float)
    assert out.startswith("prediction\n")
    assert np.allclose(said, shoal.load_model("array.shoal").predict(x), rtol=1e-6)
    status, _, err = run("predict", "array.shoal", "new.csv")
    assert status == 2
    assert "array of 3 columns, so the file must have as many" in err


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("train.csv",), "--target is missing: which column of train.csv is to be predicted?"),
        (("train.csv", "--target", "prize"), "unknown target column 'prize': did you mean 'pr"),
        (("nothing.csv", "--target", "y"), "there is no file 'nothing.csv'"),
        (("digits", "--target", "y"), "there is no file 'digits'; shoal fit takes a table in a fi"),
        ((*CLASSES, "--recipe", "r.toml"), "--hidden=16 is said by --recipe; change it in r.toml"),
        ((*CLASSES[:-2], "--recipe", "n.toml"), "cannot read recipes from n.toml"),
        ((*CLASSES[:-2], "--recipe", "train.csv"), "train.csv is not TOML"),
        ((*CLASSES, "--hidden", "many"), "--hidden=many must be whole numbers, such as 100,100"),
        ((*CLASSES, "--valid", "some"), "--valid=some must be a share, such as 0.1, or a number"),
        ((*CLASSES, "--valid", "2.5"), "--valid=2.5 must be"),
        ((*CLASSES, "--valid", "9", "--valid-file", "new.csv"), "not both"),
        ((*CLASSES, "--groups", "road"), "unknown column --groups 'road'"),
        ((*CLASSES, "--weight", "wait"), "unknown column --weight 'wait'"),
        ((*CLASSES, "--split", "groups"), "--split groups needs the group of each row; give --gr"),
        ((*CLASSES, "--out", "r.toml/m.shoal"), "cannot write r.toml/m.shoal: r.toml is no folder"),
        ((*CLASSES, "--out", "."), "--out=. is a folder; give a file, such as model.shoal"),
        ((*CLASSES, "--out", "r.toml"), "r.toml is there already; give --overwrite"),
        ((*CLASSES, "--members", "0"), "members=0 must be a whole number >= 1"),
        ((*CLASSES, "--preset", "good"), "unknown preset 'good'"),
        ((*NUMBERS, "--balanced"), "--balanced is for one label a row, but train.csv is for re"),
        ((*NUMBERS, "--task", "clustering"), "unknown task 'clustering'"),
        ((*CLASSES, "--test-file", "r.toml"), "must be a file .csv"),
        ((*CLASSES, "--drop", "rooms"), "unknown column to drop 'rooms'"),
        ((*CLASSES, "--weight", "code"), "--weight=code must hold numbers"),
        ((".", "--target", "y"), "must be a file .csv, .tsv or .tab (each also .gz), .parquet or "),
        ((".", "--target", "y"), "but is a folder; name a file in it"),
        (("train.csv", "--target", "dear,code"), "text such as 'no'; give one column of labels, o"),
        (("train.csv", "--target", "dear", "--target", "dear"), "--target names 'dear' twice"),
        (("train.csv", "--target", "new,dear"), "labels of one type, but mixes bool, text"),
        (("train.csv", "--target", "new", "--task", "multilabel"), "two columns of 0 and 1 or mo"),
        ((*CLASSES[:-2], "--recipe", "s.toml"), "s.toml has distributions in it, so it is no reci"),
        ((*CLASSES, "--groups", "street", "--valid-file", "new.csv"), "say --drop street"),
        ((*CLASSES, "--seed", "-1"), "--seed=-1 must be a whole number >= 0"),
        ((*CLASSES, "--hidden", "0"), "--hidden=0 must be a whole number >= 1"),
    ],
)  # fmt: skip
def test_mistakes_in_fit(arguments, text, run, home):
    status, out, err = run("fit", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("shoal: ")
    assert text in err
    assert err.count("\n") == 1
    assert not list(Path().glob("*.shoal"))


def test_an_identifier_is_to_be_dropped_in_words_of_the_options(run, home):
    houses().assign(owner=[f"owner {i}" for i in range(300)]).to_csv("train.csv", index=False)
    status, _, err = run("fit", *CLASSES)
    assert status == 2
    assert "leave it out with --drop owner" in err


def test_a_negative_weight_is_named_by_its_column(run, home):
    houses().assign(counts=np.arange(300) - 1.0).to_csv("train.csv", index=False)
    status, _, err = run("fit", *CLASSES, "--weight", "counts")
    assert status == 2
    assert "counts[0]=-1 must be >= 0" in err


def test_columns_that_count_the_rows_or_say_nothing_are_noted(run, home):
    table = houses().assign(id=np.arange(1, 301), city="Bern", gap=np.nan)
    table.to_csv("train.csv", index=False)
    status, _, err = run("fit", *CLASSES, "--epochs", "2")
    assert status == 0
    lines = err.splitlines()
    assert lines[0].startswith("note: column 'id' counts the rows from 1; if it is a row number")
    assert lines[0].endswith("--drop id")
    assert lines[1] == "note: 2 columns say the same in every row: 'city', 'gap'"
    houses().assign(id=np.arange(300) * 2).to_csv("train.csv", index=False)
    assert run("fit", *CLASSES, "--epochs", "2", "--overwrite")[2] == "model: train.shoal\n"


def test_whole_numbers_may_be_meant_otherwise(run, home):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    for name, y, said in (
        ("stars", rng.integers(1, 6, 300), "5 classes (if they are amounts, say --task regressi"),
        ("age", rng.integers(1, 99, 300), "1 number (if they are labels, say --task classificat"),
        ("died", rng.integers(0, 2, 300), "2 classes\n"),
        ("price", x * 2, "1 number\n"),
    ):
        pd.DataFrame({"x": x, name: y}).to_csv(f"{name}.csv", index=False)
        status, out, _ = run("fit", f"{name}.csv", "--target", name, "--epochs", "1")
        assert status == 0
        assert said in out
    status, out, _ = run("fit", "stars.csv", "--target", "stars", "--task", "regression",
                         "--epochs", "1", "--overwrite")  # fmt: skip
    assert "1 number\n" in out


def test_a_recipe_of_several_arms_is_none(run, home):
    arm = 'network = { hidden = [4] }\noptimizer = { kind = "SGD" }\n'
    Path("two.toml").write_text(f"[arms.a]\n{arm}[arms.b]\n{arm}")
    Path("one.toml").write_text(f"[arms.a]\n{arm}")
    status, _, err = run("fit", *CLASSES[:-2], "--recipe", "two.toml")
    assert status == 2
    assert "two.toml has 2 arms (a, b); give a file with one recipe" in err
    assert run("fit", *CLASSES[:-2], "--recipe", "one.toml")[0] == 0


def test_a_test_file_must_have_the_columns_and_labels(run, home):
    houses(20).drop(columns="kind").to_csv("test.csv", index=False)
    status, _, err = run("fit", *CLASSES, "--test-file", "test.csv")
    assert status == 2
    assert "there is no column 'kind' in test.csv; it has size, code, new" in err
    houses(20).assign(dear="perhaps").to_csv("test.csv", index=False)
    status, _, err = run("fit", *CLASSES, "--test-file", "test.csv")
    assert status == 2
    assert "unknown class in the target in test.csv, row 0 (from 0): 'perhaps'" in err


@pytest.fixture
def fitted(run, home):
    run("fit", *CLASSES, "--out", "c.shoal")
    run("fit", *NUMBERS, "--out", "n.shoal")
    return home


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("train.csv", "new.csv"), "train.csv is no model file of shoal"),
        (("x.shoal", "new.csv"), "x.shoal does not exist; give a model file"),
        (("c.shoal", "x.csv"), "there is no file 'x.csv'"),
        (("c.shoal", "c.shoal"), "must be a file .csv"),
        (("c.shoal", "few.csv"), "there is no column 'size' in few.csv; it has kind, code"),
        (("c.shoal", "none.csv"), "has column names but no rows"),
        (("c.shoal", "new.csv", "--interval", "0.9"), "--interval is for numbers"),
        (("n.shoal", "new.csv", "--proba"), "--proba is for classes"),
        (("n.shoal", "new.csv", "--interval", "90"), "--interval=90.0 must be a number > 0"),
        (("n.shoal", "new.csv", "--interval", "0.999"), "--interval=0.999 needs at least 999"),
        (("c.shoal", "new.csv", "--out", "p.xlsx"), "--out=p.xlsx must end in one of .csv"),
        (("c.shoal", "new.csv", "--out", "new.csv"), "new.csv is there already; give --overwrite"),
        (("c.shoal", "new.csv", "--out", "r.toml/p.csv"), "cannot write r.toml/p.csv"),
        (("c.shoal", "new.csv", "--keep", "id"), "unknown column to keep from new.csv 'id'"),
        (("c.shoal", "new.csv", "--keep", "dear"), "--keep=dear is the name of a column of the p"),
    ],
)  # fmt: skip
def test_mistakes_in_predict(arguments, text, run, fitted):
    houses(20).drop(columns="size").to_csv("few.csv", index=False)
    houses(20).head(0).to_csv("none.csv", index=False)
    before = sorted(Path().iterdir())
    status, out, err = run("predict", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("shoal: ")
    assert text in err
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_a_mistake_in_inspect(run, home):
    status, out, err = run("inspect", "train.csv")
    assert (status, out) == (2, "")
    assert "train.csv is no model file of shoal" in err


def test_labels_that_the_model_does_not_know_are_not_judged(run, fitted):
    table = houses(40, seed=1)
    table.loc[:9, "dear"] = "perhaps"
    table.loc[10:12, "dear"] = None
    table.to_csv("odd.csv", index=False)
    status, _, err = run("predict", "c.shoal", "odd.csv", "--out", "p.csv")
    assert status == 0
    assert err.splitlines()[1].endswith(" 27 rows")


def test_ctrl_c_leaves_no_model(home):
    table = pd.concat([houses(5000, seed) for seed in range(4)])
    table.to_csv("big.csv", index=False)
    arguments = ["fit", "big.csv", "--target", "price", "--drop", "dear", "--epochs", "100000"]
    arguments += ["--valid", "0"]  # or it would stop by itself
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    code += "from shoal.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True
    )
    time.sleep(6)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; no model was written" in err
    assert not list(home.glob("*.shoal"))


def test_figures_of_pieces_are_those_of_the_whole():
    table = houses()
    model = shoal.ShoalRegressor(hidden=4, epochs=2).fit(table[["size", "kind"]], table["price"])
    whole, pieces = (Figures(model.model_, ["price"]) for _ in range(2))
    whole.add(model.model_.numbers(table), table)
    for at in range(0, 300, 77):
        some = table.iloc[at : at + 77]
        pieces.add(model.model_.numbers(some), some)
    a, b = whole.numbers(), pieces.numbers()
    assert a["rows"] == b["rows"] == 300
    assert a["rmse"]["price"] == pytest.approx(b["rmse"]["price"])
    assert a["r2"]["price"] == pytest.approx(b["r2"]["price"])
