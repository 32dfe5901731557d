"""A comparison says what its numbers say: verdicts in words, tables, and files for machines."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import shoal
from shoal import ShoalError
from shoal.comparison import Comparison, Metric

NAN = math.nan

GOOD = [0.95, 0.96, 0.94, 0.95, 0.96]
FAIR = [0.90, 0.91, 0.89, 0.90, 0.91]  # 5 points below, seed by seed
NEAR = [0.951, 0.959, 0.941, 0.949, 0.961]
WIDE = [0.99, 0.60, 0.97, 0.70, 0.98]
DEAD = [NAN] * 5


def verdicts(comparison, metric=None):
    return {(pair.a, pair.b): pair.verdict for pair in comparison.pairs(metric)}


def strictly(text):
    """The value of a JSON text in which nothing is NaN or infinite."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


# --- pairs ------------------------------------------------------------------------------------


def test_the_better_arm_of_a_pair_comes_first(comparison_of):
    [pair] = comparison_of({"fair": FAIR, "good": GOOD}).pairs()
    assert (pair.a, pair.b, pair.verdict) == ("good", "fair", "better")
    assert math.isclose(pair.difference.mean, 0.05)
    assert pair.difference.n == 5


def test_a_smaller_error_is_better(comparison_of):
    [pair] = comparison_of({"good": GOOD, "fair": FAIR}, "test_rmse").pairs()
    assert (pair.a, pair.b, pair.verdict) == ("fair", "good", "better")
    assert math.isclose(pair.difference.mean, -0.05)
    assert pair.words == "fair is better than good: −0.0500 [−0.0500, −0.0500], p < 0.001"


def test_all_pairs_are_judged_in_the_order_of_the_ranking(comparison_of):
    told = comparison_of({"wide": WIDE, "fair": FAIR, "good": GOOD, "near": NEAR, "dead": DEAD})
    assert told.names == ["wide", "fair", "good", "near", "dead"]
    assert told.ranking == ["near", "good", "fair", "wide", "dead"]
    assert verdicts(told) == {
        ("near", "good"): "tied",
        ("near", "fair"): "better",
        ("near", "wide"): "undecided",
        ("near", "dead"): "better",
        ("good", "fair"): "better",
        ("good", "wide"): "undecided",
        ("good", "dead"): "better",
        ("fair", "wide"): "undecided",
        ("fair", "dead"): "better",
        ("wide", "dead"): "better",
    }


def test_p_values_are_adjusted_for_all_pairs(comparison_of):
    noisy = [v + e for v, e in zip(GOOD, [0.01, -0.01, 0.02, 0.0, -0.005], strict=True)]
    alone = comparison_of({"fair": FAIR, "noisy": noisy}).pairs()[0].difference
    three = comparison_of({"fair": FAIR, "noisy": noisy, "wide": WIDE}).pairs()
    among = next(p.difference for p in three if {p.a, p.b} == {"fair", "noisy"})
    assert math.isclose(among.p, 3 * alone.p)
    assert among.low < alone.low < alone.high < among.high


@pytest.mark.parametrize(
    ("arms", "settings", "words"),
    [
        (
            {"good": GOOD, "fair": FAIR},
            {},
            "good is better than fair: +5.00 [+5.00, +5.00] points, p < 0.001",
        ),
        (
            {"good": GOOD, "good too": GOOD},
            {},
            "good and good too are tied: 0.00 [0.00, 0.00] points, p = 1.000, within ±0.5 points",
        ),
        (
            {"near": NEAR, "good": GOOD},
            {},
            "near and good are tied: +0.02 [−0.12, +0.16] points, p = 0.704, within ±0.5 points",
        ),
        (
            {"near": NEAR, "good": GOOD},
            {"margin": 0.001},
            "near and good: undecided: +0.02 [−0.12, +0.16] points, p = 0.704",
        ),
        (
            {"good": GOOD, "fair": FAIR},
            {"margin": 0.05000001},
            "good and fair are tied: +5.00 [+5.00, +5.00] points, p < 0.001, within ±5 points",
        ),
        (
            {"good": GOOD, "wide": WIDE},
            {},
            "good and wide: undecided: +10.40 [−12.91, +33.71] points, p = 0.283",
        ),
        (
            {"good": GOOD, "dead": DEAD},
            {},
            "good is better than dead: all members of dead diverged",
        ),
        (
            {"dead": DEAD, "gone": DEAD},
            {},
            "dead and gone: undecided; all members of both diverged",
        ),
        (
            {"good": GOOD, "fair": [0.90, NAN, 0.89, NAN, 0.92]},
            {},
            "good is better than fair: +4.67 [+3.23, +6.10] points, p = 0.005, 3 of 5 pairs",
        ),
        (
            {"a": [0.9, NAN], "b": [0.8, 0.7]},
            {},
            "a and b: undecided; only 1 pair of runs (difference +10.00 points)",
        ),
        (
            {"a": [0.9, NAN], "b": [NAN, 0.7]},
            {},
            "a and b: undecided; no seed on which both have a value",
        ),
    ],
)  # fmt: skip
def test_a_verdict_in_words(comparison_of, arms, settings, words):
    [pair] = comparison_of(arms, **settings).pairs()
    assert pair.words == words


