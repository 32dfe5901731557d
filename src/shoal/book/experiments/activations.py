"""What five layers make of normal inputs, for each activation and each size of first weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.seeds import one_run
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYERS, UNITS, ROWS = 5, 100, 1000
ACTIVATIONS = {"sigmoid": shoal.Sigmoid(), "tanh": shoal.Tanh(), "relu": shoal.ReLU()}
RULES: dict[str, str | float] = {"std 1": 1.0, "std 0.01": 0.01, "1/√n": "lecun", "√(2/n)": "he"}
"""The textbook calls 1/√n Xavier's."""
NAMES = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU"}
OUTPUTS = {
    "sigmoid": Text("output of sigmoid", "sigmoid 的输出"),
    "tanh": Text("output of tanh", "tanh 的输出"),
    "relu": Text("output of ReLU above 0, on a log scale", "ReLU 大于 0 的输出（对数尺度）"),
}
ENDS = {
    "sigmoid": Text("outside [.05, .95]", "[.05, .95] 之外"),
    "tanh": Text("outside ±.9", "±.9 之外"),
    "relu": Text("equal to 0", "等于 0 "),
}
BINS = {
    "sigmoid": np.linspace(0, 1, 31),
    "tanh": np.linspace(-1, 1, 31),
    "relu": np.linspace(-9, 6, 46),  # of log10 y
}
PUBLISHED = (
    ("sigmoid", "std 1", "ends", 0.69),
    ("sigmoid", "std 0.01", "std", 0.012),
    ("sigmoid", "1/√n", "std", 0.117),
    ("relu", "std 0.01", "mean", 1e-6),
    ("relu", "1/√n", "std", 0.18),
    ("relu", "√(2/n)", "std", 1.0),
)
MEASURES = {
    "ends": Text("share near the ends", "靠近两端的比例"),
    "std": Text("spread (std)", "标准差"),
    "mean": Text("mean", "平均值"),
}

Array = NDArray[np.float32]
Numbers = dict[str, dict[str, dict[str, NDArray[np.float64]]]]


def outputs(activation: Any, rule: str | float, seed: int) -> list[Array]:
    """What each of the layers puts out, (rows, units), before any training."""
    layers = [layer for _ in range(LAYERS) for layer in (shoal.Affine(UNITS), activation)]
    network = shoal.Network(tuple(layers))
    every: list[Array] = []
    network.forward(network.init(seed, (UNITS,), rule), inputs(seed), outputs=every)
    return every[1::2]


def inputs(seed: int) -> Array:
    """Normal inputs (rows, units)."""
    return np.random.default_rng(seed).standard_normal((ROWS, UNITS), np.float32)


def readings(activation: Any, rule: str | float, seed: int) -> dict[str, list[float]]:
    """What the instruments read in each of the layers, in the first step of a training."""
    layers = [layer for _ in range(LAYERS) for layer in (shoal.Affine(UNITS), activation)]
    network = shoal.Network((*layers, shoal.Affine()))
    data = shoal.Dataset.from_arrays(
        inputs(seed), np.arange(ROWS) % 2, valid=0, test=0, scale="none"
    )
    recipe = shoal.Recipe(network, shoal.SGD(), init=rule, batch_size=ROWS)
    trainer = shoal.Trainer(
        recipe, data, steps=1, seeds=[seed], instruments=True, evaluate_parts=()
    ).run()
    history, kind = trainer.history, type(activation).__name__
    names = [layer for layer in history.layers(0) if layer.split()[1] == kind]
    return {
        what: [float(history.reading(0, layer, what).values[0]) for layer in names]
        for what in ("output_mean", "output_std")
    }


