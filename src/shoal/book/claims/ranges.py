"""Do good learning rates lie in 0.001 to 0.01, and good decays in 1e-8 to 1e-6?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values, percent
from shoal.book.claims.weigh import Part, accuracy_part, joined, told, weigh
from shoal.book.experiment import Setting
from shoal.book.searches import DECAY, DECAY_PATH, LR_PATH, book_space, few
from shoal.book.seeds import curves
from shoal.book.text import Language, Text
from shoal.book.watch import watched
from shoal.plot.style import LOOKS, ZONE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES = tuple(float(f"{10 ** (k / 4):.3g}") for k in range(-16, 1))
"""Four in each decade from 0.0001 to 1."""
DECAYS = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
GOOD_RATES, GOOD_DECAYS = (0.001, 0.01), (1e-8, 1e-6)
"""As the book has them."""
BOOK_RATE, LARGER_RATE = 0.01, 0.1
"""Learning rates at which decays are tried."""
SMALL_DECAY = 1e-7
"""With which learning rates are tried."""

SMALLER_RATES = Text(
    "Learning rates of 0.001 to 0.01 do better than smaller ones",
    "0.001 到 0.01 的学习率优于更小的学习率",
)
LARGER_RATES = Text(
    "Learning rates of 0.001 to 0.01 do better than larger ones",
    "0.001 到 0.01 的学习率优于更大的学习率",
)
NO_DECAY = Text("Decays of 1e-8 to 1e-6 do better than none", "1e-8 到 1e-6 的权重衰减优于不衰减")
LARGER_DECAYS = Text(
    "Decays of 1e-8 to 1e-6 do better than larger ones", "1e-8 到 1e-6 的权重衰减优于更大的衰减"
)
NOTHING = Text(
    "Further: the best decay of 1e-8 to 1e-4 is as good as none",
    "附加问题：1e-8 到 1e-4 中最好的衰减与不衰减一样好",
)
LENGTH = Text("how long is trained", "训练的长短")
AT_RATE = Text("the learning rate", "学习率")
BESIDE = Text("what they are held against", "与哪些取值相比")


def swept(
    path: str,
    values: Sequence[float],
    fixed: Mapping[str, float],
    data: shoal.Dataset,
    seed: int,
    epochs: Sequence[int],
) -> shoal.Comparison:
    """The book's network with every value of one hyperparameter, on images that the seed draws."""
    space = book_space()
    return shoal.compare(
        {f"{value:g}": space.replace({**fixed, path: value}) for value in values},
        few(data, seed),
        seeds=[seed],
        epochs=max(epochs),
        evaluate_every=min(epochs),
        instruments=False,
        progress=False,
    )


