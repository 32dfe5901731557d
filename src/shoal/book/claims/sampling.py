"""Does a log scale beat a linear one for learning rates, and random search a grid?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values, percent
from shoal.book.claims.weigh import accuracy_part, joined, told, weigh
from shoal.book.claims.winners import NETWORK, searched, worth
from shoal.book.experiment import Setting
from shoal.book.searches import DECAY, LR, LR_PATH, book_space, few, values_of
from shoal.book.text import Language, Text
from shoal.book.watch import watched
from shoal.plot.style import LOOKS, MUTED, PAGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Ends = tuple[float, float]

RANGES = (LR, (1e-4, 1.0), (1e-3, 10.0))
"""Of learning rates: of the book's search, of Ng's example, and one that reaches too far."""
SIDE = 5
"""Values of each hyperparameter on a grid, which is what sampler="grid" takes."""
FIRST_WEIGHTS = (0.01, 1.0)
"""Standard deviations, of which some are much too small and others much too large."""
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, whole numbers taken off, spread evenly over 0 to 1 however many there are."""

LOG = Text("A log scale beats a linear one", "对数尺度优于线性尺度")
RANDOM = Text(
    "Random search beats a grid where one of two hyperparameters matters little",
    "两个超参数之一不太重要时，随机搜索优于网格",
)
RANDOM_BOTH = Text(
    "Further: random search beats a grid where both matter",
    "附加问题：两个都重要时，随机搜索也优于网格",
)
UP_TO = Text("learning rates from {low:g} to {high:g}", "学习率从 {low:g} 到 {high:g}")
WHERE = Text("where the range of learning rates ends", "学习率范围的上限")
PLANES = {
    "decay": Text("learning rate and weight decay", "学习率和权重衰减"),
    "init": Text("learning rate and size of the first weights", "学习率和初始权重的大小"),
}
BOTH = Text("which hyperparameters are searched", "搜索哪些超参数")
WAYS = {
    "linear": Text("linear", "线性"),
    "log": Text("log", "对数"),
    "grid": Text("grid", "网格"),
    "random": Text("random", "随机"),
}
SHORT = {
    "decay": Text("lr and decay", "学习率和衰减"),
    "init": Text("lr and first weights", "学习率和初始权重"),
}
SHORT_UP_TO = Text("lr up to {high:g}", "学习率至 {high:g}")
TITLE = Text("Test accuracy of the winners", "优胜者的测试准确率")
ONE_LINE = Text(
    "Each line is one of {n} seeds: the same images, searched in two ways.",
    "每条线是 {n} 个随机种子之一：相同的图像，两种搜索方式。",
)
OF_WHAT = Text("whether it is about scales or about grids", "说的是尺度还是网格")

Studies = dict[str, shoal.Study | None]


def on_both_scales(
    ends: Ends, data: shoal.Dataset, repetition: int, trials: int, epochs: int
) -> Studies:
    """The same random numbers as learning rates on a linear scale and on a log scale."""
    rates_on = {"linear": shoal.uniform(*ends), "log": shoal.log_uniform(*ends)}
    return {
        scale: searched(
            book_space(network=NETWORK, **{LR_PATH: rates}), data, repetition, trials, epochs
        )
        for scale, rates in rates_on.items()
    }


def grid_and_random(
    space: shoal.Recipe, data: shoal.Dataset, repetition: int, epochs: int
) -> Studies:
    """As many trials on a grid of two hyperparameters as at random."""
    return {
        sampler: searched(space, data, repetition, SIDE**2, epochs, sampler=sampler)
        for sampler in ("grid", "random")
    }


def planes(repetition: int) -> dict[str, shoal.Recipe]:
    """The two spaces for grids; their ranges shift from repetition to repetition.

    Where a grid's few values lie beside the best one is luck. So every range shifts by a share of
    the distance of two values that is another one each time.
    """
    shift, other = (k * (repetition + 1) * GOLDEN % 1 for k in (1, 2))
    lr = moved((1e-4, 1.0), -shift)
    return {
        "decay": book_space(lr, moved(DECAY, -other), network=NETWORK),
        "init": book_space(
            lr,
            network=NETWORK,
            init=shoal.log_uniform(*moved(FIRST_WEIGHTS, other - 0.5)),
            weight_decay=0.0,
        ),
    }


