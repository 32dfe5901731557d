"""Where to try: on a linear or a log scale, and on a grid or at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.text import Language, Text
from shoal.plot.style import INK, LOOKS, MUTED, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

RANGES = {"lr": (1e-4, 1.0), "beta": (1e-3, 0.1)}
"""Of a learning rate, and of 1 - β with β from 0.9 to 0.999."""
LINEAR = Text("linear scale", "线性尺度")
LOG = Text("log scale", "对数尺度")
GRID = Text("grid", "网格")
RANDOM = Text("at random", "随机")
SHOWN = 2000
TRIALS = 20
SIDE = 5


def draws(n: int, low: float, high: float, seed: int) -> tuple[Array, Array]:
    """The same n random numbers as values on a linear scale and on a log scale."""
    u = np.random.default_rng(seed).random(n)
    return low + (high - low) * u, low * (high / low) ** u


def points(side: int, repetitions: int, seed: int) -> tuple[Array, Array]:
    """side² points of the unit square: the middles of a grid's cells, and drawn at random."""
    middle = (np.arange(side) + 0.5) / side
    grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    return grid, np.random.default_rng(seed).random((repetitions, side * side, 2))


def run(setting: Setting) -> Findings:
    """Where draws fall; how near the best of several comes to an optimum that may be anywhere."""
    repetitions = setting.work(4000, 400)
    numbers: dict[str, Any] = {
        "repetitions": repetitions * setting.seeds,
        "share": {name: shares(*ends, setting.seeds) for name, ends in RANGES.items()},
        "best": {name: best_of(*ends, repetitions, setting.seeds) for name, ends in RANGES.items()},
        "plane": plane(repetitions, setting.seeds),
    }
    lr, beta, square = numbers["share"]["lr"], numbers["share"]["beta"], numbers["plane"]
    near = numbers["best"]["lr"]
    return Findings(
        numbers=numbers,
        caption=Text(
            "Of learning rates drawn between 1e-4 and 1 on a linear scale, {top:.0%} lie above "
            "0.1, and {low:.2%} below 0.001; on a log scale {each}. Of values of β between 0.9 and "
            "0.999, {slow:.0%} lie below 0.99 on a linear scale and {log_slow:.0%} on a log scale "
            "of 1 - β. If the best learning rate may be in any decade alike, the best of {trials} "
            "comes within {linear} decades of it on average on a linear scale, {log} on a log "
            "scale. In a square, {n} points try {side} values of each number on a grid and {n} at "
            "random. If only one number matters, the nearest of them is {grid_1} of the range off "
            "on a grid and {random_1} at random; if both do, {grid_2} and {random_2}. So random "
            "is {better_1} where one matters and {better_2} where both do; which of these holds "
            "for a network must be measured.",
            "在 1e-4 到 1 之间按线性尺度抽取学习率，{top:.0%} 大于 0.1，{low:.2%} 小于 0.001；"
            "按对数尺度则{each}。在 0.9 到 0.999 之间抽取 β，按线性尺度有 {slow:.0%} 小于 0.99，"
            "按 1 - β 的对数尺度有 {log_slow:.0%}。假如最佳学习率落在每个数量级的可能相同，"
            "那么 {trials} 次中最近的一次离它平均 {linear} 个数量级（线性），或 {log} 个（对数）。"
            "在正方形里取 {n} 个点，网格对每个数只试了 {side} 个值，随机取点则试了 {n} 个。"
            "假如只有一个数重要，最近的一个与最佳值的距离占范围的 {grid_1}（网格）"
            "或 {random_1}（随机）；假如两个都重要，则为 {grid_2} 或 {random_2}。"
            "可见只有一个重要时随机{better_1}，两个都重要时随机{better_2}；"
            "对一个网络来说属于哪种情形，要靠测量。",
        ).format(
            top=lr["linear"][-1],
            low=lr["linear"][0],
            each=Text(
                "{a:.0%} and {b:.0%}".format(a=lr["log"][-1], b=lr["log"][0]),
                "分别为 {a:.0%} 和 {b:.0%}".format(a=lr["log"][-1], b=lr["log"][0]),
            ),
            slow=beta["linear"][-1],
            log_slow=beta["log"][-1],
            trials=TRIALS,
            linear=interval(near["linear"]),
            log=interval(near["log"]),
            n=SIDE**2,
            side=SIDE,
            grid_1=interval(square["one"]["grid"]),
            random_1=interval(square["one"]["random"]),
            grid_2=interval(square["both"]["grid"]),
            random_2=interval(square["both"]["random"]),
            better_1=better(square["one"]),
            better_2=better(square["both"]),
        ),
        pictures={"": draw_scales, "grid": draw_plane},
        table=table(numbers),
    )


def shares(low: float, high: float, seeds: int) -> dict[str, Array]:
    """The share of draws in each decade from low to high, by scale."""
    drawn = [draws(SHOWN, low, high, seed) for seed in range(seeds)]
    edges = np.geomspace(low, high, round(np.log10(high / low)) + 1)
    return {
        scale: np.histogram(np.concatenate(values), edges)[0] / (SHOWN * seeds)
        for scale, values in zip(("linear", "log"), zip(*drawn, strict=True), strict=True)
    }