def study(setting: Setting) -> Judged:
    """The best inside of the range against the best outside, chosen by other seeds."""
    data = setting.load(valid=0)
    rows = len(data.test)
    lengths = (setting.work(50, 6), setting.work(200, 12))
    rates, decays = RATES[:: setting.work(1, 2)], DECAYS[:: setting.work(1, 2)]
    by_rate: list[shoal.Comparison] = []
    by_decay: dict[float, list[shoal.Comparison]] = {BOOK_RATE: [], LARGER_RATE: []}
    for seed in watched(range(setting.seeds), "seeds"):
        by_rate.append(swept(LR_PATH, rates, {DECAY_PATH: SMALL_DECAY}, data, seed, lengths))
        for rate, done in by_decay.items():
            done.append(swept(DECAY_PATH, decays, {LR_PATH: rate}, data, seed, lengths[:1]))
    rate_tables = {n: tables(by_rate, n) for n in lengths}
    decay_tables = {rate: tables(done, lengths[0]) for rate, done in by_decay.items()}
    parts = [
        part
        for n, both in rate_tables.items()
        for part in rate_parts(
            rates, *both, Text("after {n} epochs", "训练 {n} 轮后").format(n=n), rows
        )
    ]
    parts += [
        part
        for rate, both in decay_tables.items()
        for part in decay_parts(
            decays, *both, Text("with lr {rate:g}", "学习率为 {rate:g}").format(rate=rate), rows
        )
    ]
    findings = weigh(parts)
    everywhere, inside = range(len(rates)), split(rates, GOOD_RATES)[1]
    best = {n: leader(rates, *both, everywhere) for n, both in rate_tables.items()}
    tests = {n: test for n, (_, test) in rate_tables.items()}
    decay_tests = {rate: test for rate, (_, test) in decay_tables.items()}
    sentences = [told(findings)]
    sentences += [
        best_words(n, best[n], leader(rates, *both, inside)) for n, both in rate_tables.items()
    ]
    sentences += [decay_words(rate, decays, test) for rate, test in decay_tests.items()]
    if setting.comparable:
        sentences.append(against_book(best[lengths[0]][0]))
    return Judged(
        findings,
        joined(sentences),
        numbers={
            "rates": rates,
            "decays": decays,
            "valid_accuracy_by_rate": {str(n): valid for n, (valid, _) in rate_tables.items()},
            "test_accuracy_by_rate": {str(n): test for n, test in tests.items()},
            "valid_accuracy_by_decay": {f"{r:g}": v for r, (v, _) in decay_tables.items()},
            "test_accuracy_by_decay": {f"{r:g}": test for r, test in decay_tests.items()},
            "best_rate": {str(n): rate for n, (rate, _) in best.items()},
        },
        pictures={
            "sweep": lambda language: draw_ranges(rates, tests, decays, decay_tests, language)
        },
        captions={
            "sweep": Text(
                "Accuracy on test images for every learning rate and every decay tried; the shaded "
                "range is the one that the book calls good. Decays are tried with {n} epochs. Each "
                "seed draws its own 500 images.",
                "每个学习率和每个权重衰减下的测试准确率；阴影为书中所说的好的范围。"
                "尝试权重衰减时训练 {n} 轮。每个随机种子抽取各自的 500 张图像。",
            ).format(n=lengths[0])
        },
        between=BESIDE,
    )


def rate_parts(
    rates: Sequence[float], valid: Values, test: Values, condition: Text, rows: int
) -> list[Part]:
    """Learning rates called good against smaller and against larger ones."""
    smaller, good, larger = split(rates, GOOD_RATES)
    inside = chosen(valid, test, good)
    return [
        accuracy_part(what, condition, LENGTH, inside, chosen(valid, test, others), rows)
        for what, others in ((SMALLER_RATES, smaller), (LARGER_RATES, larger))
    ]


def decay_parts(
    decays: Sequence[float], valid: Values, test: Values, condition: Text, rows: int
) -> list[Part]:
    """Decays called good against none and against larger ones; and all that the book searched."""
    smaller, good, larger = split(decays, GOOD_DECAYS)
    none = chosen(valid, test, smaller)
    inside, above = chosen(valid, test, good), chosen(valid, test, larger)
    book = chosen(valid, test, split(decays, DECAY)[1])
    return [
        accuracy_part(NO_DECAY, condition, AT_RATE, inside, none, rows),
        accuracy_part(LARGER_DECAYS, condition, AT_RATE, inside, above, rows),
        accuracy_part(NOTHING, condition, AT_RATE, book, none, rows, kind="same", further=True),
    ]


def split(
    values: Sequence[float], ends: tuple[float, float]
) -> tuple[list[int], list[int], list[int]]:
    """The places of the values below a range, inside of it, and above.

    >>> split([0.1, 0.2, 0.3, 0.4], (0.2, 0.3))
    ([0], [1, 2], [3])
    """
    low, high = ends
    return (
        [i for i, value in enumerate(values) if value < low],
        [i for i, value in enumerate(values) if low <= value <= high],
        [i for i, value in enumerate(values) if value > high],
    )


