"""A network with one hidden layer learns digits, with sigmoid and with ReLU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.seeds import changed, could_be, curves, percent, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACTIVATIONS = {"sigmoid": "sigmoid", "relu": "ReLU"}
PARTS = {
    "train": Text("training images", "训练图像"),
    "test": Text("test images", "测试图像"),
}
PUBLISHED = {
    "sigmoid": {"train": 0.947, "test": 0.9465},
    "relu": {"train": 0.978, "test": 0.969},
}
"""The last accuracies that the textbook's code prints, in one unseeded run each."""


def train(data: shoal.Dataset, steps: int, seeds: int) -> shoal.Comparison:
    """One hidden layer of 50 units, with each activation."""
    arms = {
        activation: shoal.Recipe(
            shoal.mlp([50], activation), shoal.SGD(lr=0.1), init=0.01, batch_size=100
        )
        for activation in ("sigmoid", "relu")
    }
    return shoal.compare(
        arms, data, steps=steps, seeds=seeds, sampling="replacement", evaluate_rows=None
    )


def run(setting: Setting) -> Findings:
    """Accuracy on training and test images at the end of each epoch."""
    comparison = train(setting.load(valid=0), setting.work(10_000, 200), setting.seeds)
    numbers: dict[str, Any] = {"rows": comparison.facts["data"]["rows"]}
    for arm in ACTIVATIONS:
        for part in PARTS:
            epochs, values = curves(comparison, arm, f"{part}_accuracy")
            whole = epochs == np.round(epochs)  # the run ends amid an epoch
            numbers |= {"epoch": epochs[whole], f"{arm}_{part}_curve": values[:, whole]}
            numbers[f"{arm}_{part}"] = values[:, whole][:, -1]
        numbers[f"{arm}_gap"] = numbers[f"{arm}_train"] - numbers[f"{arm}_test"]
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={"": lambda language: draw(numbers, language)},
        table=Table(
            (
                Text("hidden layer", "隐藏层"),
                *(
                    Text(f"{name.en[:-7]} accuracy", f"{name.zh[:-2]}准确率")
                    for name in PARTS.values()
                ),
                Text("gap, points", "差距（百分点）"),
            ),
            [
                (
                    name,
                    *(spread(numbers[f"{arm}_{part}"], ".4f") for part in PARTS),
                    spread(100 * numbers[f"{arm}_gap"], ".2f"),
                )
                for arm, name in ACTIVATIONS.items()
            ],
        ),
        published=[
            Published(
                Text("{name}, {part}", "{name}，{part}").format(name=name, part=PARTS[part]),
                f"{PUBLISHED[arm][part]}",
                spread(numbers[f"{arm}_{part}"], ".4f"),
                could_be(PUBLISHED[arm][part], numbers[f"{arm}_{part}"], setting),
            )
            for arm, name in ACTIVATIONS.items()
            for part in PARTS
        ],
        remark=Text(
            "Batches are drawn with replacement, as in the published run, which ended at the same "
            "epoch. A published figure counts as inside where one more run of ours would end with "
            "95 % probability.",
            "小批量有放回地抽取，与书中一致，比较的也是同一轮结束时的数值。"
            "若书中数值落在“再做一次训练时有 95 % 概率落入”的区间内，便记为“在范围内”。",
        ),
    )


def caption(numbers: Mapping[str, Any]) -> Text:
    """Where both end, how they differ, and how far training and test images lie apart."""
    difference = shoal.paired_difference(
        numbers["relu_test"], numbers["sigmoid_test"], step=1 / numbers["rows"]["test"]
    )
    return Text(
        "After {epochs:.0f} epochs the sigmoid network has {sigmoid} of the test images right and "
        "the ReLU network {relu}; with ReLU {change}. On the images trained on they have {gap_s} "
        "and {gap_r} points more. This compares the two at one learning rate and one spread of the "
        "first weights, not at the best of each.",
        "训练 {epochs:.0f} 轮后，sigmoid 网络在测试集上的准确率为 {sigmoid}，ReLU 网络为 {relu}；"
        "与 sigmoid 相比，用 ReLU 时{change}。两者的训练准确率分别比测试准确率高 {gap_s} 和 "
        "{gap_r} 个百分点。这里两者用的是同一学习率和同一初始权重标准差，"
        "比的不是各自调到最佳后的水平。",
    ).format(
        epochs=numbers["epoch"][-1],
        sigmoid=percent(np.mean(numbers["sigmoid_test"])),
        relu=percent(np.mean(numbers["relu_test"])),
        change=changed(Text("test accuracy", "测试准确率"), difference),
        gap_s=f"{100 * np.mean(numbers['sigmoid_gap']):.1f}",
        gap_r=f"{100 * np.mean(numbers['relu_gap']):.1f}",
    )


def draw(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Training and test accuracy of both networks, epoch by epoch."""
    lowest = min(numbers[f"{arm}_{part}_curve"].min() for arm in ACTIVATIONS for part in PARTS)
    with pictures.sheet(7.2, 3.3, columns=2, sharey=True) as (figure, axes):
        for ax, (arm, name) in zip(axes[0], ACTIVATIONS.items(), strict=True):
            for look, (part, images) in zip(LOOKS, PARTS.items(), strict=False):
                values = numbers[f"{arm}_{part}_curve"]
                pictures.band(ax, numbers["epoch"], values, look, images[language])
            pictures.title(ax, name, language)
            pictures.label(ax, language, pictures.EPOCH)
            ax.set_xlim(0, 1.02 * numbers["epoch"][-1])
            ax.xaxis.get_major_locator().set_params(integer=True)
        axes[0, 0].set_ylim(max(0, lowest - 0.02), 1)
        pictures.label(axes[0, 0], language, y=pictures.ACCURACY)
        pictures.percent_axis(axes[0, 0])
        pictures.legend_above(figure, axes[0, 0])
        seeds = len(numbers["relu_test"])
        pictures.footnote(figure, pictures.SEED_BAND.format(n=seeds), language)
    return figure


EXPERIMENT = Experiment(
    name="two-layer-net",
    title=Text("One hidden layer learns digits", "一个隐藏层学会识别数字"),
    line=Text(
        "one hidden layer of 50 units, with sigmoid and with ReLU",
        "含 50 个单元的单隐藏层网络，分别用 sigmoid 和 ReLU",
    ),
    idea=Text(
        "Learning is three things over and over: take a few images, find the gradient of the loss "
        "for them, move the weights a little against it. Accuracy on images that were never "
        "trained on tells whether the network has learned what digits look like, or these images "
        "only. As long as both curves rise together, it is the former.",
        "学习就是不断重复三件事：取少量图像，求损失对权重的梯度，让权重沿梯度的反方向移动一小步。"
        "在从未训练过的图像上的准确率，能说明网络学到的是数字的样子，还是仅仅记住了这些图像。"
        "只要两条曲线一同上升，就是前者。",
    ),
    formula=(
        r"W\leftarrow W-\eta\,\frac{\partial L}{\partial W}",
        r"\mathrm{sigmoid}(a)=\frac{1}{1+e^{-a}},\qquad\mathrm{ReLU}(a)=\max(0,\,a)",
    ),
    code=train,
    run=run,
)