@pytest.mark.parametrize(
    ("rows", "most", "verdict"),
    [(100, None, "undecided"), (100, 10_000, "undecided"), (10_000, 100, "undecided"),
     (10_000, None, "better"), (10_000, 10_000, "better")],
)  # fmt: skip
def test_one_row_of_the_test_part_on_each_seed_is_no_proof(comparison_of, rows, most, verdict):
    facts = {"data": {"rows": {"train": 7, "valid": 7, "test": rows}}, "evaluate_rows": most}
    arms = {"a": [0.90, 0.85, 0.95], "b": [0.89, 0.84, 0.94]}
    [pair] = comparison_of(arms, facts=facts).pairs()
    assert pair.verdict == verdict
    # errors and losses have no steps
    [pair] = comparison_of({"b": arms["a"], "a": arms["b"]}, "test_rmse", facts=facts).pairs()
    assert pair.verdict == "better"


def test_pairs_can_be_judged_by_the_training_loss(comparison_of):
    loss = {"good": [0.5, 0.6, 0.4], "fair": [0.1, 0.2, 0.05]}
    told = comparison_of({"good": GOOD[:3], "fair": FAIR[:3]}, loss=loss)
    assert verdicts(told) == {("good", "fair"): "better"}
    assert verdicts(told, "loss") == {("fair", "good"): "better"}
    [pair] = told.pairs("loss")
    assert math.isclose(pair.margin, 0.1 * np.mean(loss["fair"]), rel_tol=1e-6)


def test_a_margin_is_one_of_the_metric_it_was_given_for(comparison_of):
    told = comparison_of({"good": GOOD, "fair": FAIR}, margin=0.2)
    assert told.pairs()[0].margin == 0.2
    assert told.pairs("test_accuracy")[0].margin == 0.2
    assert told.pairs("loss")[0].margin == 0.1


def test_a_metric_that_was_not_measured_is_refused(comparison_of):
    told = comparison_of({"good": GOOD})
    for ask in (told.pairs, told.values):
        with pytest.raises(ShoalError, match="unknown metric 'test_acc': did you mean 'test_accu"):
            ask("test_acc")


def test_values_are_in_the_order_of_the_seeds(comparison_of):
    told = comparison_of({"a": WIDE, "b": [0.1, NAN, 0.3, 0.4, 0.5]})
    values = told.values("test_accuracy")
    np.testing.assert_array_equal(values["a"], WIDE)
    np.testing.assert_array_equal(values["b"], [0.1, NAN, 0.3, 0.4, 0.5])


# --- the headline -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arms", "headline"),
    [
        ({"good": GOOD, "fair": FAIR},
         "good has the best mean test accuracy (95.20 ± 1.04 %): better than fair."),
        ({"good": GOOD, "fair": FAIR, "bad": [0.5, 0.4, 0.45, 0.41, 0.49], "dead": DEAD},
         "good has the best mean test accuracy (95.20 ± 1.04 %): better than fair, bad and dead."),
        ({"good": GOOD, "good too": GOOD},
         "good has the best mean test accuracy (95.20 ± 1.04 %): tied with good too."),
        ({"wide": WIDE, "good": GOOD},
         "good has the best mean test accuracy (95.20 ± 1.04 %): "
         "not distinguished from wide by these seeds."),
        ({"good": GOOD, "good too": GOOD, "wide": WIDE, "fair": FAIR, "dead": DEAD},
         "good has the best mean test accuracy (95.20 ± 1.04 %): better than fair and dead; "
         "tied with good too; not distinguished from wide by these seeds."),
        ({"good": GOOD}, "good is the only arm; there is nothing to compare."),
        ({"dead": DEAD}, "Every member of every arm diverged; lower the learning rates."),
        ({"dead": DEAD, "gone": DEAD},
         "Every member of every arm diverged; lower the learning rates."),
        ({"a": [0.9], "b": [0.8]},
         "a has the best mean test accuracy (90.00 %): not distinguished from b by these seeds."),
        # the mean of a is better only because its bad seeds diverged
        ({"a": [0.90, 0.91, NAN, NAN], "b": [0.92, 0.93, 0.1, 0.1]},
         "a has the best mean test accuracy (90.50 ± 6.35 %): "
         "yet worse than b on the seeds that both finished."),
    ],
)  # fmt: skip
def test_the_headline(comparison_of, arms, headline):
    assert comparison_of(arms).headline == headline