def best_of(low: float, high: float, repetitions: int, seeds: int) -> dict[str, list[float]]:
    """How many decades the nearest of some draws is off an optimum in any decade alike.

    Returns:
        For each scale the mean over all repetitions and half its 95 % interval.
    """
    off: dict[str, list[Array]] = {"linear": [], "log": []}
    for seed in range(seeds):
        optimum = np.random.default_rng((seed, 1)).random((repetitions, 1))
        optimum = np.log10(low) + optimum * np.log10(high / low)
        values = draws(repetitions * TRIALS, low, high, seed)
        for scale, drawn in zip(off, values, strict=True):
            distance = np.abs(np.log10(drawn).reshape(repetitions, TRIALS) - optimum)
            off[scale].append(distance.min(axis=1))
    return {scale: mean_and_half(np.concatenate(each)) for scale, each in off.items()}


def plane(repetitions: int, seeds: int) -> dict[str, dict[str, list[float]]]:
    """How far the nearest of side² points is off an optimum anywhere, along one axis or in both."""
    off: dict[str, dict[str, list[Array]]] = {
        "one": {"grid": [], "random": []},
        "both": {"grid": [], "random": []},
    }
    for seed in range(seeds):
        optimum = np.random.default_rng((seed, 1)).random((repetitions, 1, 2))
        for way, at in zip(("grid", "random"), points(SIDE, repetitions, seed), strict=True):
            apart = np.abs(at - optimum)
            off["one"][way].append(apart[..., 0].min(axis=1))
            off["both"][way].append(np.hypot(*np.moveaxis(apart, -1, 0)).min(axis=1))
    return {
        matters: {way: mean_and_half(np.concatenate(each)) for way, each in ways.items()}
        for matters, ways in off.items()
    }


def mean_and_half(values: Array) -> list[float]:
    """The mean, and half its 95 % interval.

    >>> mean_and_half(np.array([1.0, 3.0] * 50)) == [2.0, 1.96 * np.std([1, 3] * 50, ddof=1) / 10]
    True
    """
    return [float(values.mean()), float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))]


def interval(mean_half: list[float]) -> str:
    """A mean and half its interval in words.

    >>> interval([0.05, 0.0003])
    '0.0500 ± 0.0003'
    """
    mean, half = mean_half
    return f"{mean:.4f} ± {half:.4f}"


def better(ways: dict[str, list[float]]) -> Text:
    """Whether random points come nearer than a grid's, if the intervals are apart."""
    (grid, half_g), (random, half_r) = ways["grid"], ways["random"]
    if abs(grid - random) <= half_g + half_r:
        return Text("neither better nor worse", "不分高下")
    return Text("better", "更好") if random < grid else Text("worse", "更差")


def table(numbers: dict[str, Any]) -> Table:
    """What each way gives, side by side."""

    def share(name: str, at: int, scale: str) -> str:
        return f"{numbers['share'][name][scale][at]:.2%}"

    rows: list[tuple[Text | str, ...]] = [
        (
            Text("lr of 1e-4 to 1: share above 0.1", "lr 取 1e-4 到 1：大于 0.1 的比例"),
            share("lr", -1, "linear"),
            share("lr", -1, "log"),
        ),
        (
            Text("share below 0.001", "小于 0.001 的比例"),
            share("lr", 0, "linear"),
            share("lr", 0, "log"),
        ),
        (
            Text("β of 0.9 to 0.999: share below 0.99", "β 取 0.9 到 0.999：小于 0.99 的比例"),
            share("beta", -1, "linear"),
            share("beta", -1, "log"),
        ),
        *(
            (
                Text("{n}, best of {k}: decades off", "{n}，{k} 次中最近的：差几个数量级").format(
                    n=name, k=TRIALS
                ),
                interval(numbers["best"][key]["linear"]),
                interval(numbers["best"][key]["log"]),
            )
            for key, name in (("lr", "lr"), ("beta", "1 − β"))
        ),
    ]
    square = numbers["plane"]
    rows += [
        (Text("— a square —", "— 正方形 —"), GRID, RANDOM),
        (Text("values tried of each number", "每个数试过的值"), str(SIDE), str(SIDE**2)),
        *(
            (name, interval(square[key]["grid"]), interval(square[key]["random"]))
            for key, name in (
                ("one", Text("nearest, if one matters", "最近距离，只有一个重要")),
                ("both", Text("nearest, if both matter", "最近距离，两个都重要")),
            )
        ),
    ]
    return Table(("", LINEAR, LOG), rows)