def tables(comparisons: Sequence[shoal.Comparison], epochs: int) -> tuple[Values, Values]:
    """Accuracies on validation and on test images after so many epochs, (seeds, settings) each."""
    return (
        at_epoch(comparisons, "valid_accuracy", epochs),
        at_epoch(comparisons, "test_accuracy", epochs),
    )


def at_epoch(comparisons: Sequence[shoal.Comparison], name: str, epoch: int) -> Values:
    """A quantity after so many epochs, (seeds, arms); a network that diverged is a guess."""
    guess = 1 / comparisons[0].facts["data"]["outputs"]
    found = []
    for comparison in comparisons:
        row = []
        for arm in comparison.names:
            epochs, (curve,) = curves(comparison, arm, name)
            row.append(float(curve[np.flatnonzero(epochs <= epoch)[-1]]))
        found.append(row)
    values: Values = np.nan_to_num(np.array(found), nan=guess)
    return values


def chosen(valid: Values, test: Values, places: Sequence[int]) -> Values:
    """What each seed scores with the setting that the other seeds' validation images choose.

    So no network is judged by a choice that it had a part in, and none by the images chosen by.

    Args:
        valid, test: accuracies (seeds, settings).
        places: of the settings to choose from.

    >>> valid = np.array([[0.5, 0.9], [0.8, 0.5], [0.8, 0.7]])
    >>> chosen(valid, np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), [0, 1])
    array([1., 4., 6.])
    """
    seen = valid[:, places]
    # without rounding, two settings with the same accuracies could differ in the last bit
    others = [np.delete(seen, seed, axis=0).mean(axis=0).round(9) for seed in range(len(seen))]
    picked: Values = test[np.arange(len(test)), np.asarray(places)[np.argmax(others, axis=1)]]
    return picked


def leader(
    values: Sequence[float], valid: Values, test: Values, places: Sequence[int]
) -> tuple[float, Values]:
    """The setting with the best mean on validation images, and its test accuracies (seeds,)."""
    at = max(places, key=lambda place: float(valid[:, place].mean()))
    return values[at], test[:, at]


def best_words(epochs: int, best: tuple[float, Values], inside: tuple[float, Values]) -> Text:
    """The best learning rate of all, and the best of those called good."""
    return Text(
        "After {n} epochs the best learning rate is {rate:g} ({best} on test images); the best of "
        "0.001 to 0.01 is {inner:g} ({inside}).",
        "训练 {n} 轮后最佳学习率为 {rate:g}（测试准确率 {best}）；"
        "0.001 到 0.01 之中最佳的是 {inner:g}（{inside}）。",
    ).format(
        n=epochs,
        rate=best[0],
        best=percent(best[1]),
        inner=inside[0],
        inside=percent(inside[1]),
    )


def decay_words(rate: float, decays: Sequence[float], test: Values) -> Text:
    """What small decays and the largest give at a learning rate."""
    small = sorted({percent(test[:, i]) for i in split(decays, DECAY)[1]})
    return Text(
        "With lr {rate:g}, decays up to 0.0001 give {small} (means), none gives {none}, and "
        "{most:g} gives {last}.",
        "学习率为 {rate:g} 时，不超过 0.0001 的权重衰减平均得到 {small}，不衰减得到 {none}，"
        "{most:g} 得到 {last}。",
    ).format(
        rate=rate,
        small=small[0] if len(small) == 1 else f"{small[0]}–{small[-1]}",
        none=percent(test[:, 0]),
        most=decays[-1],
        last=percent(test[:, -1]),
    )


def against_book(best: float) -> Text:
    """Where the best lies beside the range that the book searched."""
    return Text(
        "The book searched learning rates up to 0.01, and its best five trials lie in the top "
        "quarter of a decade below that; the best rate found here, {best:g}, lies {where} what was "
        "searched.",
        "书中搜索的学习率不超过 0.01，其最好的五次试验都在上限以下四分之一个数量级之内；"
        "这里找到的最佳学习率 {best:g} 在书中搜索的范围之{where}。",
    ).format(best=best, where=Text("outside of", "外") if best > 0.01 else Text("inside of", "内"))