# --- the table --------------------------------------------------------------------------------


def test_the_table_lists_arms_from_best_to_worst(comparison_of):
    told = comparison_of({"fair": FAIR, "dead": DEAD, "good": [0.95, 0.96, NAN, 0.95, 0.96]})
    header, rows = told.table()
    assert header == [
        "arm", "test accuracy, final", "test accuracy, best", "training loss, final",
        "steps to loss 1", "diverged", "seconds",
    ]  # fmt: skip
    assert rows == [
        ["good", "95.50 ± 0.92 %", "95.50 ± 0.92 %", "1.00 ± 0.00", "1 (4/5)", "1/5", "0.25"],
        ["fair", "90.20 ± 1.04 %", "90.20 ± 1.04 %", "1.00 ± 0.00", "1", "0/5", "0.25"],
        ["dead", "diverged", "diverged", "diverged", "never", "5/5", "0.25"],
    ]


def test_a_table_of_nothing_but_divergence_has_no_target(comparison_of):
    header, _ = comparison_of({"dead": DEAD}).table()
    assert header[4] == "steps to loss"


def test_the_target_is_where_the_slowest_arm_ends_or_what_is_asked_for(comparison_of):
    loss = {"a": [0.1, 0.3], "b": [0.5, 0.7], "dead": [9.0, 9.0]}
    arms = {"a": [0.9, 0.9], "b": [0.8, 0.8], "dead": [NAN, NAN]}
    told = comparison_of(arms, loss=loss)
    assert math.isclose(told.target, 0.6, rel_tol=1e-6)
    assert [arm.reached for arm in told.arms] == [2, 1, 0]
    told = comparison_of(arms, loss=loss, target=0.2)
    assert told.target == 0.2
    assert [arm.reached for arm in told.arms] == [1, 0, 0]


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ([0.0, 0.0], "0.00 ± 0.00"),
        ([1.25, 1.25], "1.25 ± 0.00"),
        ([0.123456, 0.123456], "0.123 ± 0.000"),
        ([0.00123456] * 2, "0.00123 ± 0.00000"),
        ([54321.987] * 2, "54,322 ± 0"),
        ([1.5e-9, 2.5e-9], "2.0e-09 ± 6.4e-09"),
        ([1.25], "1.25"),
    ],
)
def test_numbers_have_the_digits_they_need(comparison_of, values, cell):
    _, [row] = comparison_of({"a": values}, "test_rmse").table()
    assert row[1] == cell


def test_the_arms_of_the_result_leave_diverged_members_out(comparison_of):
    loss = {"a": [0.1, 0.2, 0.3, 0.4, 99.0]}
    [arm] = comparison_of({"a": [0.7, 0.8, 0.9, 0.8, NAN]}, loss=loss).arms
    assert math.isclose(arm.final.mean, 0.8)
    assert math.isclose(arm.loss.mean, 0.25, rel_tol=1e-6)
    assert {arm.final.n, arm.best.n, arm.loss.n, arm.best_loss.n} == {4}
    assert (arm.diverged, arm.members) == (1, 5)


# --- print ------------------------------------------------------------------------------------


def test_a_printed_comparison(comparison_of):
    text = str(comparison_of({"fair": FAIR, "good": GOOD}))
    assert text == (
        "good has the best mean test accuracy (95.20 ± 1.04 %): better than fair.\n"
        "\n"
        "arm   test accuracy, final  test accuracy, best  training loss, final  "
        "steps to loss 1  diverged  seconds\n"
        + "─" * 105 + "\n"
        "good        95.20 ± 1.04 %       95.20 ± 1.04 %           1.00 ± 0.00  "
        "              1       0/5     0.25\n"
        "fair        90.20 ± 1.04 %       90.20 ± 1.04 %           1.00 ± 0.00  "
        "              1       0/5     0.25\n"
        "\n"
        "Mean over 5 seeds ± half of the 95 % interval.\n"
        "\n"
        "Test accuracy, pair by pair:\n"
        "  good is better than fair: +5.00 [+5.00, +5.00] points, p < 0.001\n"
        "\n"
        "Training loss, pair by pair:\n"
        "  fair and good are tied: 0.00 [0.00, 0.00], p = 1.000, within ±0.1"
    )  # fmt: skip


