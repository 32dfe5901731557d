"""Weights that all start equal: the units of a layer stay copies of one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.inside import by_layer
from shoal.book.seeds import percent, spread
from shoal.book.text import Language, Text, listed
from shoal.plot.style import LOOKS, MUTED, RULE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARMS = {
    "0": Text("all 0", "全为 0"),
    "0.01": Text("all 0.01", "全为 0.01"),
    "0.5": Text("all 0.5", "全为 0.5"),
    "He": Text("random (He)", "随机（He）"),
}
EQUAL = ("0", "0.01", "0.5")
ROUNDING = 1e-5
"""Units that differ by less than this share of the largest weight differ by rounding only."""
FAR = 10
"""A loss of so many times that of guessing is worth a word."""
SHOWN = 6
"""Units whose weights are drawn."""
GUESSING = float(np.log(10))


def train(data: shoal.Dataset, steps: int, seeds: int) -> shoal.Comparison:
    """Four hidden layers of 100 ReLU units, whose weights start equal, or at random."""
    mlp, sgd = shoal.mlp([100] * 4, activation="relu"), shoal.SGD(lr=0.1)
    arms = {
        "0": shoal.Recipe(mlp, sgd, init=shoal.Equal(0)),
        "0.01": shoal.Recipe(mlp, sgd, init=shoal.Equal(0.01)),
        "0.5": shoal.Recipe(mlp, sgd, init=shoal.Equal(0.5)),
        "He": shoal.Recipe(mlp, sgd, init="he"),
    }
    return shoal.compare(arms, data, steps=steps, seeds=seeds, evaluate_every=100)


def run(setting: Setting) -> Findings:
    """The loss over training, and how far the units of each layer have come apart by its end."""
    data = setting.load(valid=0)
    comparison = train(data, setting.work(1000, 150), setting.seeds)
    losses = {arm: comparison.losses(arm) for arm in ARMS}
    ends, tests = comparison.values("loss"), comparison.values("test_accuracy")
    apart, kinds, last = {}, {}, {}
    for arm in ARMS:
        weights = [layers(comparison, int(i)) for i in comparison.members(arm)]
        apart[arm] = np.array([[unlike(W) for W in each[:-1]] for each in weights])
        kinds[arm] = np.array([[distinct(W) for W in each[:-1]] for each in weights])
        last[arm] = np.array([[unlike(each[-1].T), unlike(each[-1])] for each in weights])
    numbers = {
        "steps": comparison.facts["steps"],
        "loss": ends,
        "test_accuracy": tests,
        "units_apart": apart,
        "distinct_units": kinds,
        "outputs_apart": {arm: outputs_apart(comparison, arm) for arm in ARMS},
        "last_layer_apart": {
            arm: {"by_unit": found[:, 0], "by_class": found[:, 1]} for arm, found in last.items()
        },
        "highest_loss": {arm: highest(comparison, arm) for arm in ARMS},
        "guessing": GUESSING,
    }
    first = {arm: first_units(comparison, arm, data) for arm in ARMS}
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={
            "": lambda language: draw(losses, language),
            "units": lambda language: draw_units(first, language),
        },
        table=Table(
            (
                Text("first weights", "初始权重"),
                Text("training loss, end", "训练损失（结束时）"),
                Text("test accuracy, end", "测试准确率（结束时）"),
                Text("units apart", "单元间的差别"),
                Text("distinct units of 100", "100 个单元中不同的个数"),
                Text("outputs apart, read inside", "输出间的差别（内部测量）"),
            ),
            [
                (
                    ARMS[arm],
                    spread(ends[arm]),
                    spread(tests[arm]),
                    f"{apart[arm].max():.0e}" if apart[arm].max() else "0",
                    between(kinds[arm]),
                    f"{numbers['outputs_apart'][arm].max():.1g}",
                )
                for arm in ARMS
            ],
        ),
        remark=Text(
            "Units apart: the largest difference between two units of a hidden layer in one of "
            "their incoming weights, as a share of the layer's largest weight. In exact arithmetic "
            "it would be 0 for every equal start. A computer adds up a matrix product in blocks, "
            "and units in different blocks may be rounded differently in the last place. Outputs "
            "apart: the spread of a layer's outputs from unit to unit, as a share of the root "
            "mean square of its outputs, as the instruments read it last; largest over hidden "
            "layers and seeds. In float32 less than 0.001 is rounding.",
            "“单元间的差别”指同一隐藏层中两个单元在同一输入权重上的最大差，除以该层最大的权重。"
            "若计算没有误差，凡是相等的起点这里都是 0。但计算机分块计算矩阵乘积，不同块中的单元，"
            "最后一位的舍入可能不同。“输出间的差别”指内部测量最后一次读出的"
            "同一层各单元输出之间的标准差，除以该层全部输出的均方根，取各隐藏层、各种子中的最大值；"
            "在 float32 下，小于 0.001 即为舍入误差。",
        ),
    )


def outputs_apart(comparison: shoal.Comparison, arm: str) -> NDArray[np.float64]:
    """The spread of outputs between units, as a share of their size, (seeds, hidden layers)."""
    units, spread, mean = (
        by_layer(comparison, arm, name, "Affine", -1)[:, :-1]
        for name in ("unit_std", "output_std", "output_mean")
    )
    size = np.hypot(spread, mean)  # the root mean square
    shares: NDArray[np.float64] = np.divide(units, size, out=np.zeros_like(units), where=size > 0)
    return shares


def layers(comparison: shoal.Comparison, member: int) -> list[NDArray[np.float32]]:
    """The weight matrices (in, out) of one network, first layer first."""
    return [layer["W"] for layer in comparison.shoal.weights(member) if "W" in layer]


def unlike(W: NDArray[np.float32]) -> float:
    """The largest difference between two columns (units), as a share of the largest entry.

    >>> unlike(np.array([[1.0, 1.0], [2.0, 1.5]], np.float32))
    0.25
    """
    largest = float(np.abs(W).max())
    return float(np.ptp(W, axis=1).max()) / largest if largest else 0.0


def distinct(W: NDArray[np.float32]) -> int:
    """How many columns (units) differ, to the last bit.

    >>> distinct(np.array([[1, 1, 2], [3, 3, 3]], np.float32))
    2
    """
    return int(np.unique(W, axis=1).shape[1])


def highest(comparison: shoal.Comparison, arm: str) -> float:
    """The highest loss of any batch."""
    curves = [comparison.history.curve(int(i), "loss") for i in comparison.members(arm)]
    return float(np.nanmax([curve.values for curve in curves]))


def between(counts: NDArray[np.int64]) -> str:
    """The smallest and the largest of some counts."""
    low, high = counts.min(), counts.max()
    return f"{low}" if low == high else f"{low}–{high}"


def first_units(comparison: shoal.Comparison, arm: str, data: shoal.Dataset) -> NDArray[np.float64]:
    """What training added to the weights of some units of the first layer, (units, *image).

    As a share of the largest of these changes.
    """
    recipe, member = comparison.recipes[arm], int(comparison.members(arm)[0])
    network = recipe.network.bind(data.in_shape, data.outputs)
    start = network.init(comparison.seeds[0], data.in_shape, recipe.init)
    first = next(layer["W"] for layer in start if "W" in layer)
    change = (layers(comparison, member)[0] - first).astype(np.float64)[:, :SHOWN]
    images = (change / (np.abs(change).max() or 1)).T
    return np.asarray(images.reshape(SHOWN, *data.in_shape))


def caption(numbers: Mapping[str, Any]) -> Text:
    """Which starts stay stuck, that units stay alike, and what becomes of the last layer."""
    ends, tests = numbers["loss"], numbers["test_accuracy"]
    text = Text(
        "After {steps} steps the network with random weights has a training loss of {loss:.3f} and "
        "{accuracy} of the test images right.",
        "训练 {steps} 步后，初始权重随机的网络训练损失为 {loss:.3f}，测试准确率为 {accuracy}。",
    ).format(
        steps=numbers["steps"],
        loss=np.nanmean(ends["He"]),
        accuracy=percent(float(np.nanmean(tests["He"]))),
    )
    stuck = [arm for arm in EQUAL if (abs(ends[arm] - GUESSING) < 0.02).all()]
    if stuck:
        text += Text(
            "Started at {arms}, it ends at {loss:.3f}, the loss of guessing among ten.",
            "从 {arms} 开始，损失停在 {loss:.3f}，与十选一随机猜测相同。",
        ).format(arms=listed(stuck), loss=np.mean([ends[arm] for arm in stuck]))
    for arm in EQUAL:
        if arm not in stuck:
            text += one_start(arm, ends[arm], tests[arm])
    peak = max(EQUAL, key=lambda arm: float(numbers["highest_loss"][arm]))
    if numbers["highest_loss"][peak] > FAR * GUESSING:
        text += Text(
            "At {arm} the numbers are so large at first that the loss shoots up to {loss:.0e}.",
            "从 {arm} 开始时，数值一开始太大，损失一度冲到 {loss:.0e}。",
        ).format(arm=peak, loss=numbers["highest_loss"][peak])
    exact = [arm for arm in EQUAL if numbers["distinct_units"][arm].max() == 1]
    rounded = max(float(numbers["units_apart"][arm].max()) for arm in EQUAL)
    if len(exact) == len(EQUAL):
        text += Text(
            "In every equal start the 100 units of a hidden layer are still the same to the last "
            "bit.",
            "凡是权重从相等的值开始的网络，同一隐藏层的 100 个单元仍然逐位相同。",
        )
    elif rounded < ROUNDING:
        text += Text(
            "From every equal start the 100 units of a hidden layer are still the same, up to "
            "rounding: they differ by {share:.0e} of the largest weight at most.",
            "凡是权重从相等的值开始的网络，同一隐藏层的 100 个单元除舍入误差外仍然相同："
            "差别至多为最大权重的 {share:.0e}。",
        ).format(share=rounded)
    else:
        text += Text(
            "From an equal start the units of a hidden layer have come apart by up to {share:.0e} "
            "of the largest weight: rounding has grown.",
            "从相等的权重开始，同一隐藏层的单元之间的差别已达最大权重的 {share:.0e}："
            "舍入误差被放大了。",
        ).format(share=rounded)
    classes = float(np.mean(numbers["last_layer_apart"]["0.01"]["by_class"]))
    return text + Text(
        "In the last layer each class gets weights of its own, since each has a target of its own "
        "(from 0.01: {classes:.2f} of the largest weight apart), but every unit before it the same "
        "ones. So the network does what one with a single unit in each hidden layer could do. "
        "Other starts than equal ones break the tie; that they must be large is not shown here.",
        "最后一层中，各类别有各自的目标，因而得到各自的权重（从 0.01 开始："
        "相差最大权重的 {classes:.2f} 倍），但对前面的各个单元来说，这些权重都相同。"
        "于是整个网络的能力只相当于每个隐藏层只有一个单元。只要起点不相等，就能打破这种对称；"
        "这里并未说明权重必须很大。",
    ).format(classes=classes)


def one_start(arm: str, ends: NDArray[np.float64], tests: NDArray[np.float64]) -> Text:
    """What one equal start comes to."""
    lost = int(np.isnan(ends).sum())
    if lost:
        return Text(
            "Started at {arm}, {lost} of {seeds} diverged.",
            "从 {arm} 开始，{seeds} 个网络中有 {lost} 个发散。",
        ).format(arm=arm, lost=lost, seeds=len(ends))
    return Text(
        "Started at {arm}, it comes to {loss:.3f}, with {accuracy} right.",
        "从 {arm} 开始，损失最终为 {loss:.3f}，测试准确率为 {accuracy}。",
    ).format(arm=arm, loss=ends.mean(), accuracy=percent(float(tests.mean())))


def draw(losses: Mapping[str, NDArray[np.float64]], language: Language) -> Figure:
    """The smoothed loss from each start."""
    with pictures.sheet(6.2, 3.7) as (figure, axes):
        ax = axes[0, 0]
        ax.axhline(GUESSING, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        for k, (arm, values) in enumerate(losses.items()):
            steps = np.arange(values.shape[1]) + 1
            pictures.band(ax, steps, values, LOOKS[k], ARMS[arm][language], offset=k / len(losses))
        ax.set_ylim(0, 2.7)
        ax.set_xlim(0, 1.01 * max(values.shape[1] for values in losses.values()))
        ax.text(
            0.99 * ax.get_xlim()[1],
            GUESSING + 0.04,
            Text("guessing among ten: log 10", "十选一随机猜测：log 10")[language],
            ha="right",
            va="bottom",
            fontsize=8,
            color=MUTED,
        )
        way = Text("training loss, smoothed", "训练损失（平滑后）")
        pictures.label(ax, language, pictures.STEP, way)
        pictures.legend_above(figure, ax, columns=4)
        seeds = len(losses["He"])
        pictures.footnote(figure, pictures.SEED_BAND.format(n=seeds), language)
    return figure


def draw_units(first: Mapping[str, NDArray[np.float64]], language: Language) -> Figure:
    """The weights of some units of the first layer as images, one row for each start."""
    with pictures.sheet(6.2, 4.4, len(first), SHOWN) as (figure, axes):
        for k, ax in enumerate(axes[0], start=1):
            ax.set_title(Text("unit {k}", "单元 {k}").format(k=k)[language], fontsize=9)
        for row, (arm, units) in zip(axes, first.items(), strict=True):
            for ax, unit in zip(row, units, strict=True):
                ax.imshow(unit, cmap="PuOr_r", vmin=-1, vmax=1, interpolation="nearest")
                ax.set(xticks=[], yticks=[])
                ax.grid(False)
                ax.spines[:].set(visible=True, color=RULE)
            row[0].set_ylabel(
                ARMS[arm][language].replace(" (", "\n("), rotation=0, ha="right", va="center"
            )
        pictures.footnote(
            figure,
            Text(
                "What training added to the weights of the first layer, pixel by pixel: orange "
                "positive, violet negative, each row by its own largest.",
                "训练给第一层权重带来的变化，按像素排列：橙色为正，紫色为负，"
                "每行按自身最大值缩放。",
            ),
            language,
        )
    return figure


EXPERIMENT = Experiment(
    name="zero-init",
    title=Text("Weights that start equal", "权重从相等的值开始"),
    line=Text(
        "all weights 0, 0.01 or 0.5 at first, against random ones",
        "初始权重全为 0、0.01 或 0.5，与随机权重对比",
    ),
    idea=Text(
        "If all weights of a layer start equal, its units put out the same, get the same gradient "
        "and take the same step, again and again. A hundred units are then one unit, a hundred "
        "times over. With zeros it is worse: no signal passes, so no gradient comes back, and only "
        "the last bias learns. Random weights make every unit different from the start.",
        "若一层的权重一开始都相等，它的各个单元就输出相同、得到相同的梯度、走出相同的一步，"
        "周而复始。"
        "一百个单元不过是同一个单元重复一百遍。权重全为 0 时更糟：信号传不过去，梯度也就传不回来，"
        "只有最后的偏置在学习。随机的权重让每个单元从一开始就各不相同。",
    ),
    formula=(
        r"\frac{\partial L}{\partial W_{ij}}=\sum_n x_{ni}\,\delta_{nj},\qquad"
        r"\delta_{nj}=f'(a_{nj})\sum_k\delta_{nk}V_{jk}",
        r"W_{ij}=w_i,\ V_{jk}=v_k\ \ \mathrm{for\ all}\ j\quad\Rightarrow\quad"
        r"\frac{\partial L}{\partial W_{ij}}\ \mathrm{is\ the\ same\ for\ all}\ j",
    ),
    code=train,
    run=run,
)