def run(setting: Setting) -> Findings:
    """Twelve settings with every seed: mean, spread and share near the ends in each layer."""
    numbers: Numbers = {}
    for name, activation in ACTIVATIONS.items():
        numbers[name] = {}
        for rule, init in RULES.items():
            seeds = [outputs(activation, init, seed) for seed in range(setting.seeds)]
            read = [readings(activation, init, seed) for seed in range(setting.seeds)]
            numbers[name][rule] = {  # (seeds, layers), and (layers, bins) of all seeds
                "mean": np.array([each["output_mean"] for each in read]),
                "std": np.array([each["output_std"] for each in read]),
                "ends": np.array([[at_ends(name, y) for y in ys] for ys in seeds]),
                "histogram": np.mean([[histogram(name, y) for y in ys] for ys in seeds], axis=0),
            }

    def last(name: str, rule: str, what: str) -> float:
        return float(numbers[name][rule][what][:, -1].mean())

    relu = {rule: last("relu", rule, "std") / spread_in(numbers, "relu", rule, 0) for rule in RULES}
    steady = min(relu, key=lambda rule: abs(np.log(relu[rule])))
    return Findings(
        numbers=numbers,
        caption=Text(
            "Means of {seeds} seeds, in layer {layers}. With std 1, {s_ends:.0%} of the outputs of "
            "sigmoid are outside [.05, .95] and {t_ends:.0%} of those of tanh outside ±.9, where "
            "both are nearly level and pass almost no gradient on. With std 0.01 the outputs "
            "hardly differ any more: their spread is {s_small:.2g} for sigmoid, {t_small:.2g} for "
            "tanh, {r_small:.2g} for ReLU. With 1/√n it is {s_n:.2g}, {t_n:.2g} and {r_n:.2g}. "
            "From layer 1 to layer {layers} ReLU's changes by the factor {changes}: {steady} keeps "
            "it steadiest. This is before the first step; how well each start learns it does not "
            "say.",
            "{seeds} 个随机种子的平均，第 {layers} 层。标准差取 1 时，"
            "sigmoid 的输出有 {s_ends:.0%} 落在 [.05, .95] 之外，"
            "tanh 的输出有 {t_ends:.0%} 落在 ±.9 之外；那里的曲线几乎是平的，梯度几乎传不过去。"
            "取 0.01 时，各输出几乎没有差别：sigmoid 的标准差为 {s_small:.2g}，"
            "tanh 为 {t_small:.2g}，ReLU 为 {r_small:.2g}。取 1/√n 时，依次为 {s_n:.2g}、"
            "{t_n:.2g} 和 {r_n:.2g}。从第 1 层到第 {layers} 层，"
            "ReLU 的标准差变为原来的倍数依次为 {changes}；{steady} 最稳定。"
            "这是训练开始之前的情形，不能说明哪种初始值学得更好。",
        ).format(
            seeds=setting.seeds,
            layers=LAYERS,
            s_ends=last("sigmoid", "std 1", "ends"),
            t_ends=last("tanh", "std 1", "ends"),
            s_small=last("sigmoid", "std 0.01", "std"),
            t_small=last("tanh", "std 0.01", "std"),
            r_small=last("relu", "std 0.01", "std"),
            s_n=last("sigmoid", "1/√n", "std"),
            t_n=last("tanh", "1/√n", "std"),
            r_n=last("relu", "1/√n", "std"),
            changes=Text(
                ", ".join(f"{factor:.2g} ({rule})" for rule, factor in relu.items()),
                "、".join(f"{factor:.2g}（{rule}）" for rule, factor in relu.items()),
            ),
            steady=steady,
        ),
        pictures={
            "": lambda language: draw_spreads(numbers, language),
            **{name: partial(draw_histograms, name, rules) for name, rules in numbers.items()},
        },
        table=table(numbers),
        published=[published(numbers, *row) for row in PUBLISHED],
        remark=Text(
            "The published figures are of one draw each. One is called inside if it lies in the "
            "95 % interval for one more draw, made from our seeds.",
            "书中每个数值只来自一次抽取。若它落在由我们的种子算出的“再抽一次”的 95 % 区间里，"
            "便记为“在范围内”。",
        ),
    )


def at_ends(name: str, y: Array) -> float:
    """The share of outputs where the activation is level or nearly so.

    >>> at_ends("sigmoid", np.array([0.01, 0.5])), at_ends("relu", np.array([0.0, 0.0]))
    (0.5, 1.0)
    """
    if name == "relu":
        return float((y == 0).mean())
    middle, half = (0.5, 0.45) if name == "sigmoid" else (0.0, 0.9)
    return float((np.abs(y - middle) > half).mean())


def histogram(name: str, y: Array) -> NDArray[np.float64]:
    """The share of all outputs in each bin; for ReLU of the logarithm of those above 0."""
    values = np.log10(y[y > 0]) if name == "relu" else y.ravel()
    counts, _ = np.histogram(values, BINS[name])
    shares: NDArray[np.float64] = counts / y.size
    return shares


def spread_in(numbers: Numbers, name: str, rule: str, layer: int) -> float:
    """The mean over seeds of the standard deviation in a layer."""
    return float(numbers[name][rule]["std"][:, layer].mean())


def published(numbers: Numbers, name: str, rule: str, what: str, figure: float) -> Published:
    """A published figure of layer 5 beside ours: mean, and lowest to highest of the seeds."""
    ours = numbers[name][rule][what][:, -1]
    low, high = one_run(ours)
    where = Text(f"{NAMES[name]}, {rule}: ", f"{NAMES[name]}，{rule}：")
    return Published(
        Text(where.en + MEASURES[what].en, where.zh + MEASURES[what].zh),
        f"{figure:g}",
        f"{ours.mean():.2g} ({ours.min():.2g}–{ours.max():.2g})",
        low <= figure <= high if len(ours) > 1 else None,
    )