def test_one_arm_has_no_pairs_to_print(comparison_of):
    text = str(comparison_of({"good": GOOD}))
    assert "good is the only arm; there is nothing to compare." in text
    assert "pair by pair" not in text


def test_one_seed_has_no_intervals(comparison_of):
    text = str(comparison_of({"a": [0.9], "b": [0.8]}))
    assert "Mean over 1 seed.\n" in text
    assert "Note: 1 seed can hardly decide anything; take 5." in text
    assert "±" not in text
    assert "nan" not in text


def test_a_metric_that_is_the_training_loss_is_printed_once(comparison_of):
    told = comparison_of({"a": GOOD, "b": FAIR})
    told = Comparison(told.recipes, told.seeds, Metric("loss"), told.history, None)
    assert str(told).count("pair by pair") == 1
    assert [pair["verdict"] for pair in told.to_dict()["pairs"]["loss"]] == ["tied"]


@pytest.mark.parametrize(
    "arms",
    [{"a": DEAD, "b": DEAD}, {"a": GOOD, "b": DEAD}, {"a": [0.9, NAN], "b": [NAN, 0.9]}],
)
def test_nothing_that_is_said_is_nan(comparison_of, arms):
    told = comparison_of(arms)
    for text in (str(told), told._repr_html_(), told.to_json()):
        assert "nan" not in text.lower()


def test_before_the_first_evaluation_nothing_has_diverged(history_of):
    told = history_of(
        [("a", 0), ("a", 1), ("b", 0), ("b", 1)],
        np.ones((4, 10)),
        {"test_accuracy": np.empty((4, 0))},
    )
    recipe = shoal.Recipe(shoal.mlp([2]), shoal.SGD())
    early = Comparison(
        {"a": recipe, "b": recipe}, (0, 1), Metric("test_accuracy"), told, None, complete=False
    )
    assert early.headline == "Nothing can be said yet: no test accuracy was measured."
    _, rows = early.table()
    assert rows[0] == ["a", "–", "–", "1.00 ± 0.00", "1", "0/2", "0.25"]
    text = str(early)
    assert "Note: training was interrupted; these are the values reached so far." in text
    assert "diverged 2/2" not in text
    assert "a and b: undecided; no seed on which both have a value" in text
    assert "a and b are tied: 0.00 [0.00, 0.00]" in text  # by the training loss, which is there


# --- warnings ---------------------------------------------------------------------------------


def test_divergence_is_told_with_its_first_step(comparison_of):
    [warning] = comparison_of({"good": GOOD, "some": [0.9, NAN, 0.9, NAN, 0.9]}).warnings
    assert warning == "some: diverged 2/5 (first at step 3); left out of its means"


def test_optimizers_at_fixed_learning_rates_are_not_compared_as_such(comparison_of):
    told = comparison_of({"a": GOOD, "b": FAIR})
    assert told.warnings == []
    told.recipes["b"] = shoal.Recipe(shoal.mlp([2]), shoal.Adam())
    [warning] = told.warnings
    assert "this compares these settings, not the optimizers" in warning


def test_what_was_interrupted_says_so(comparison_of):
    told = comparison_of({"a": GOOD, "b": FAIR}, complete=False)
    assert told.warnings == ["training was interrupted; these are the values reached so far"]
    assert told.to_dict()["complete"] is False


# --- for machines -----------------------------------------------------------------------------


def test_the_table_as_a_frame(comparison_of):
    told = comparison_of({"fair": FAIR, "some": [0.9, NAN, 0.8, 0.9, 0.9], "dead": DEAD})
    frame = told.to_frame()
    assert list(frame.index) == ["fair", "some", "dead"]
    assert frame.index.name == "arm"
    assert list(frame.columns) == [
        f"{name}{end}"
        for name in ("final", "best", "loss", "best_loss", "steps_to_target")
        for end in ("", "_low", "_high")
    ] + ["reached", "diverged", "members", "seconds"]
    arm = told.arms[1]
    assert frame.loc["some", "final"] == arm.final.mean
    assert frame.loc["some", "final_low"] == arm.final.low
    assert frame["diverged"].to_list() == [0, 1, 5]
    assert np.isnan(frame.loc["dead", "final"])
    assert {dtype.kind for dtype in frame.dtypes} == {"f", "i"}