def moved(ends: Ends, share: float) -> Ends:
    """A range on a log scale, moved by a share of the distance of two values on its grid.

    >>> [round(end, 9) for end in moved((1e-4, 1.0), -0.5)]
    [3.1623e-05, 0.316227766]
    """
    low, high = ends
    factor = (high / low) ** (share / (SIDE - 1))
    return low * factor, high * factor


def study(setting: Setting) -> Judged:
    """Winners on test images, repetition by repetition."""
    data = setting.load(valid=0)
    trials, epochs = setting.work(16, 6), setting.work(50, 1)
    scales: dict[Ends, list[Studies]] = {ends: [] for ends in RANGES}
    grids: dict[str, list[Studies]] = {name: [] for name in PLANES}
    for repetition in watched(range(setting.seeds), "seeds"):
        some = few(data, repetition)
        for ends, found in scales.items():
            found.append(on_both_scales(ends, some, repetition, trials, epochs))
        for name, space in planes(repetition).items():
            grids[name].append(grid_and_random(space, some, repetition, epochs))
    on_scale = {ends: on_test_of(found, data) for ends, found in scales.items()}
    on_plane = {name: on_test_of(found, data) for name, found in grids.items()}
    rows = len(data.test)
    parts = [
        accuracy_part(
            LOG, UP_TO.format(low=ends[0], high=ends[1]), WHERE, test["log"], test["linear"], rows
        )
        for ends, test in on_scale.items()
    ]
    parts += [
        accuracy_part(
            what, PLANES[name], BOTH, on_plane[name]["random"], on_plane[name]["grid"], rows,
            further=name != "decay",
        )
        for name, what in (("decay", RANDOM), ("init", RANDOM_BOTH))
    ]  # fmt: skip
    findings = weigh(parts)
    rates = {ends: rates_of(found) for ends, found in scales.items()}
    return Judged(
        findings,
        joined([
            told(findings),
            *(scale_words(ends, on_scale[ends], rates[ends]) for ends in RANGES),
            *(plane_words(name, on_plane[name]) for name in PLANES),
        ]),
        numbers={
            "trials": trials,
            "epochs": epochs,
            "test_accuracy": {f"{low:g} to {high:g}": on_scale[low, high] for low, high in RANGES}
            | on_plane,
            "learning_rates": {f"{low:g} to {high:g}": rates[low, high] for low, high in RANGES},
        },
        pictures={
            "winners": lambda language: draw_winners(
                {SHORT_UP_TO.format(high=ends[1]): test for ends, test in on_scale.items()}
                | {SHORT[name]: test for name, test in on_plane.items()},
                language,
            )
        },
        captions={
            "winners": Text(
                "What the winner of each search scores on test images, trained anew on fresh "
                "seeds; a line joins the two searches of one seed, on the same images.",
                "每次搜索的优胜者用新的随机种子重新训练后的测试准确率；"
                "连线表示同一随机种子、相同图像上的两次搜索。",
            )
        },
        between=OF_WHAT,
    )  # fmt: skip


def on_test_of(studies: list[Studies], data: shoal.Dataset) -> dict[str, Values]:
    """What the winners are worth, (seeds,) by way."""
    return {way: np.array([worth(each[way], data) for each in studies]) for way in studies[0]}


def rates_of(studies: list[Studies]) -> dict[str, Values]:
    """All learning rates that were tried, by way; none of searches that found nothing."""
    found: dict[str, list[Values]] = {way: [np.empty(0)] for way in studies[0]}
    for each in studies:
        for way, one in each.items():
            if one is not None:
                found[way].append(values_of(one, LR_PATH))
    return {way: np.concatenate(rates) for way, rates in found.items()}


