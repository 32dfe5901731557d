"""How large the first weights are, and what it does to learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.inside import by_layer
from shoal.book.seeds import spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARMS = {
    "0.01": Text("std 0.01", "标准差 0.01"),
    "1/√n": Text("std 1/√n", "标准差 1/√n"),
    "He": Text("He, std √(2/n)", "He，标准差 √(2/n)"),
}
PUBLISHED = {"0.01": 2.30, "1/√n": 0.38, "He": 0.29}
"""Losses of one batch each at step 1900, in unseeded runs of the textbook's code."""
AT, AROUND = 1900, 50
"""The step of the published figures, and how far from it batches are taken into the band."""
FIRST_STEP = Text("Read by the instruments in the first step.", "由内部测量在第一步读出。")
NEVER = Text("never", "从未达到")
LEARNED = 0.5
"""A loss by which a network clearly has learned something; guessing costs log 10 = 2.303."""


def train(data: shoal.Dataset, steps: int, seeds: int) -> shoal.Comparison:
    """Four hidden layers of 100 ReLU units whose first weights differ in size alone."""
    mlp, sgd = shoal.mlp([100] * 4, activation="relu"), shoal.SGD(lr=0.01)
    arms = {
        "0.01": shoal.Recipe(mlp, sgd, init=0.01),
        "1/√n": shoal.Recipe(mlp, sgd, init="lecun"),
        "He": shoal.Recipe(mlp, sgd, init="he"),
    }
    return shoal.compare(
        arms, data, steps=steps, seeds=seeds, sampling="replacement", evaluate_every=100
    )


def run(setting: Setting) -> Findings:
    """Smoothed loss of every step, single batches beside the book's, and verdicts."""
    comparison = train(setting.load(valid=0), setting.work(2000, 200), setting.seeds)
    losses = {arm: comparison.losses(arm) for arm in ARMS}
    ends, tests = comparison.values("loss"), comparison.values("test_accuracy")
    difference = shoal.paired_difference(ends["He"], ends["1/√n"])
    at, around = setting.work(AT, 170), setting.work(AROUND, 20)
    numbers = {
        "steps": comparison.facts["steps"],
        "loss": ends,
        "test_accuracy": tests,
        "he_minus_lecun": vars(difference),
        "signal": {arm: by_layer(comparison, arm, "batch_std", "ReLU") for arm in ARMS},
        "gradient": {arm: by_layer(comparison, arm, "gradient_norm", "Affine") for arm in ARMS},
        "steps_to_half": comparison.steps_to(LEARNED),
        "single_batches": {
            arm: {"mean": float(np.mean(found)), "low": low, "high": high}
            for arm in ARMS
            for found in [
                [
                    batches(comparison, i)[at - around : at + around + 1]
                    for i in comparison.members(arm)
                ]
            ]
            for low, high in [np.percentile(found, [2.5, 97.5]).tolist()]
        },
    }
    return Findings(
        numbers=numbers,
        caption=caption(numbers, difference) + inside(numbers),
        pictures={
            "": lambda language: draw(losses, language),
            "inside": lambda language: draw_inside(numbers, language),
        },
        table=Table(
            (
                Text("first weights", "初始权重"),
                Text("training loss, end", "训练损失（结束时）"),
                Text("test accuracy, end", "测试准确率（结束时）"),
                Text("steps to loss {at}", "损失降到 {at} 的步数").format(at=LEARNED),
            ),
            [
                (
                    ARMS[arm],
                    spread(ends[arm]),
                    spread(tests[arm]),
                    spread(numbers["steps_to_half"][arm], ".0f", absent=NEVER),
                )
                for arm in ARMS
            ],
        ),
        published=published(numbers, setting),
        remark=Text(
            "The textbook calls the standard deviation 1/√n Xavier's; elsewhere that name stands "
            "for √(2/(fan in + fan out)), and 1/√n is LeCun's. A published figure is the loss of "
            "one batch, and counts as inside between the 2.5th and the 97.5th percentile of our "
            "single batches around that step. It was taken after that batch was learned from, ours "
            "before, which is a little higher.",
            "书中把标准差 1/√n 称为 Xavier 初始值；在别处 Xavier 指 √(2/(fan in + fan out))，"
            "而 1/√n 属于 LeCun。书中数值是单个小批量的损失，"
            "若落在该步附近我们单个小批量损失的第 2.5 与第 97.5 百分位数之间，便记为“在范围内”。"
            "书中的数值在学习该小批量之后测得，我们的在学习之前，因此略高。",
        ),
    )


