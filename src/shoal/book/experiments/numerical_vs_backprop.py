"""The same gradient twice: by two forward passes for every weight, and by backpropagation."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table, in_band
from shoal.book.text import Language, Text
from shoal.book.watch import watched
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Weights = list[dict[str, NDArray[np.float64]]]
Array = NDArray[Any]

IMAGES = 3
LOSS = shoal.SoftmaxCrossEntropy()
ARRAYS = ("W1", "b1", "W2", "b2")


def backprop(net: shoal.Network, params: Weights, x: Array, y: Array) -> Weights:
    """All gradients by one pass forward and one back."""
    outputs, caches = net.forward(params, x)
    _, of_loss = LOSS.forward(outputs, y)
    return net.backward(params, caches, LOSS.backward(of_loss))[1]


def differences(net: shoal.Network, params: Weights, x: Array, y: Array) -> Weights:
    """All gradients by central differences: two forward passes for every weight."""

    def loss(i: int, name: str, value: Array) -> float:
        changed = [*params[:i], {**params[i], name: value}, *params[i + 1 :]]
        return float(LOSS.forward(net.forward(changed, x)[0], y)[0])

    return [
        {name: shoal.numerical_gradient(partial(loss, i, name), w) for name, w in layer.items()}
        for i, layer in enumerate(params)
    ]


def run(setting: Setting) -> Findings:
    """Both gradients of one network and three images, timed, with each seed."""
    data = setting.load()
    hidden = setting.work(50, 5)
    net = shoal.mlp([hidden], "sigmoid").bind(data.in_shape, data.outputs)
    results = [one(net, data, seed) for seed in watched(range(setting.seeds), "seeds")]
    count = sum(results[0]["sizes"])
    sizes = [int(np.prod(data.in_shape)), hidden, data.outputs]
    keys = ("mean", "most", "gradient")
    numbers = {
        "network": sizes,
        "parameters": count,
        "forward_passes": 2 * count,
        **{key: np.array([r[key] for r in results]) for key in keys},  # (seeds, arrays)
        "mean_of_all": [r["mean_of_all"] for r in results],
        "seconds_differences": [r["slow"] for r in results],
        "seconds_backprop": [r["fast"] for r in results],
        "ratio": [r["slow"] / r["fast"] for r in results],
    }
    ratio, apart = np.array(numbers["ratio"]), float(np.max(numbers["most"]))
    slow, fast = np.mean(numbers["seconds_differences"]), np.mean(numbers["seconds_backprop"])
    return Findings(
        numbers=numbers,
        caption=Text(
            "A network of {shape} has {count:,} weights and biases. Differences took {slow:.2f} s "
            "for their gradient ({passes:,} forward passes), backpropagation {fast:.3f} ms: "
            "{ratio:,.0f} times less (mean of {seeds}; {low:,.0f} to {high:,.0f}). No element of "
            "the two differs by more than {apart:.0e}, where gradients are up to {size:.0e} large. "
            "The times are processor times of this machine; how many times faster depends on the "
            "number of weights, so it is no property of backpropagation.",
            "{shape} 的网络有 {count:,} 个权重和偏置。数值微分求全部梯度用了 {slow:.2f} 秒"
            "（{passes:,} 次前向传播），反向传播用了 {fast:.3f} 毫秒：快 {ratio:,.0f} 倍"
            "（{seeds} 次平均；{low:,.0f} 到 {high:,.0f}）。两者没有一个元素相差超过 {apart:.0e}，"
            "而梯度本身最大为 {size:.0e}。时间是这台机器的处理器时间；"
            "快多少倍取决于权重的个数，并不是反向传播固有的数字。",
        ).format(
            shape="-".join(map(str, sizes)),
            count=count,
            passes=2 * count,
            slow=slow,
            fast=1e3 * fast,
            ratio=ratio.mean(),
            seeds=setting.seeds,
            low=ratio.min(),
            high=ratio.max(),
            apart=apart,
            size=np.max(numbers["gradient"]),
        ),
        pictures={"": lambda language: draw(numbers, language)},
        table=table(results[0]["sizes"], numbers),
        published=[
            Published(
                Text("mean absolute difference", "平均绝对差"),
                "≤ 1e-7",
                spread(numbers["mean_of_all"], "{:.0e}"),
                max(numbers["mean_of_all"]) <= 1e-7,
            ),
            Published(
                Text("times faster", "快多少倍"),
                "> 1000",
                spread(numbers["ratio"], "{:,.0f}"),
                in_band(float(ratio.min()), 1000, np.inf, setting),
            ),
        ],
    )


def one(net: shoal.Network, data: shoal.Dataset, seed: int) -> dict[str, Any]:
    """Both gradients with the weights and the images of one seed, their times and differences."""
    rows = data.take(IMAGES, seed).train
    params = [
        {name: w.astype(np.float64) for name, w in layer.items()}
        for layer in net.init(seed, data.in_shape, 0.01)
    ]
    call = (net, params, rows.x.astype(np.float64), rows.y)
    before = seconds(backprop, *call)
    started = time.process_time()
    by_differences = flat(differences(*call))
    slow = time.process_time() - started
    fast = (before + seconds(backprop, *call)) / 2
    by_backprop = flat(backprop(*call))
    apart = [np.abs(a - b) for a, b in zip(by_backprop, by_differences, strict=True)]
    return {
        "sizes": [a.size for a in apart],
        "mean": [float(a.mean()) for a in apart],
        "most": [float(a.max()) for a in apart],
        "gradient": [float(np.abs(g).max()) for g in by_backprop],
        "mean_of_all": float(np.concatenate([a.ravel() for a in apart]).mean()),
        "slow": slow,
        "fast": fast,
    }


def seconds(call: Callable[..., Any], *arguments: Any, times: int = 200) -> float:
    """Processor time of one call, the mean of many; waiting for others does not count."""
    for _ in range(times // 10):
        call(*arguments)  # the first calls are slow
    started = time.process_time()
    for _ in range(times):
        call(*arguments)
    return (time.process_time() - started) / times


def flat(gradients: Weights) -> list[Array]:
    """W1, b1, W2, b2."""
    return [layer[name] for layer in gradients for name in ("W", "b") if name in layer]


def spread(values: list[float], how: str) -> str:
    """The mean, with lowest and highest.

    >>> spread([1.0, 2.0, 6.0], "{:.0f}")
    '3 (1–6)'
    """
    mean, low, high = (how.format(v) for v in (np.mean(values), min(values), max(values)))
    return f"{mean} ({low}–{high})"


def table(sizes: list[int], numbers: dict[str, Any]) -> Table:
    """One line for each array: how many numbers, how large, how far apart."""
    return Table(
        (
            Text("array", "数组"),
            Text("numbers", "个数"),
            Text("largest gradient", "最大梯度"),
            Text("mean difference", "平均差"),
            Text("largest difference", "最大差"),
        ),
        [
            (
                name,
                f"{sizes[i]:,}",
                f"{numbers['gradient'][:, i].max():.1e}",
                f"{numbers['mean'][:, i].mean():.1e}",
                f"{numbers['most'][:, i].max():.1e}",
            )
            for i, name in enumerate(ARRAYS)
        ],
    )


def draw(numbers: dict[str, Any], language: Language) -> Figure:
    """Both times, and how far the gradients are apart beside how large they are."""
    with pictures.sheet(7.6, 2.9, 1, 2) as (figure, axes):
        draw_times(axes[0, 0], numbers, language)
        draw_differences(axes[0, 1], numbers, language)
    return figure


def draw_times(ax: Axes, numbers: dict[str, Any], language: Language) -> None:
    """Seconds for all gradients, on a log scale; a dot for each seed."""
    ways = (
        (Text("differences", "数值微分"), numbers["seconds_differences"], LOOKS[1]),
        (Text("backprop", "反向传播"), numbers["seconds_backprop"], LOOKS[0]),
    )
    for i, (_, taken, look) in enumerate(ways):
        ax.plot(taken, [i] * len(taken), look.marker, color=look.colour, markersize=7)
        mean = float(np.mean(taken))
        text = f"{mean:.2f} s" if mean >= 0.1 else f"{1e3 * mean:.2g} ms"
        ax.annotate(text, (mean, i), (0, 9), textcoords="offset points", ha="center")
    ax.set_xscale("log")
    ax.set(ylim=(-0.6, 1.7), yticks=[0, 1], yticklabels=[name[language] for name, *_ in ways])
    ax.set_xlim(min(numbers["seconds_backprop"]) / 4, max(numbers["seconds_differences"]) * 4)
    pictures.title(ax, Text("Time for one gradient", "求一次梯度的时间"), language)
    pictures.label(ax, language, Text("seconds of processor time", "处理器时间（秒）"))


def draw_differences(ax: Axes, numbers: dict[str, Any], language: Language) -> None:
    """For each array its largest gradient, and the largest and the mean difference."""
    places = np.arange(len(ARRAYS))
    for key, name, look in (
        ("gradient", Text("largest gradient", "最大梯度"), LOOKS[2]),
        ("most", Text("largest difference", "最大差"), LOOKS[5]),
        ("mean", Text("mean difference", "平均差"), LOOKS[4]),
    ):
        for seed, values in enumerate(numbers[key]):
            ax.plot(places, values, look.marker, color=look.colour, markersize=look.size + 1,
                    label=name[language] if seed == 0 else "")  # fmt: skip
    ax.set_yscale("log")
    ax.set(xlim=(-0.5, 3.5), xticks=places, xticklabels=ARRAYS)
    pictures.title(ax, Text("Difference of the gradients", "两种梯度之差"), language)
    ax.legend(loc="center", bbox_to_anchor=(0.5, 0.56), handletextpad=0.2)


EXPERIMENT = Experiment(
    name="numerical-vs-backprop",
    title=Text("Differences against backpropagation", "数值微分与反向传播"),
    line=Text(
        "the gradient of 784-50-10 in both ways: time and difference",
        "784-50-10 网络的两种梯度：时间与差异",
    ),
    idea=Text(
        "Differences ask for every weight: how does the loss change if only this one moves? That "
        "is two forward passes each. Backpropagation answers for all weights at once, by going "
        "back through the layers with the chain rule. The slow way is so simple that it can judge "
        "whether the fast one was written right.",
        "数值微分对每个权重都问一遍：只动它一个，损失变化多少？每个权重需要两次前向传播。"
        "反向传播用链式法则从后往前走一遍各层，就一次回答了所有权重。慢的方法十分简单，"
        "所以可以用来检验快的方法写得对不对。",
    ),
    formula=(
        r"\frac{\partial L}{\partial w_i}\approx\frac{L(w+he_i)-L(w-he_i)}{2h}",
        r"\frac{\partial L}{\partial W_k}=y_{k-1}^{\mathrm{T}}\,\delta_k,\quad "
        r"\delta_{k-1}=\delta_k W_k^{\mathrm{T}}\odot f'",
    ),
    code=differences,
    run=run,
    seeds=3,
)