def scale_words(ends: Ends, test: Mapping[str, Values], rates: Mapping[str, Values]) -> Text:
    """What both scales come to in a range, and how many trials each spends in its top decade."""
    top = {way: 100 * float((tried > ends[1] / 10).mean()) for way, tried in rates.items()}
    return Text(
        "From {low:g} to {high:g}, {log} on a log scale and {linear} on a linear one, which spends "
        "{spent:.0f} % of its trials above {tenth:g} (log: {log_spent:.0f} %).",
        "从 {low:g} 到 {high:g}：对数尺度 {log}，线性尺度 {linear}；"
        "线性尺度有 {spent:.0f} % 的试验大于 {tenth:g}（对数尺度 {log_spent:.0f} %）。",
    ).format(
        low=ends[0],
        high=ends[1],
        tenth=ends[1] / 10,
        log=percent(test["log"]),
        linear=percent(test["linear"]),
        spent=top["linear"],
        log_spent=top["log"],
    )


def plane_words(name: str, test: Mapping[str, Values]) -> Text:
    """What a grid and random search come to."""
    return Text(
        "Of {what}, a grid of {side} × {side} finds {grid} and random search {random}.",
        "对{what}，{side} × {side} 的网格得到 {grid}，随机搜索得到 {random}。",
    ).format(
        what=PLANES[name], side=SIDE, grid=percent(test["grid"]), random=percent(test["random"])
    )


def draw_winners(tests: Mapping[Text, Mapping[str, Values]], language: Language) -> Figure:
    """Two searches side by side for each question, one line for each seed."""
    with pictures.sheet(7.6, 3.6, columns=len(tests), sharey=True) as (figure, axes):
        for ax, (what, test) in zip(axes[0], tests.items(), strict=True):
            pairs = np.stack(list(test.values()))
            ax.plot([0, 1], pairs, color=MUTED, linewidth=0.8, alpha=0.6, zorder=2)
            for place, (values, look) in enumerate(zip(pairs, LOOKS, strict=False)):
                ax.plot(
                    np.full(len(values), place),
                    values,
                    look.marker,
                    color=look.colour,
                    markersize=look.size,
                    markeredgecolor=PAGE,
                    markeredgewidth=0.6,
                    zorder=3,
                )
            ax.set_xlim(-0.4, 1.4)
            ax.set_xticks([0, 1], [WAYS[way][language] for way in test])
            ax.grid(visible=False, axis="x")
            pictures.label(ax, language, x=what)
        pictures.title(axes[0, 0], TITLE, language)
        pictures.percent_axis(axes[0, 0])
        pictures.label(axes[0, 0], language, y=pictures.ACCURACY)
        pictures.footnote(figure, ONE_LINE.format(n=pairs.shape[1]), language)
    return figure


CLAIM = Claim(
    name="sampling",
    number=10,
    statement=Text(
        "Searching the learning rate on a log scale beats a linear one; random search beats a grid "
        "when one hyperparameter matters little.",
        "按对数尺度搜索学习率优于线性尺度；当某个超参数不太重要时，随机搜索优于网格。",
    ),
    question=Text(
        "Three hidden layers of 50 units (smaller than the book's, so that many searches can be "
        "afforded), 50 epochs on 400 images, 100 to choose by, others for each seed. "
        "Scales: 16 random trials of learning rate and decay, the rates drawn on either scale from "
        "the same random numbers, in three ranges of four decades. Grids: 5 × 5 trials of learning "
        "rate and decay, of which the latter hardly matters, against 25 at random; the ranges are "
        "shifted for each seed, so that no grid hits the best value by luck. And what if both "
        "matter: learning rate and size of the first weights? What counts is what the winner does "
        "on test images, trained anew on five fresh seeds. Half a point does not matter.",
        "三个各含 50 个单元的隐藏层（比书中的小，以便重复多次搜索），"
        "在 400 张图像上训练 50 轮，用另外 100 张选择，每个随机种子各不相同。"
        "尺度：对学习率和权重衰减随机试验 16 次，学习率由同样的随机数分别按两种尺度得出，"
        "取三个各跨四个数量级的范围。网格：学习率和权重衰减各取 5 个值共 5 × 5 次试验，"
        "其中后者几乎不重要，与随机的 25 次相比；范围随每个随机种子移动，"
        "以免网格碰巧落在最佳值上。再问：如果两者都重要（学习率和初始权重的大小）又如何？"
        "要紧的是优胜者用 5 个新的随机种子重新训练后的测试准确率。半个百分点以内视为可忽略。",
    ),
    code=on_both_scales,
    study=study,
    seeds=16,
)
