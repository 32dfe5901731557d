"""Narrowing: three rounds of random search, each in the range that the last one suggests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.searches import (
    DECAY,
    DECAY_PATH,
    EPOCHS,
    LR,
    LR_PATH,
    TRIALS,
    best_so_far,
    book_space,
    few,
    lost_on_test,
    on_test,
    said_lost,
    scores,
    values_of,
    whole,
)
from shoal.book.seeds import changed, percent, spread
from shoal.book.text import Language, Text
from shoal.plot.study_axes import shades
from shoal.plot.style import LOOKS, MUTED, ZONE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

ROUNDS = 3
WAYS = {
    "narrowing": Text("three narrowing rounds", "逐轮收窄，共三轮"),
    "random": Text("at random in the first range", "始终在最初范围内随机"),
}
DIMENSIONS = {
    LR_PATH: (LR, Text("learning rate", "学习率")),
    DECAY_PATH: (DECAY, Text("decay λ", "权重衰减 λ")),
}


def search(data: shoal.Dataset, way: str, trials: int, epochs: int, seed: int) -> shoal.Study:
    """Three rounds; with "narrowing" each lies in the range that the best of the last suggest."""
    return shoal.search(
        book_space(),
        data,
        trials=ROUNDS * trials,
        batch=trials,
        sampler=way,
        epochs=epochs,
        strategy="full",
        seed=seed,
        finalists=1,  # the best is trained anew on fresh seeds
    )


def run(setting: Setting) -> Findings:
    """Both ways on the same images, several times."""
    data = setting.load(valid=0)
    trials, epochs = setting.work(TRIALS, 32), setting.work(EPOCHS, 3)
    studies: dict[str, list[shoal.Study]] = {way: [] for way in WAYS}
    for seed in range(setting.seeds):
        for way, found in studies.items():
            found.append(whole(search(few(data, seed), way, trials, epochs, seed)))
    numbers = measured(studies, trials)
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={
            "": lambda language: draw_rounds(numbers, language),
            "best": lambda language: draw_best(numbers, language),
        },
        table=table(numbers),
        remark=Text(
            "A round's range runs from the lowest to the highest value of its best fifth, and a "
            "little further; where the middle of that fifth lies near an end, the range moves "
            "there instead, beyond the first one if need be. The random search may not leave the "
            "first range: a wrong range costs it what no number of trials brings back.",
            "每一轮的范围从上一轮前五分之一的最低值到最高值，再略微放宽；"
            "如果这些值的中位数靠近某一端，范围就移向那一端，必要时越出最初的范围。"
            "随机搜索不能离开最初的范围：范围取错了，试验再多也补不回来。",
        ),
    )


def measured(studies: Mapping[str, list[shoal.Study]], trials: int) -> dict[str, Any]:
    """Every trial, the range of every round, and what the winners are worth."""
    narrow = studies["narrowing"]
    parts = narrow[0].data
    tried = {path: np.array([values_of(s, path) for s in narrow]) for path in DIMENSIONS}
    rounds = {
        path: np.stack([each.min(axis=-1), each.max(axis=-1)], axis=-1)
        for path, values in tried.items()
        for each in [values.reshape(len(narrow), ROUNDS, trials)]
    }
    score = {way: np.array([scores(s) for s in found]) for way, found in studies.items()}
    return {
        "trials": trials,
        "epochs": narrow[0].plan.budget,
        "rows": {"valid": len(parts.valid), "test": len(parts.test)},
        "tried": tried,
        "ranges": rounds,  # (searches, rounds, 2)
        "score": score,
        "best": {way: best_so_far(each) for way, each in score.items()},
        "winner": {
            path: {way: [s.winner.values[path] for s in found] for way, found in studies.items()}
            for path in DIMENSIONS
        },
        "test": {way: [on_test(s) for s in found] for way, found in studies.items()},
        "lost": {way: [lost_on_test(s) for s in found] for way, found in studies.items()},
    }


def caption(numbers: Mapping[str, Any]) -> Text:
    """Where the rounds went, and whether it paid."""
    searched = [
        Text(
            "the {name} from {a:.1g} to {b:.1g}, then {c:.1g} to {d:.1g}, then {e:.1g} to {f:.1g}",
            "{name}：{a:.1g} 到 {b:.1g}，然后 {c:.1g} 到 {d:.1g}，再 {e:.1g} 到 {f:.1g}",
        ).format(name=name, **dict(zip("abcdef", ends.tolist(), strict=True)))
        for path, (_, name) in DIMENSIONS.items()
        for ends in [10 ** np.log10(numbers["ranges"][path]).mean(axis=0).ravel()]
    ]
    text = Text(
        "The rounds search {rate}; {decay} (geometric means of {n} searches).",
        "三轮所用的范围（{n} 次搜索的几何平均）。{rate}。{decay}。",
    ).format(rate=searched[0], decay=searched[1], n=len(numbers["ranges"][LR_PATH]))
    return text + what_it_gains(numbers)


def what_it_gains(numbers: Mapping[str, Any]) -> Text:
    """Whether the winners of narrowing are better, and whether they lie beyond the first range."""
    narrow, random = (numbers["test"][way] for way in WAYS)
    difference = shoal.paired_difference(narrow, random, step=1 / numbers["rows"]["test"])
    beyond = np.array(numbers["winner"][LR_PATH]["narrowing"]) > LR[1]
    text = Text(
        "With {all} trials each, narrowing's winners have {narrow} of the test images right and "
        "those of the first range {random}, on fresh seeds: with narrowing, {change}. In {beyond} "
        "of {n} searches the learning rate of narrowing's winner lies above {high:g}, where the "
        "first range ends.",
        "各用 {all} 次试验，收窄法的优胜者在新种子上答对 {narrow} 的测试图像，"
        "最初范围内的优胜者答对 {random}：用收窄法时，{change}。"
        "{n} 次搜索中有 {beyond} 次，收窄法优胜者的学习率大于 {high:g}，也就是在最初范围之外。",
    ).format(
        all=ROUNDS * numbers["trials"],
        narrow=percent(float(np.nanmean(narrow))),
        random=percent(float(np.nanmean(random))),
        change=changed(Text("the winners' test accuracy", "优胜者的测试准确率"), difference),
        beyond=int(beyond.sum()),
        n=len(beyond),
        high=LR[1],
    )
    if difference.low > 0 and beyond.mean() > 0.5:
        text += Text(
            "So what it gains comes from leaving the range more than from looking closer.",
            "可见收益主要来自走出原来的范围，而不是在范围内看得更细。",
        )
    return text + said_lost(numbers["lost"], WAYS)


def table(numbers: Mapping[str, Any]) -> Table:
    """Both ways side by side."""
    return Table(
        (
            Text("{n} trials", "{n} 次试验").format(n=ROUNDS * numbers["trials"]),
            Text("best validation accuracy", "最高验证准确率"),
            Text("lr of the best", "最好的 lr"),
            Text("test accuracy on fresh seeds", "新种子上的测试准确率"),
        ),
        [
            (
                name,
                spread(numbers["best"][way][:, -1], ".2f"),
                spread(numbers["winner"][LR_PATH][way], ".2g"),
                spread(numbers["test"][way]),
            )
            for way, name in WAYS.items()
        ],
    )


def draw_rounds(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Every trial of the first search: its values round by round, and its score as colour."""
    from matplotlib.colors import Normalize

    with pictures.sheet(7.8, 3.9, columns=2) as (figure, axes):
        scored = numbers["score"]["narrowing"][0]
        alive = np.isfinite(scored)
        at = np.arange(len(scored)) + 1
        for ax, (path, (first, name)) in zip(axes[0], DIMENSIONS.items(), strict=True):
            values = numbers["tried"][path][0]
            draw_ranges(ax, numbers["ranges"][path][0], numbers["trials"], first)
            dots = ax.scatter(
                at[alive], values[alive], c=scored[alive], cmap=shades(),
                norm=Normalize(0, scored.max()), s=15, linewidths=0.25, edgecolors=MUTED, zorder=3,
            )  # fmt: skip
            ax.plot(at[~alive], values[~alive], "x", color=LOOKS[1].colour, ms=4, mew=1, zorder=4)
            ax.set(yscale="log", xlim=(0, len(scored) + 1))
            ax.set_xticks([0, *(k * numbers["trials"] for k in range(1, ROUNDS + 1))])
            ax.grid(False)
            pictures.title(ax, Text(name.en.capitalize(), name.zh), language)
            pictures.label(ax, language, Text("trial", "试验"))
        scale = figure.colorbar(dots, ax=axes[0, 1], aspect=30, pad=0.03)
        scale.outline.set_visible(False)
        pictures.percent_axis(scale.ax)
        scale.ax.set_ylabel(Text("validation accuracy", "验证准确率")[language])
        pictures.footnote(
            figure,
            Text(
                "One search of {n} trials. Grey: from the lowest to the highest value of each "
                "round. Dashes: the first range. Crosses: diverged.",
                "一次 {n} 次试验的搜索。灰色：每一轮中从最低到最高的取值。虚线：最初的范围。"
                "叉：发散。",
            ).format(n=len(scored)),
            language,
        )
    return figure


