"""The measurement on tables: fair splits, corrected evidence, and a report that says what came."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from benchmarks.tables import __main__, ablation, contestants, data, evidence, generated, report
from benchmarks.tables.contestants import Contestant
from benchmarks.tables.measure import Measured, measure
from benchmarks.tables.table import Table, categorised
from scipy import stats

import shoal
from shoal.estimators.presets import PRESETS


def a_table(task: str = "classification", rows: int = 120, **more) -> Table:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["u", "v", "w"], rows)})
    z = x["a"].to_numpy() + (x["b"] == "u").to_numpy()
    y = np.where(z > 0, "yes", "no") if task == "classification" else 10 * z
    return Table("made", task, categorised(x), y, **({"train_rows": 80, "test_rows": 40} | more))


# --- splits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_splits_are_disjoint_repeatable_and_of_the_size_that_is_said(task):
    table = a_table(task)
    splits = list(table.splits(5))
    assert all(len(train) == 80 and len(test) == 40 for train, test in splits)
    assert all(not np.intersect1d(train, test).size for train, test in splits)
    assert not np.array_equal(splits[0][0], splits[1][0])
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(splits, table.splits(5), strict=True))
    assert table.shared == 0.5


def test_classes_keep_their_shares():
    table = a_table()
    share = np.mean(table.y == "yes")
    for train, test in table.splits(3):
        assert np.mean(table.y[train] == "yes") == pytest.approx(share, abs=1 / 80)
        assert np.mean(table.y[test] == "yes") == pytest.approx(share, abs=1 / 40)


def test_a_table_with_test_rows_of_its_own_trains_on_none_of_them():
    own = np.arange(90, 120)
    table = a_table(train_rows=30, test_rows=30, test=own)
    for train, test in table.splits(3):
        assert np.array_equal(test, own)
        assert train.max() < 90
        assert len(train) == 30
    assert table.shared == 30 / 60  # two draws of 30 of 90 share a third: ρ / (1 - ρ) = 1/2


def test_fresh_rows_are_used_once():
    table = a_table(train_rows=30, test_rows=10, fresh=True)
    splits = list(table.splits(3))
    used = np.concatenate([rows for split in splits for rows in split])
    assert len(used) == len(set(used.tolist())) == 120
    assert all(len(train) == 30 for train, _ in splits)
    assert table.shared == 0
    with pytest.raises(SystemExit, match="made has rows for 3 splits only"):
        list(table.splits(4))


def test_scores():
    table = a_table("regression")
    rows = np.arange(4)
    assert table.score(table.y[rows] + np.array([3, -3, 3, -3]), rows) == pytest.approx(3)
    labels = a_table()
    assert labels.score(np.where(labels.y[:4] == "yes", "no", "yes"), rows) == 0
    assert labels.score(labels.y[:4], rows) == 1


@pytest.mark.parametrize("table", generated.generated(), ids=lambda table: table.name)
def test_what_is_made_up_is_the_same_every_time_and_can_be_learnt(table):
    again = next(t for t in generated.generated() if t.name == table.name)
    pd.testing.assert_frame_equal(table.x, again.x)
    assert np.array_equal(table.y, again.y)
    assert len(table.x) == len(table.y) == generated.ROWS
    assert len(list(table.splits(generated.SPLITS))) == generated.SPLITS
    train, test = next(table.splits(1))
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesRegressor if table.task == "regression" else ExtraTreesClassifier
    forest = contestants.prepared(kind(30, min_samples_leaf=3, random_state=0))
    score = table.score(
        forest.fit(table.x.iloc[train], table.y[train]).predict(table.x.iloc[test]), test
    )
    if table.task == "regression":
        assert score < 0.9 * table.y[test].std()
    else:
        assert score > 1.2 * np.unique(table.y[test], return_counts=True)[1].max() / len(test)


def test_no_table_is_both_chosen_on_and_reported_as_real():
    chosen = {table.name for table in ablation.tables()} | set(data.EMBEDDED)
    assert not chosen & set(data.REAL)


# --- evidence -----------------------------------------------------------------------------------


def test_without_shared_rows_it_is_the_usual_t_test():
    a, b = np.random.default_rng(0).normal(size=(2, 12))
    [d] = evidence.differences([(a, b)], shared=0.0)
    usual = stats.ttest_rel(a, b)
    assert d.p == pytest.approx(usual.pvalue)
    low, high = usual.confidence_interval()
    assert (d.low, d.high) == pytest.approx((low, high))
    assert d.p == pytest.approx(shoal.paired_difference(a, b).p)


def test_shared_rows_widen_the_interval_as_nadeau_and_bengio_say():
    values = np.random.default_rng(1).normal(size=10)
    plain, wide = (evidence.interval(values, shared) for shared in (0.0, 1 / 3))
    assert wide.mean == plain.mean
    ratio = (wide.high - wide.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(np.sqrt((1 / 10 + 1 / 3) / (1 / 10)))


def test_rounding_to_rows_is_no_certain_proof():
    a, b = np.full(8, 0.91), np.full(8, 0.90)
    assert evidence.differences([(a, b)], shared=0.5)[0].p < 1e-6
    assert evidence.differences([(a, b)], shared=0.5, step=0.05)[0].p > 0.3
    [equal] = evidence.differences([(a, a)], shared=0.5, step=0.05)
    assert (equal.mean, equal.low, equal.high, equal.p) == (0, 0, 0, 1)


def test_equal_contestants_are_rarely_told_apart_on_splits_that_share_rows():
    # the mean of random subsamples of one sample: plain t-tests are wrong far too often
    rng = np.random.default_rng(2)
    wrong = {0.0: 0, 1 / 3: 0}
    for _ in range(300):
        sample = rng.normal(size=400)
        means = [sample[rng.permutation(400)[:100]].mean() for _ in range(8)]
        for shared in wrong:
            [d] = evidence.differences([(means, np.zeros(8))], shared)
            wrong[shared] += d.p < 0.05
    assert wrong[0.0] / 300 > 0.2
    assert wrong[1 / 3] / 300 < 0.1


# --- measuring ----------------------------------------------------------------------------------


class Remembers:
    """An estimator that notes when it was asked what."""

    log: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed

    def fit(self, x, y):
        self.log.append((self.name, self.seed))
        values, counts = np.unique(y, return_counts=True)
        self.answer = values[counts.argmax()]
        return self

    def predict(self, x):
        return np.full(len(x), self.answer)


def remembering(name: str) -> Contestant:
    return Contestant(name, "nothing", lambda table, seed: Remembers(name, seed))


def test_contestants_take_turns_that_rotate():
    Remembers.log.clear()
    found = measure(a_table(), [remembering(name) for name in "abc"], splits=3)
    assert "".join(name for name, _ in Remembers.log) == "abcbcacab"
    assert [seed for _, seed in Remembers.log] == [0] * 3 + [1] * 3 + [2] * 3
    assert found.scores.shape == found.fit_seconds.shape == (3, 3)
    assert (found.scores[0] == found.scores[1]).all()
    assert (found.fit_seconds > 0).all()


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("peer", contestants.peers(), ids=lambda peer: peer.name)
def test_every_peer_learns_from_levels_gaps_and_numbers(task, peer):
    table = a_table(task, rows=400, train_rows=300, test_rows=100)
    x = table.x.copy()
    x.loc[::9, "a"] = np.nan
    x.loc[1::9, "b"] = None
    found = measure(replace(table, x=x), [peer], splits=1)
    if task == "regression":
        assert found.scores[0, 0] < 0.7 * table.y.std()
    else:
        assert found.scores[0, 0] > 0.75


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("package", ["skorch", "pytabkit"])
def test_optional_peers_learn_if_they_are_there(task, package):
    pytest.importorskip(package)
    from benchmarks.tables import with_pytabkit, with_skorch

    module = {"skorch": with_skorch, "pytabkit": with_pytabkit}[package]
    table = a_table(task, rows=400, train_rows=300, test_rows=100)
    found = measure(table, [module.contestant()], splits=1)
    if task == "regression":
        assert found.scores[0, 0] < 0.5 * table.y.std()
    else:
        assert found.scores[0, 0] > 0.85


# --- the report ---------------------------------------------------------------------------------


def fake(task: str, gains: dict[str, float]) -> Measured:
    """Scores around given means, with a little noise that differs from contestant to contestant."""
    rng = np.random.default_rng(3)
    who = tuple(Contestant(name, "said", lambda table, seed: None) for name in gains)
    scores = np.array([[m] for m in gains.values()]) + 0.002 * rng.normal(size=(len(gains), 8))
    return Measured(a_table(task), who, scores, np.ones_like(scores), np.ones_like(scores))


@pytest.mark.parametrize(("task", "sign"), [("classification", 1), ("regression", -1)])
def test_wins_and_losses_are_marked_alike(task, sign):
    names = ('Shoal "tuned" × 5', 'Shoal "tuned"', 'Shoal "book"', "better", "worse", "same")
    middle = 0.8
    values = (middle, middle, middle, middle + sign * 0.1, middle - sign * 0.1, middle)
    found = fake(task, dict(zip(names, values, strict=True)))
    told = {row[0]: row for row in report.text(found).rows}
    assert report.text(found).rows[0][0] == "better"
    assert told["better"][2].endswith("▼")
    assert told["worse"][2].endswith("▲")
    assert told["same"][2].endswith("·")
    against = {row[0]: row[1:] for row in report.summary([found, found]).rows}
    assert against["better"] == ("0 ▲ 2 ▼ 0 ·",) * 3
    assert against["worse"] == ("2 ▲ 0 ▼ 0 ·",) * 3
    assert set(against) == {"better", "worse", "same"}


def test_an_rmse_is_compared_by_shares():
    found = fake("regression", {'Shoal "tuned"': 0.9, "peer": 1.0})
    [difference] = report.compared(found).values()
    assert difference.mean == pytest.approx(-np.log(0.9), abs=0.005)
    assert re.match(r"\+10\.\d %|\+9\.\d %", report.text(found).rows[1][2])


def test_only_what_stands_between_the_markers_changes(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.put(page, "new")
    expected = f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert page.read_text(encoding="utf-8") == expected
    page.write_text("no markers", encoding="utf-8")
    with pytest.raises(SystemExit, match="must hold"):
        report.put(page, "new")


def test_the_command_runs_and_writes_the_page(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr(contestants, "peers", lambda: [remembering("the most frequent")])
    monkeypatch.setitem(
        PRESETS, "tuned", lambda task, rows: PRESETS["book"](task, rows) | {"epochs": 2}
    )
    page = tmp_path / "page.md"
    page.write_text(f"{report.BEGIN}{report.END}", encoding="utf-8")
    assert __main__.main(["titanic", "iris", "wine", "--quick", "--markdown", str(page)]) == 0
    written, said = page.read_text(encoding="utf-8"), capsys.readouterr().out
    assert "titanic: No such file" in said
    assert "set SHOAL_DATA" in written
    for name in ("iris", "wine"):
        assert name in said
        assert f"#### {name.capitalize()}" in written
    rows = [line for line in written.splitlines() if line.startswith('| Shoal "tuned" × 5 |')]
    assert len(rows) == 2
    assert "How often Shoal has won" in written


def test_the_ablation_runs_and_its_changes_are_the_constructors(capsys, monkeypatch):
    import inspect

    known = set(inspect.signature(shoal.ShoalClassifier).parameters)
    for change in ablation.CHANGES.values():
        assert set(change) <= known
        settled = PRESETS["tuned"]("classification", 1000)
        assert all(settled.get(name) != value for name, value in change.items())
    small = [a_table(), a_table("regression")]
    monkeypatch.setattr(ablation, "tables", lambda: small)
    monkeypatch.setitem(
        PRESETS, "tuned", lambda task, rows: PRESETS["book"](task, rows) | {"epochs": 2}
    )
    assert __main__.main(["--ablation", "--quick"]) == 0
    assert "no embedding of numbers" in capsys.readouterr().out


def test_worth_is_the_mean_over_the_tables_of_a_task():
    tables = (a_table(), a_table(), a_table("regression"))
    gains = np.array([[[1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [-7.0, -8.0, -9.0]]])
    found = ablation.Ablation(tables, gains)
    assert ablation.worth(found, "classification")[0].mean == pytest.approx(3)
    assert ablation.worth(found, "regression")[0].mean == pytest.approx(-8)
    [row] = ablation.text(found).rows
    assert row[1].startswith("+3.00")
    assert row[2].startswith("-8.00")
