"""Six update rules on one network, with the textbook's step sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.seeds import spread
from shoal.book.text import Language, Text, listed
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PUBLISHED = {
    "SGD": ("0.15", "0.23"),
    "Momentum": ("0.05",),
    "AdaGrad": ("0.017",),
    "Adam": ("0.03",),
}
"""Losses of one batch each at step 1900, in unseeded runs of the textbook's code."""
AT, AROUND = 1900, 50
"""The step of the published figures, and how far from it batches are taken into the band."""
WAY = Text("training loss, smoothed", "训练损失（平滑后）")


def train(data: shoal.Dataset, steps: int, seeds: int) -> shoal.Comparison:
    """Four hidden layers of 100 units, trained with each of the six rules."""
    rules = {
        "SGD": shoal.SGD(lr=0.01),
        "Momentum": shoal.Momentum(lr=0.01, momentum=0.9),
        "Nesterov": shoal.Nesterov(lr=0.01, momentum=0.9),
        "AdaGrad": shoal.AdaGrad(lr=0.01),
        "RMSprop": shoal.RMSprop(lr=0.001),
        "Adam": shoal.Adam(lr=0.001),
    }
    mlp = shoal.mlp([100] * 4, activation="relu")
    arms = {arm: shoal.Recipe(mlp, rules[arm], init="he", batch_size=128) for arm in rules}
    return shoal.compare(
        arms, data, steps=steps, seeds=seeds, sampling="replacement", evaluate_every=100
    )


def run(setting: Setting) -> Findings:
    """Smoothed loss of every step, verdicts on the last, and single batches beside the book's."""
    comparison = train(setting.load(valid=0), setting.work(2000, 150), setting.seeds)
    losses = {arm: comparison.losses(arm) for arm in comparison.names}
    ends, tests = comparison.values("loss"), comparison.values("test_accuracy")
    batches = single_batches(comparison, setting.work(AT, 120), setting.work(AROUND, 20))
    pairs = {(pair.a, pair.b): pair.verdict for pair in comparison.pairs("loss")}
    ranking = list(dict.fromkeys([next(iter(pairs))[0], *(b for _, b in pairs)]))
    numbers = {
        "steps": comparison.facts["steps"],
        "step_size": {arm: r.optimizer.numbers["lr"] for arm, r in comparison.recipes.items()},
        "loss": ends,
        "test_accuracy": tests,
        "ranking_by_loss": ranking,
        "verdicts_on_loss": {f"{a} against {b}": verdict for (a, b), verdict in pairs.items()},
        "steps_to_sgd": comparison.steps_to(float(np.nanmean(ends["SGD"]))),
        "single_batches": {
            arm: {"mean": float(found.mean()), "low": low, "high": high}
            for arm, found in batches.items()
            for low, high in [np.percentile(found, [2.5, 97.5]).tolist()]
        },
    }
    return Findings(
        numbers=numbers,
        caption=caption(numbers, pairs),
        pictures={"": lambda language: draw(losses, language)},
        table=table(numbers),
        published=published(numbers, setting),
        remark=Text(
            "A published figure is the loss of one batch, taken after the network had learned from "
            "that batch; ours are taken before, and so a little higher. It counts as inside if it "
            "lies, to its digits, between the 2.5th and the 97.5th percentile of our single "
            "batches around that "
            "step. This range is wide: from batch to batch the loss of one network varies far more "
            "than the means of good optimizers differ, so one batch cannot rank them.",
            "书中数值是单个小批量的损失，而且是在网络用这个小批量学习之后测的；"
            "我们的在学习之前测，因此略高。若它（按书中给出的位数）"
            "落在该步附近我们单个小批量损失的第 2.5 与第 97.5 百分位数之间，便记为“在范围内”。"
            "这个范围很宽：同一网络在不同小批量上的损失差别，远大于几种好的优化器之间均值的差别，"
            "所以凭一个小批量无法给它们排名。",
        ),
    )


def single_batches(
    comparison: shoal.Comparison, at: int, around: int
) -> dict[str, NDArray[np.float64]]:
    """Losses of single batches around a step, of each arm, all seeds together."""
    history = comparison.history
    steps = slice(at - around, at + around + 1)
    return {
        arm: np.concatenate(
            [history.curve(int(i), "loss").values[steps] for i in comparison.members(arm)]
        ).astype(np.float64)
        for arm in comparison.names
    }


def caption(numbers: Mapping[str, Any], pairs: Mapping[tuple[str, str], str]) -> Text:
    """Who ends lowest, who cannot be told from it, how SGD does, and what that does not say."""
    first, *others = numbers["ranking_by_loss"]
    found = {v: [b for b in others if pairs[first, b] == v] for v in pairs.values()}
    ends = numbers["loss"]
    text = Text(
        "After {steps} steps {first} has the lowest training loss, {loss:.3f}.",
        "训练 {steps} 步后，{first} 的训练损失最低，为 {loss:.3f}。",
    ).format(steps=numbers["steps"], first=first, loss=np.nanmean(ends[first]))
    if found.get("better"):
        text += Text("It is lower than with {arms}.", "它低于 {arms} 的损失。").format(
            arms=listed(found["better"])
        )
    if found.get("tied"):
        text += Text(
            "It is tied with {arms}: what is between them does not matter.",
            "它与 {arms} 不相上下：差别小到无关紧要。",
        ).format(arms=listed(found["tied"]))
    if found.get("undecided"):
        text += Text(
            "It cannot be told from {arms} by these {n} seeds.",
            "仅凭这 {n} 个随机种子，分不出它与 {arms} 的高低。",
        ).format(arms=listed(found["undecided"]), n=len(ends[first]))
    if "SGD" in others:
        steps = float(np.nanmean(numbers["steps_to_sgd"][first]))
        if np.isfinite(steps):
            text += Text(
                "It reached where SGD ended ({sgd:.3f}) in {steps:.0f} steps.",
                "它用 {steps:.0f} 步达到了 SGD 结束时的损失（{sgd:.3f}）。",
            ).format(sgd=np.nanmean(ends["SGD"]), steps=steps)
    return text + Text(
        "Each rule has the textbook's step size here, so this ranks these settings, not the rules: "
        "with the rate of each tuned, it may look different.",
        "这里每种优化器用的都是书中的学习率，所以排出的是这些设置的名次，而不是优化器的名次："
        "若分别调好学习率，结果可能不同。",
    )