def table(numbers: Numbers) -> Table:
    """A line for each of the twelve settings: the first layer and the last."""

    def cell(values: NDArray[np.float64], how: str) -> str:
        return f"{values.mean():{how}}"

    return Table(
        (
            Text("activation", "激活函数"),
            Text("weights", "权重"),
            Text("std, layer 1", "第 1 层标准差"),
            Text("std, layer 5", "第 5 层标准差"),
            Text("mean, layer 5", "第 5 层平均"),
            Text("at the ends, layer 5", "第 5 层两端比例"),
        ),
        [
            (
                NAMES[name],
                rule,
                cell(found["std"][:, 0], ".3g"),
                cell(found["std"][:, -1], ".3g"),
                cell(found["mean"][:, -1], ".2g"),
                cell(found["ends"][:, -1], ".0%"),
            )
            for name, rules in numbers.items()
            for rule, found in rules.items()
        ],
    )


def draw_spreads(numbers: Numbers, language: Language) -> Figure:
    """The spread in each layer, for each activation."""
    with pictures.sheet(7.6, 3.3, 1, 3) as (figure, axes):
        for ax, (name, rules) in zip(axes[0], numbers.items(), strict=True):
            for look, (rule, found) in zip(LOOKS, rules.items(), strict=False):
                layers = np.arange(1, LAYERS + 1)
                pictures.band(ax, layers, found["std"], look, rule)
            ax.set_yscale("log")
            ax.set(xticks=layers, xlim=(0.8, LAYERS + 0.2))
            pictures.title(ax, NAMES[name], language)
            pictures.label(ax, language, Text("layer", "层"))
        pictures.label(axes[0, 0], language, y=Text("std of the outputs", "输出的标准差"))
        pictures.legend_above(figure, axes[0, 0])
    return figure


def draw_histograms(
    name: str, rules: dict[str, dict[str, NDArray[np.float64]]], language: Language
) -> Figure:
    """A histogram for each setting (down) and each layer (across)."""
    with pictures.sheet(7.6, 5.4, len(RULES), LAYERS, sharex=True, sharey="row") as (figure, axes):
        for row, look, (rule, found) in zip(axes, LOOKS, rules.items(), strict=False):
            for layer, ax in enumerate(row):
                draw_histogram(ax, name, found, layer, look)
            row[0].set_ylim(0, 1.35 * found["histogram"].max())
            row[0].set_ylabel(rule, fontsize=10, fontweight="bold")
        for layer, ax in enumerate(axes[0]):
            what = Text("layer {n}", "第 {n} 层").format(n=layer + 1)
            pictures.title(ax, what, language)
        figure.supxlabel(
            Text(
                f"{OUTPUTS[name].en}; s: standard deviation; right: share {ENDS[name].en}",
                f"{OUTPUTS[name].zh}；s：标准差；右：{ENDS[name].zh}的比例",
            )[language],
            fontsize=8.5,
        )
    return figure


def draw_histogram(
    ax: Axes, name: str, found: dict[str, NDArray[np.float64]], layer: int, look: Look
) -> None:
    """One histogram, of all seeds, with its spread and the share near the ends above it."""
    ax.stairs(found["histogram"][layer], BINS[name], fill=True, color=look.colour)
    ax.grid(False)
    ax.set(yticks=[], xlim=(BINS[name][0], BINS[name][-1]))
    if name == "relu":
        ax.set_xticks([-6, 0], ["1e−6", "1"])
    else:
        ax.set_xticks([0, 0.5, 1] if name == "sigmoid" else [-1, 0, 1])
        ax.xaxis.set_major_formatter("{x:g}")
    std, ends = found["std"][:, layer].mean(), found["ends"][:, layer].mean()
    for x, side, text in ((0.03, "left", f"s {std:.2g}"), (0.97, "right", f"{ends:.0%}")):
        ax.text(x, 0.97, text, ha=side, va="top", fontsize=7.5, transform=ax.transAxes)


EXPERIMENT = Experiment(
    name="activations",
    title=Text("Activations through the layers", "各层的激活值"),
    line=Text(
        "what five layers make of normal inputs, by activation and size of the weights",
        "正态分布的输入经过五层会变成什么样：按激活函数与权重大小比较",
    ),
    idea=Text(
        "Each layer sums many products. If the weights are large, the sums land where sigmoid and "
        "tanh are level, and no gradient comes through; if they are small, all outputs become "
        "alike and the units say one thing together. Weights with a variance of one over the "
        "number of inputs keep the spread; ReLU drops half of it and needs twice as much.",
        "每一层都把许多乘积加起来。权重大了，和就落到 sigmoid 与 tanh 的平坦处，梯度传不过去；"
        "权重小了，所有输出变得差不多，各个单元只是在重复同一个结果。权重的方差取输入个数的倒数，"
        "便能保持输出的离散程度；ReLU 会丢掉一半，所以方差要加倍。",
    ),
    formula=(
        r"\mathrm{Var}\,\left(\sum_{i=1}^{n} x_i w_i\right)=n\,\mathrm{E}[x^2]\,\mathrm{Var}\,w",
        r"\sigma_w=1/\sqrt{n}\ \ (\mathrm{sigmoid,\ tanh}),\quad "
        r"\sigma_w=\sqrt{2/n}\ \ (\mathrm{ReLU})",
    ),
    code=outputs,
    run=run,
    uses="nothing",
)