def batches(comparison: shoal.Comparison, member: int) -> NDArray[np.float32]:
    """The loss of each batch of one network, as it came."""
    values: NDArray[np.float32] = comparison.history.curve(int(member), "loss").values
    return values


def caption(numbers: Mapping[str, Any], difference: Any) -> Text:
    """What the smallest weights do, and whether He beats 1/√n."""
    ends = numbers["loss"]
    small = float(np.nanmean(ends["0.01"]))
    stuck = abs(small - np.log(10)) < 0.05
    text = Text(
        "After {steps} steps the network that began with weights of 0.01 has a training loss of "
        "{small:.3f}: {stuck}.",
        "训练 {steps} 步后，以标准差 0.01 开始的网络的训练损失为 {small:.3f}：{stuck}。",
    ).format(
        steps=numbers["steps"],
        small=small,
        stuck=Text(
            "that of guessing among ten (log 10 = 2.303)",
            "与十选一随机猜测时一样（log 10 = 2.303）",
        )
        if stuck
        else Text("it has begun to learn", "它已经开始学习"),
    )
    he, lecun = (float(np.nanmean(ends[arm])) for arm in ("He", "1/√n"))
    low, high = difference.low, difference.high
    verdict = (
        Text("He's is lower", "He 的更低")
        if high < 0
        else Text("1/√n's is lower", "1/√n 的更低")
        if low > 0
        else Text("these seeds cannot tell them apart", "这些种子分不出二者的高低")
    )
    return text + Text(
        "From He's weights it reaches {he:.3f}, from those of 1/√n {lecun:.3f}; {verdict} "
        "(difference {mean:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}). This holds for this "
        "depth and step size and for ReLU, and for the first {steps} steps: a longer run or a "
        "larger step size may make up for the start.",
        "以 He 初始值开始降到 {he:.3f}，以 1/√n 开始降到 {lecun:.3f}；"
        "{verdict}（差值 {mean:+.3f}，95 % 置信区间 {low:+.3f} 到 {high:+.3f}）。"
        "这只说明 ReLU 在这一深度、这一学习率下最初 {steps} 步的情形：训练更久或学习率更大，"
        "也许能弥补起点的差别。",
    ).format(
        he=he,
        lecun=lecun,
        verdict=verdict,
        mean=difference.mean,
        low=low,
        high=high,
        steps=numbers["steps"],
    )


def inside(numbers: Mapping[str, Any]) -> Text:
    """What the instruments read in the first step: does the signal come through?"""
    kept = {
        arm: float((found[:, -1] / found[:, 0]).mean()) for arm, found in numbers["signal"].items()
    }
    return Text(
        "Read inside, in the first step: from the first hidden layer to the last, what a unit says "
        "about the image (the spread of its output over the batch) becomes {small:.1g} times as "
        "large with weights of 0.01, {lecun:.2g} times with 1/√n and {he:.2g} times with He's.",
        "从第一步的内部测量看：从第一个隐藏层到最后一个，单元的输出随图像变化的幅度"
        "（在小批量上的标准差）变为原来的若干倍：标准差 0.01 时为 {small:.1g} 倍，"
        "1/√n 时为 {lecun:.2g} 倍，He 时为 {he:.2g} 倍。",
    ).format(small=kept["0.01"], lecun=kept["1/√n"], he=kept["He"])