@pytest.mark.parametrize(
    "arms",
    [{"a": GOOD, "b": FAIR}, {"a": [0.9], "b": [0.8]}, {"a": DEAD, "ü": GOOD}, {"dead": DEAD}],
)
def test_json_is_json_and_says_the_same(comparison_of, tmp_path, arms):
    told = comparison_of(arms, facts={"odd": np.float64("nan"), "n": np.int64(3), "t": (1, 2)})
    text = told.to_json(tmp_path / "new" / "result.json")
    assert (tmp_path / "new" / "result.json").read_text("utf-8") == text
    plain = strictly(text)
    assert plain == told.to_dict()
    assert plain["facts"] == {"odd": None, "n": 3, "t": [1, 2]}
    assert plain["headline"] == told.headline
    assert plain["ranking"] == told.ranking
    assert plain["seeds"] == list(told.seeds)
    assert [arm["name"] for arm in plain["arms"]] == told.names
    assert [pair["words"] for pair in plain["pairs"]["test_accuracy"]] == [
        pair.words for pair in told.pairs()
    ]
    assert {name: shoal.Recipe.from_dict(r) for name, r in plain["recipes"].items()} == told.recipes


def test_json_that_cannot_be_written_is_one_clear_error(comparison_of, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ShoalError, match=r"^cannot write .*result\.json: .* is no folder$"):
        comparison_of({"a": GOOD}).to_json(tmp_path / "file" / "run" / "result.json")


def test_a_notebook_shows_the_table(comparison_of):
    html = comparison_of({"fair": FAIR, "good": GOOD})._repr_html_()
    assert html.startswith("<p><b>good has the best mean test accuracy")
    assert html.count("<tr>") == 3
    assert html.index("<td>good</td>") < html.index("<td>fair</td>")


def test_names_are_escaped_in_html(comparison_of):
    evil = '<script>alert("x")</script> & co'
    html = comparison_of({evil: GOOD, "b": [0.9, NAN, 0.9, 0.8, 0.9]})._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; co" in html


def test_the_repr_is_short(comparison_of):
    told = comparison_of({"a": GOOD, "b": FAIR})
    assert repr(told) == "<Comparison of a, b on 5 seeds>"


# --- smoothed losses --------------------------------------------------------------------------


def test_losses_are_smoothed_as_verdicts_are_and_end_where_a_member_diverged(blobs):
    recipe = shoal.Recipe(shoal.mlp([4]), shoal.SGD(lr=0.1), batch_size=9)
    wild = recipe.replace({"optimizer.lr": 1e12})
    comparison = shoal.compare({"tame": recipe, "wild": wild}, blobs, steps=60, seeds=2)
    tame, wild = comparison.losses("tame"), comparison.losses("wild")
    assert tame.shape == wild.shape == (2, 60)
    for seed, member in enumerate(comparison.members("tame")):
        raw = comparison.history.curve(int(member), "loss").values.astype(np.float64)
        assert tame[seed, -1] == pytest.approx(raw[-3:].mean())  # a twentieth of 60 steps
        assert tame[seed, 0] == raw[0]
    np.testing.assert_array_equal(tame[:, -1], comparison.values("loss")["tame"])
    for seed, member in enumerate(comparison.members("wild")):
        last = comparison.history.diverged[member]
        assert last > 0
        assert np.isfinite(wild[seed, :last]).all()
        assert np.isnan(wild[seed, last:]).all()


def test_losses_of_an_unknown_arm_are_refused(comparison_of):
    with pytest.raises(ShoalError, match=r"unknown arm 'god': did you mean 'good'\?"):
        comparison_of({"good": GOOD}).losses("god")


# --- ensembles --------------------------------------------------------------------------------


def test_ensembles_of_one_arm_or_of_several(blobs):
    recipes = {
        init: shoal.Recipe(shoal.mlp([4]), shoal.Adam(lr=0.05), init=init, batch_size=16)
        for init in ("he", "xavier")
    }
    told = shoal.compare(recipes, blobs, epochs=2, seeds=4)
    alike, mixed = told.ensemble(arms="xavier", size=3), told.ensemble(size=4)
    assert alike.index.tolist() == told.members("xavier")[:3].tolist()
    assert [member.arm for member in mixed.members] == ["he", "he", "xavier", "xavier"]
    assert len({member.seed for member in mixed.members}) == 4
    best = told.ensemble(best=1)
    valid = told.history.final("valid_accuracy")
    assert valid[best.index[0]] == valid.max()
    expected = told.values("test_accuracy")["he"]
    np.testing.assert_array_equal(
        told.ensemble(arms="he").evaluate("test").members["accuracy"], expected
    )
    assert told.ensemble([0, 5]).index.tolist() == [0, 5]
    with pytest.raises(ShoalError, match=r"^unknown arm 'xavir': did you mean 'xavier'\?"):
        told.ensemble(arms=["he", "xavir"])