def draw_ranges(ax: Axes, ranges: Values, trials: int, first: tuple[float, float]) -> None:
    """What each round searched, as a box; the ends of the first range as lines."""
    for k, (low, high) in enumerate(ranges):
        ax.fill_between(
            [k * trials + 0.5, (k + 1) * trials + 0.5], low, high, color=ZONE, linewidth=0, zorder=1
        )
    for end in first:
        ax.axhline(end, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)


def draw_best(numbers: Mapping[str, Any], language: Language) -> Figure:
    """The best score so far against trials, both ways."""
    with pictures.sheet(6.4, 3.6) as (figure, axes):
        ax = axes[0, 0]
        for (way, name), look, offset in zip(WAYS.items(), LOOKS, (0, 0.5), strict=False):
            values = numbers["best"][way]
            shown = np.where(np.isfinite(values), values, np.nan)
            at = np.arange(values.shape[1]) + 1
            pictures.band(ax, at, shown, look, name[language], offset)
        for k in range(1, ROUNDS):
            ax.axvline(k * numbers["trials"] + 0.5, color=MUTED, linewidth=0.8, zorder=1)
        pictures.percent_axis(ax)
        ax.set_xlim(0, None)
        pictures.title(ax, Text("Best validation accuracy so far", "迄今最高验证准确率"), language)
        pictures.label(ax, language, Text("trials", "试验次数"))
        pictures.legend_above(figure, ax)
        pictures.footnote(
            figure,
            Text(
                "Line: mean of {n} searches; band: lowest to highest; vertical: a new round. "
                "Measured on {valid} images.",
                "线：{n} 次搜索的平均；色带：最低到最高；竖线：新的一轮。在 {valid} 张图像上计算。",
            ).format(n=len(numbers["test"]["random"]), valid=numbers["rows"]["valid"]),
            language,
        )
    return figure