def table(numbers: Mapping[str, Any]) -> Table:
    """One row for each rule, lowest loss first."""
    return Table(
        (
            Text("optimizer", "优化器"),
            Text("step size", "学习率"),
            Text("training loss, end", "训练损失（结束时）"),
            Text("test accuracy, end", "测试准确率（结束时）"),
        ),
        [
            (
                arm,
                f"{numbers['step_size'][arm]:g}",
                spread(numbers["loss"][arm]),
                spread(numbers["test_accuracy"][arm]),
            )
            for arm in numbers["ranking_by_loss"]
        ],
    )


def published(numbers: Mapping[str, Any], setting: Setting) -> list[Published]:
    """The book's losses at step 1900, beside single batches of ours."""
    rows = []
    for arm, figures in PUBLISHED.items():
        ours = numbers["single_batches"][arm]
        inside = all(within(figure, ours["low"], ours["high"]) for figure in figures)
        rows.append(
            Published(
                Text("{arm}, loss of a batch at step {at}", "{arm}，第 {at} 步的小批量损失").format(
                    arm=arm, at=AT
                ),
                "–".join(figures),
                f"{ours['mean']:.3f} ({ours['low']:.3f}–{ours['high']:.3f})",
                inside if setting.comparable else None,
            )
        )
    return rows


def within(figure: str, low: float, high: float) -> bool:
    """Whether a figure lies between two numbers, as far as its digits tell.

    >>> within("0.017", 0.0174, 0.13), within("0.017", 0.0176, 0.13)
    (True, False)
    """
    half = 0.5 * 10.0 ** -len(figure.partition(".")[2])
    return low - half <= float(figure) <= high + half


def draw(losses: Mapping[str, NDArray[np.float64]], language: Language) -> Figure:
    """The smoothed loss of each rule over training."""
    with pictures.sheet(6.6, 3.9) as (figure, axes):
        ax = axes[0, 0]
        for k, (arm, values) in enumerate(losses.items()):
            steps = np.arange(values.shape[1]) + 1
            pictures.band(ax, steps, values, LOOKS[k], arm, offset=k / len(losses))
        ax.set_ylim(0, 1)
        ax.set_xlim(0, 1.01 * max(values.shape[1] for values in losses.values()))
        pictures.label(ax, language, pictures.STEP, WAY)
        pictures.legend_above(figure, ax, columns=3)
        seeds = len(next(iter(losses.values())))
        pictures.footnote(figure, pictures.SEED_BAND.format(n=seeds), language)
    return figure


EXPERIMENT = Experiment(
    name="optimizers-mnist",
    title=Text("Six optimizers on one network", "六种优化器训练同一个网络"),
    line=Text(
        "SGD, Momentum, Nesterov, AdaGrad, RMSprop and Adam on four hidden layers",
        "用 SGD、Momentum、Nesterov、AdaGrad、RMSprop 和 Adam 训练四个隐藏层的网络",
    ),
    idea=Text(
        "All six rules move the weights against the gradient; they differ in what they remember. "
        "SGD remembers nothing. Momentum and Nesterov keep a velocity. AdaGrad, RMSprop and Adam "
        "divide by the size of past gradients, so that each weight gets a step of its own. All "
        "start here from the same weights and see the same batches, seed by seed.",
        "六种优化器都让权重沿梯度的反方向移动，区别在于各自记住了什么。SGD 什么也不记；"
        "Momentum 和 Nesterov 保留速度；AdaGrad、RMSprop 和 Adam 除以以往梯度的大小，"
        "使每个权重有自己的步长。在这里，对每个随机种子，它们都从相同的权重出发，"
        "并看到相同的小批量。",
    ),
    formula=(
        r"\mathrm{SGD:}\quad W\leftarrow W-\eta g",
        r"\mathrm{Momentum:}\quad v\leftarrow\alpha v+g,\quad W\leftarrow W-\eta v",
        r"\mathrm{AdaGrad:}\quad h\leftarrow h+g^2,\quad W\leftarrow W-\eta\,\frac{g}{\sqrt{h}}",
        r"\mathrm{Adam:}\quad W\leftarrow W-\eta\,\frac{\hat m}{\sqrt{\hat v}},\quad"
        r"m\leftarrow\beta_1 m+(1-\beta_1)g,\quad v\leftarrow\beta_2 v+(1-\beta_2)g^2",
    ),
    code=train,
    run=run,
)