def draw_ranges(
    rates: Sequence[float],
    by_rate: Mapping[int, Values],
    decays: Sequence[float],
    by_decay: Mapping[float, Values],
    language: Language,
) -> Figure:
    """Test accuracy against the learning rate, and against the decay."""
    from shoal.plot.axes import log_ticks

    seeds = len(next(iter(by_rate.values())))
    note = pictures.SEED_BAND.format(n=seeds)
    with pictures.sheet(7.6, 3.7, columns=2, sharey=True) as (figure, axes):
        left, right = axes[0]
        for (epochs, values), look in zip(by_rate.items(), LOOKS, strict=False):
            name = Text("{n} epochs", "{n} 轮").format(n=epochs)[language]
            pictures.band(left, rates, values, look, name)
        left.axvspan(*GOOD_RATES, color=ZONE, lw=0, zorder=1)
        left.set_xscale("log")
        log_ticks(left, "x", min(rates), max(rates))
        places = np.arange(len(decays))
        for (rate, values), look in zip(by_decay.items(), LOOKS[2:], strict=False):
            pictures.band(right, places, values, look, f"lr {rate:g}")
        good = split(decays, GOOD_DECAYS)[1]
        right.axvspan(min(good) - 0.3, max(good) + 0.3, color=ZONE, lw=0, zorder=1)
        right.set_xticks(places, [_short(decay) for decay in decays])
        for ax, what, x in (
            (left, Text("Learning rate", "学习率"), Text("learning rate", "学习率")),
            (right, Text("Weight decay", "权重衰减"), Text("weight decay λ", "权重衰减 λ")),
        ):
            pictures.title(ax, what, language)
            pictures.label(ax, language, x=x)
            ax.legend(handlelength=2.2, loc="lower center")
        pictures.percent_axis(left)
        pictures.label(left, language, y=pictures.ACCURACY)
        pictures.footnote(
            figure,
            note + Text("Shaded: good, says the book.", "阴影：书中所说的好的范围。"),
            language,
        )
    return figure


def _short(decay: float) -> str:
    """A power of ten, or 0.

    >>> _short(1e-8), _short(0.0)
    ('$10^{-8}$', '0')
    """
    return f"$10^{{{round(np.log10(decay))}}}$" if decay else "0"


CLAIM = Claim(
    name="ranges",
    number=8,
    statement=Text(
        "Good learning rates lie in 0.001 to 0.01, and good decays in 1e-8 to 1e-6.",
        "好的学习率在 0.001 到 0.01 之间，好的权重衰减在 1e-8 到 1e-6 之间。",
    ),
    question=Text(
        "The book read this off a search that went up to 0.01 and 1e-4. So the ranges are widened: "
        "its network of six hidden layers, SGD, 400 images to learn from and 100 to choose by, "
        "others for each seed; learning rates from 0.0001 to 1, four in each decade, for 50 epochs "
        "as in the book and for 200; decays from none to 0.1. The best inside of the range is held "
        "against the best outside of it: for each seed both are those that the other seeds' "
        "validation images choose, and the accuracy on test images counts. A better one outside, "
        "or one that is as good, refutes the claim.",
        "书中的结论来自上限为 0.01 和 1e-4 的搜索，因此这里放宽范围：同样的六个隐藏层的网络，SGD，"
        "400 张图像用于训练，100 张用于选择，每个随机种子各不相同；学习率从 0.0001 到 1，"
        "每个数量级四个值，训练 50 轮（同书中）和 200 轮；权重衰减从 0 到 0.1。"
        "把范围内的最佳者与范围外的最佳者相比：对每个随机种子，两者都由其他随机种子的验证图像选出，"
        "再比较测试准确率。范围外若有更好的或同样好的，论断就不成立。",
    ),
    code=swept,
    study=study,
    seeds=10,
)