EXPERIMENT = Experiment(
    name="narrowing",
    title=Text("Narrowing the range", "逐轮收窄范围"),
    line=Text(
        "three rounds of 100 trials, each in the range that the last one suggests",
        "三轮各 100 次试验，每一轮在上一轮所提示的范围内",
    ),
    idea=Text(
        "A person who has seen a hundred trials does not try the next hundred in the same range, "
        "but where the best ones lie. Here a rule does so: the next range is that of the best "
        "fifth, with a little room. If that fifth crowds at an end, the range moves beyond it. "
        "The question is what this gains over as many trials in the first range, measured on "
        "images and seeds that nothing was chosen by.",
        "看过一百次试验的人，不会在同样的范围里再试一百次，而会去最好的那些所在之处。"
        "这里由一条规则来做：下一轮的范围取前五分之一所在的范围，略微放宽；"
        "如果它们挤在一端，范围就越过那一端。要问的是，与在最初范围内做同样多的试验相比，"
        "这样能多得多少，并用没有参与选择的图像和种子来衡量。",
    ),
    formula=(
        r"[a_{k+1},\,b_{k+1}]=[\,\min\,B_k-\delta,\ \max\,B_k+\delta\,],\quad "
        r"\delta=0.15\,(\max\,B_k-\min\,B_k)",
    ),
    code=search,
    run=run,
)