def published(numbers: Mapping[str, Any], setting: Setting) -> list[Published]:
    """The book's losses at step 1900, beside single batches of ours."""
    rows = []
    for arm, figure in PUBLISHED.items():
        ours = numbers["single_batches"][arm]
        inside = ours["low"] - 0.005 <= figure <= ours["high"] + 0.005  # published to 0.01
        rows.append(
            Published(
                Text("{arm}, loss of a batch at step {at}", "{arm}，第 {at} 步的小批量损失").format(
                    arm=ARMS[arm], at=AT
                ),
                f"{figure:.2f}",
                f"{ours['mean']:.3f} ({ours['low']:.3f}–{ours['high']:.3f})",
                inside if setting.comparable else None,
            )
        )
    return rows


def draw(losses: Mapping[str, NDArray[np.float64]], language: Language) -> Figure:
    """The smoothed loss from each start."""
    with pictures.sheet(6.2, 3.7) as (figure, axes):
        ax = axes[0, 0]
        for (arm, values), look in zip(losses.items(), LOOKS, strict=False):
            steps = np.arange(values.shape[1]) + 1
            pictures.band(ax, steps, values, look, ARMS[arm][language])
        ax.set_ylim(0, 2.5)
        ax.set_xlim(0, 1.01 * max(values.shape[1] for values in losses.values()))
        way = Text("training loss, smoothed", "训练损失（平滑后）")
        pictures.label(ax, language, pictures.STEP, way)
        pictures.legend_above(figure, ax)
        seeds = len(losses["He"])
        pictures.footnote(figure, pictures.SEED_BAND.format(n=seeds), language)
    return figure


def draw_inside(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Signal and gradient in each layer, in the first step."""
    panels = (
        (
            "signal",
            Text("Signal", "信号"),
            Text("output's std over the batch", "输出在小批量上的标准差"),
        ),
        (
            "gradient",
            Text("Gradient", "梯度"),
            Text("norm, weights of the layer", "该层权重梯度的范数"),
        ),
    )
    with pictures.sheet(7.6, 3.4, 1, 2) as (figure, axes):
        for ax, (key, name, how) in zip(axes[0], panels, strict=True):
            for look, (arm, found) in zip(LOOKS, numbers[key].items(), strict=False):
                layers = np.arange(1, found.shape[1] + 1)
                pictures.band(ax, layers, found, look, ARMS[arm][language])
            ax.set_yscale("log")
            ax.set(xticks=layers, xlim=(0.8, len(layers) + 0.2))
            pictures.title(ax, name, language, how)
            pictures.label(ax, language, Text("layer", "层"))
        pictures.legend_above(figure, axes[0, 0])
        seeds = len(numbers["signal"]["He"])
        pictures.footnote(figure, FIRST_STEP + pictures.SEED_BAND.format(n=seeds), language)
    return figure


EXPERIMENT = Experiment(
    name="init-mnist",
    title=Text("How large the first weights are", "初始权重该多大"),
    line=Text(
        "first weights of 0.01, 1/√n and √(2/n) before ReLU",
        "ReLU 网络的初始权重：标准差 0.01、1/√n 与 √(2/n)",
    ),
    idea=Text(
        "A unit adds up n products. If the weights are too small, every layer makes the numbers "
        "smaller, and on the way back the gradient with them: the first layers hardly move. If the "
        "spread of the weights is 1/√n, the sum is as large as its parts. ReLU throws the negative "
        "half away, so it needs twice the variance: √(2/n), after He.",
        "一个单元要把 n 个乘积加起来。权重太小，数值就会逐层变小，反向传播时梯度也随之变小，"
        "前面的层几乎不动。权重的标准差为 1/√n 时，和与各项大小相当。"
        "ReLU 丢掉负的一半，因此需要两倍的方差，即标准差 √(2/n)，这就是 He 初始值。",
    ),
    formula=(
        r"\mathrm{Var}\left[\sum_{i=1}^n w_i x_i\right]=n\,\sigma^2\,E[x^2]",
        r"\sigma=\frac{1}{\sqrt{n}},\qquad\sigma_{\mathrm{He}}=\sqrt{\frac{2}{n}}",
    ),
    code=train,
    run=run,
)