def draw_scales(language: Language) -> Figure:
    """Draws of one seed as points, and how many fall where, on both scales."""
    with pictures.sheet(7.6, 4.2, 2, 2, sharex="col", sharey="col") as (figure, axes):
        for column, (name, ends) in enumerate(RANGES.items()):
            for ax, values, scale, look in zip(
                axes[:, column], draws(SHOWN, *ends, seed=0), (LINEAR, LOG), LOOKS, strict=False
            ):
                draw_draws(ax, values, name, scale, look, language)
        pictures.label(axes[1, 0], language, Text("learning rate", "学习率"))
        pictures.label(axes[1, 1], language, "β")
    return figure


def draw_draws(
    ax: Axes, values: Array, name: str, scale: Text, look: Look, language: Language
) -> None:
    """Shares on a log axis in quarters of a decade; below them some of the draws themselves."""
    low, high = RANGES[name]
    edges = np.geomspace(low, high, 4 * round(np.log10(high / low)) + 1)
    counts, _ = np.histogram(values, edges)
    ax.stairs(counts / len(values), edges, fill=True, color=look.colour, alpha=0.85)
    some = values[:100]
    ax.plot(some, np.full(len(some), -0.035), "|", color=look.colour, markersize=7, alpha=0.7)
    ax.set(xscale="log", xlim=(low / 1.1, high * 1.1), ylim=(-0.07, None))
    ax.grid(False, axis="x")
    pictures.percent_axis(ax)
    ax.set_yticks([0, 0.2, 0.4])
    what = Text("Learning rate", "学习率") if name == "lr" else Text("Momentum β", "动量 β")
    how = Text("uniform on a {scale}", "在{scale}上均匀").format(scale=scale)
    pictures.title(ax, what, language, how)
    if name == "beta":
        ax.set_xlim(high * 1.1, low / 1.1)
        ax.set_xticks([0.1, 0.03, 0.01, 0.003, 0.001], ["0.9", "0.97", "0.99", "0.997", "0.999"])


def draw_plane(language: Language) -> Figure:
    """The points of a grid and random ones; above, the values that they try of what matters."""
    grid, random = points(SIDE, 1, seed=0)
    with pictures.sheet(7.6, 4.9, 2, 2, sharex=True, sharey="row", height_ratios=[1, 3.2]) as (
        figure,
        axes,
    ):
        for column, at, name, look in zip((0, 1), (grid, random[0]), (GRID, RANDOM), LOOKS,
                                          strict=False):  # fmt: skip
            draw_curve(axes[0, column], at, look)
            ax = axes[1, column]
            ax.vlines(at[:, 0], at[:, 1], 1.02, color=MUTED, linewidth=0.5, alpha=0.5)
            ax.plot(*at.T, look.marker, color=look.colour, markersize=6)
            ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
            ax.grid(False)
            pictures.label(ax, language, Text("the number that matters", "重要的数"))
            tried = Text("{n} values of the number that matters", "重要的数试了 {n} 个值")
            pictures.title(axes[0, column], Text(name.en.capitalize(), name.zh), language,
                           tried.format(n=len(np.unique(at[:, 0]))))  # fmt: skip
        pictures.label(axes[0, 0], language, y=Text("score", "得分"))
        pictures.label(axes[1, 0], language, y=Text("one that does not", "不重要的数"))
    return figure


def draw_curve(ax: Axes, at: Array, look: Look) -> None:
    """A score that depends on the first number only, and where it is looked at."""

    def score(x: Array) -> Array:
        return np.exp(-(((x - 0.38) / 0.1) ** 2))

    fine = np.linspace(0, 1, 201)
    ax.plot(fine, score(fine), color=INK, linewidth=1.2)
    ax.plot(at[:, 0], score(at[:, 0]), look.marker, color=look.colour, markersize=5)
    ax.vlines(at[:, 0], 0, score(at[:, 0]), color=MUTED, linewidth=0.5, alpha=0.5)
    ax.set(ylim=(-0.08, 1.1), yticks=[0, 1])
    ax.grid(False)


EXPERIMENT = Experiment(
    name="sampling-scales",
    title=Text("Where to try hyperparameters", "超参数在哪里取值"),
    line=Text(
        "linear against log scale, grid against random: where the trials fall",
        "线性与对数尺度、网格与随机：试验点落在哪里",
    ),
    idea=Text(
        "A learning rate acts by its ratio: from 0.001 to 0.002 is as much as from 0.1 to 0.2. So "
        "draw its logarithm. With β it is the distance from 1 that counts, as the average reaches "
        "back over 1/(1 - β) steps. And where few of many hyperparameters matter, a grid repeats "
        "the same few values of those, while random points try a new one each time.",
        "学习率按比例起作用：从 0.001 到 0.002 与从 0.1 到 0.2 是同样大的变化，"
        "所以应当对它的对数抽样。对 β 而言，要紧的是它离 1 有多远，"
        "因为滑动平均大约涵盖 1/(1 - β) 步。而且许多超参数中往往只有少数重要，"
        "网格对它们总是重复那几个值，随机取点则每次都试一个新值。",
    ),
    formula=(
        r"\eta=10^{\,u},\ u\sim U(-4,0)",
        r"\beta=1-10^{\,u},\ u\sim U(-3,-1)",
    ),
    code=draws,
    run=run,
    uses="nothing",
)
