"""Does narrowing the range beat spending the same trials in the first; Bayesian search random?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values, percent
from shoal.book.claims.weigh import accuracy_part, joined, told, weigh
from shoal.book.claims.winners import NETWORK, searched, worth
from shoal.book.experiment import Setting
from shoal.book.searches import (
    DECAY,
    DECAY_PATH,
    LR,
    LR_PATH,
    best_so_far,
    book_space,
    few,
    scores,
)
from shoal.book.text import Language, Text, listed
from shoal.book.watch import watched
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = (1e-6, 1.0)
"""Learning rates with the best ones well inside."""
BEST = 0.2
"""Share of the trials so far around which the next range lies."""
ROUNDS = 3
WAYS = {
    "random": Text("random", "随机"),
    "narrowing": Text("narrowing", "逐轮收窄"),
    "tpe": Text("Bayesian", "贝叶斯"),
}
RANGES = {
    LR: Text("the book's range, lr up to 0.01", "书中的范围，学习率不超过 0.01"),
    WIDE: Text("a wider range, lr up to 1", "更宽的范围，学习率不超过 1"),
}
BEATS = {
    "narrowing": Text("Narrowing beats the first range", "逐轮收窄优于始终在最初范围内搜索"),
    "tpe": Text("Bayesian search beats random search", "贝叶斯搜索优于随机搜索"),
}
FURTHER = Text(
    "Further: random search in the wider range beats a guided one in the book's",
    "附加问题：在更宽范围内的随机搜索优于在书中范围内的引导式搜索",
)
GUIDED = {
    "narrowing": Text("narrowing, lr up to 0.01", "逐轮收窄，学习率不超过 0.01"),
    "tpe": Text("Bayesian, lr up to 0.01", "贝叶斯，学习率不超过 0.01"),
}
THE_RANGE = Text("the range searched first", "最初搜索的范围")
THE_WAY = Text("the way of searching", "搜索的方法")


class Narrowing:
    """Rounds of random search; each in the range around the best trials so far.

    What the book does by eye: look at the best fifth of the trials, and go on between the values
    tried next below and next above them. Where scores rise to one best value and fall behind it,
    that value is never lost. No range leaves the first one.

    Args:
        lr, decay: the first ranges, on a log scale.
        seed: of the draws.
        batch: trials in a round.
    """

    def __init__(
        self, lr: tuple[float, float], decay: tuple[float, float], seed: int, batch: int
    ) -> None:
        self.ranges = {LR_PATH: lr, DECAY_PATH: decay}
        self.batch = batch
        self._random = np.random.default_rng((seed, 9))
        self._told: list[Any] = []

    def ask(self, count: int) -> list[dict[str, float]]:
        """Values for so many trials."""
        drawn = {
            path: (low * (high / low) ** self._random.random(count)).clip(low, high)
            for path, (low, high) in self.ranges.items()
        }
        return [{path: float(values[i]) for path, values in drawn.items()} for i in range(count)]

    def tell(self, results: Sequence[Any]) -> None:
        """Narrow to the best of all trials so far."""
        self._told += results
        ranked = sorted(self._told, key=lambda told: (-told.score, told.number))
        best = ranked[: math.ceil(BEST * len(ranked))]
        self.ranges = {path: self._around(path, best, ends) for path, ends in self.ranges.items()}

    def _around(
        self, path: str, best: Sequence[Any], ends: tuple[float, float]
    ) -> tuple[float, float]:
        """From the value tried next below those of the best to that next above, within a range."""
        low, high = (f(told.values[path] for told in best) for f in (min, max))
        tried = [told.values[path] for told in self._told]
        return (
            max([value for value in tried if value < low] + [ends[0]]),
            min([value for value in tried if value > high] + [ends[1]]),
        )


def searches(
    lr: tuple[float, float], data: shoal.Dataset, repetition: int, trials: int, epochs: int
) -> dict[str, shoal.Study | None]:
    """The same trials spent in three ways on the same images."""
    space = book_space(lr, network=NETWORK)
    narrowing = Narrowing(lr, DECAY, repetition, batch=math.ceil(trials / ROUNDS))
    return {
        "random": searched(space, data, repetition, trials, epochs),
        "narrowing": searched(space, data, repetition, trials, epochs, sampler=narrowing),
        "tpe": searched(space, data, repetition, trials, epochs, sampler="tpe", batch=8),
    }


def study(setting: Setting) -> Judged:
    """Winners on test images, repetition by repetition."""
    data = setting.load(valid=0)
    trials, epochs = setting.work(48, 18), setting.work(50, 2)
    done = [
        {ends: searches(ends, few(data, seed), seed, trials, epochs) for ends in RANGES}
        for seed in watched(range(setting.seeds), "seeds")
    ]
    test = {
        ends: {way: np.array([worth(each[ends][way], data) for each in done]) for way in WAYS}
        for ends in RANGES
    }
    rows = len(data.test)
    parts = [
        accuracy_part(what, condition, THE_RANGE, test[ends][way], test[ends]["random"], rows)
        for way, what in BEATS.items()
        for ends, condition in RANGES.items()
    ]
    parts += [
        accuracy_part(
            FURTHER, GUIDED[way], THE_WAY, test[WIDE]["random"], test[LR][way], rows,
            further=True,
        )
        for way in BEATS
    ]  # fmt: skip
    findings = weigh(parts)
    so_far = {
        ends: {way: np.array([curve(each[ends][way], trials) for each in done]) for way in WAYS}
        for ends in RANGES
    }
    rates = {
        ends: {way: np.array([winning_rate(each[ends][way]) for each in done]) for way in WAYS}
        for ends in RANGES
    }
    return Judged(
        findings,
        joined([told(findings), *(range_words(ends, test, so_far, rates) for ends in RANGES)]),
        numbers={
            "trials": trials,
            "epochs": epochs,
            **{
                name: {f"{ends[0]:g} to {ends[1]:g}": ways for ends, ways in table.items()}
                for name, table in (
                    ("test_accuracy", test),
                    ("best_so_far", so_far),
                    ("winning_rate", rates),
                )
            },
        },
        pictures={"so-far": lambda language: draw_so_far(so_far, language)},
        captions={
            "so-far": Text(
                "Best validation accuracy so far against the number of trials. It flatters every "
                "search, as the best of {n} scores on {rows} images is partly luck; the findings "
                "above are about test images and networks trained anew.",
                "到目前为止的最佳验证准确率随试验次数的变化。它美化了每一种搜索，因为在 {rows} 张"
                "图像上 {n} 个得分中的最高者部分出于运气；上面的结果针对测试图像和重新训练的网络。",
            ).format(n=trials, rows=len(few(data, 0).valid))
        },
    )


def curve(study: shoal.Study | None, trials: int) -> Values:
    """The best validation score of the first 1, 2, … trials; NaN where there is none yet."""
    found = np.full(trials, np.nan)
    if study is not None:
        best = best_so_far(scores(study))
        found[: len(best)] = np.where(np.isfinite(best), best, np.nan)
    return found


def winning_rate(study: shoal.Study | None) -> float:
    """The learning rate of the winner."""
    return math.nan if study is None else float(study.winner.values[LR_PATH])


def range_words(
    ends: tuple[float, float],
    test: Mapping[tuple[float, float], Mapping[str, Values]],
    so_far: Mapping[tuple[float, float], Mapping[str, Values]],
    rates: Mapping[tuple[float, float], Mapping[str, Values]],
) -> Text:
    """What every way comes to in a range, and how lucky its best validation score was."""
    luck = np.mean([np.nanmean(so_far[ends][way][:, -1] - test[ends][way]) for way in WAYS])
    low, high = (f(np.concatenate(list(rates[ends].values()))) for f in (np.nanmin, np.nanmax))
    return Text(
        "Learning rates from {low:g} to {high:g}: the winners score {scores} on test images "
        "(means), {luck:.1f} points {side} their best validation scores; their learning rates lie "
        "from {first:.2g} to {last:.2g}.",
        "学习率从 {low:g} 到 {high:g}：优胜者的平均测试准确率：{scores}；比其最佳验证得分{side} "
        "{luck:.1f} 个百分点；它们的学习率在 {first:.2g} 到 {last:.2g} 之间。",
    ).format(
        low=ends[0],
        high=ends[1],
        scores=listed([
            Text("{way} {p}", "{way} {p}").format(way=name, p=percent(test[ends][way]))
            for way, name in WAYS.items()
        ]),
        luck=100 * abs(luck),
        side=Text("below", "低") if luck >= 0 else Text("above", "高"),
        first=low,
        last=high,
    )  # fmt: skip


def draw_so_far(
    so_far: Mapping[tuple[float, float], Mapping[str, Values]], language: Language
) -> Figure:
    """The best so far against trials, one picture for each range."""
    from matplotlib.ticker import MaxNLocator

    with pictures.sheet(7.6, 3.6, columns=len(so_far), sharey=True) as (figure, axes):
        for ax, (ends, ways) in zip(axes[0], so_far.items(), strict=True):
            for (way, values), look in zip(ways.items(), LOOKS, strict=False):
                at = 1 + np.arange(values.shape[1])
                pictures.band(ax, at, values, look, WAYS[way][language])
            pictures.title(
                ax,
                Text("Learning rates up to {high:g}", "学习率不超过 {high:g}").format(high=ends[1]),
                language,
            )
            pictures.label(ax, language, x=Text("trials", "试验次数"))
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        pictures.percent_axis(axes[0, 0])
        pictures.label(axes[0, 0], language, y=Text("best so far", "目前最佳"))
        pictures.legend_above(figure, axes[0, 0])
        pictures.footnote(figure, pictures.SEED_BAND.format(n=len(values)), language)
    return figure


CLAIM = Claim(
    name="guided-search",
    number=9,
    statement=Text(
        "Narrowing the range beats spending the same trials in the first range, and Bayesian "
        "search beats random search.",
        "逐轮收窄范围优于在最初范围内花费同样多的试验，贝叶斯搜索优于随机搜索。",
    ),
    question=Text(
        "48 trials of learning rate and decay, with three hidden layers of 50 units (smaller than "
        "the book's, so that many searches can be afforded), 50 epochs on 400 images, 100 to "
        "choose by, others for each seed. They are spent in three ways: at random; in three "
        "rounds, each between the values tried next below and next above the best fifth of the "
        "trials so far; and by Bayesian search (TPE), 16 at random and then eight at a time. In "
        "the book's range of learning rates, and in one that reaches up to 1. What counts is not "
        "the best validation score but what the winner does on test images, trained anew on five "
        "fresh seeds. Half a point does not matter.",
        "对学习率和权重衰减做 48 次试验，网络为三个各含 50 个单元的隐藏层（比书中的小，"
        "以便重复多次搜索），每次在 400 张图像上训练 50 轮，用另外 100 张选择，"
        "每个随机种子各不相同。这些试验以三种方式使用：随机；分三轮，"
        "每一轮的范围是到目前为止最好的五分之一试验，向下和向上各扩到试过的相邻值；"
        "贝叶斯搜索（TPE），先随机 16 次，此后每次 8 个。学习率分别取书中的范围和上限为 1 的范围。"
        "要紧的不是最佳验证得分，而是优胜者用 5 个新的随机种子重新训练后的测试准确率。"
        "半个百分点以内视为可忽略。",
    ),
    code=searches,
    study=study,
    seeds=16,
)
