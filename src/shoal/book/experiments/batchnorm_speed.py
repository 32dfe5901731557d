"""Batch normalisation: the same network learns in fewer epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.seeds import changed, curves, percent, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 1000
ARMS = {
    "plain": Text("without batch norm", "不用批归一化"),
    "batch norm": Text("with batch norm", "使用批归一化"),
}
NEVER = Text("never", "从未达到")
TARGETS = (0.5, 0.8, 0.9)
"""Training accuracies whose first epoch is looked up."""


def train(data: shoal.Dataset, epochs: int, seeds: int) -> shoal.Comparison:
    """Five hidden layers of 100 units, with batch norm and without."""
    arms = {
        name: shoal.Recipe(
            shoal.mlp([100] * 5, batch_norm=name == "batch norm"),
            shoal.SGD(lr=0.01),
            init="he",
            batch_size=100,
        )
        for name in ("plain", "batch norm")
    }
    return shoal.compare(arms, data, epochs=epochs, seeds=seeds, sampling="replacement")


def run(setting: Setting) -> Findings:
    """Training accuracy at the end of every epoch, and the epochs to given accuracies."""
    data = setting.load(valid=0)
    data = replace(data, train=data.train.rows(slice(IMAGES)))
    comparison = train(data, setting.work(20, 12), setting.seeds)
    numbers: dict[str, Any] = {"rows": comparison.facts["data"]["rows"]}
    for arm in ARMS:
        numbers["epoch"], numbers[f"{arm} curve"] = curves(comparison, arm, "train_accuracy")
        numbers[arm] = {
            "train_accuracy": comparison.values("train_accuracy")[arm],
            "test_accuracy": comparison.values("test_accuracy")[arm],
            "loss": comparison.values("loss")[arm],
            "epochs_to": {
                f"{target}": first_epoch(numbers["epoch"], numbers[f"{arm} curve"], target)
                for target in TARGETS
            },
        }
    difference = shoal.paired_difference(
        numbers["batch norm"]["train_accuracy"],
        numbers["plain"]["train_accuracy"],
        step=1 / numbers["rows"]["train"],
    )
    on_test = shoal.paired_difference(
        numbers["batch norm"]["test_accuracy"],
        numbers["plain"]["test_accuracy"],
        step=1 / min(numbers["rows"]["test"], 10_000),
    )
    return Findings(
        numbers=numbers | {"difference": vars(difference), "difference_on_test": vars(on_test)},
        caption=caption(numbers, difference, on_test),
        pictures={"": lambda language: draw(numbers, language)},
        table=Table(
            (
                "",
                Text("training accuracy", "训练准确率"),
                Text("test accuracy", "测试准确率"),
                *(
                    Text("epochs to {share}", "到 {share} 的轮数").format(share=percent(target, 0))
                    for target in TARGETS
                ),
            ),
            [
                (
                    ARMS[arm],
                    spread(numbers[arm]["train_accuracy"]),
                    spread(numbers[arm]["test_accuracy"]),
                    *(
                        spread(epochs, ".1f", absent=NEVER)
                        for epochs in numbers[arm]["epochs_to"].values()
                    ),
                )
                for arm in ARMS
            ],
        ),
        published=[
            Published(
                Text("training accuracy after 20 epochs", "训练 20 轮后的训练准确率"),
                Text("with > without", "使用 > 不用"),
                Text("{a} > {b}", "{a} > {b}").format(
                    a=spread(numbers["batch norm"]["train_accuracy"]),
                    b=spread(numbers["plain"]["train_accuracy"]),
                ),
                difference.low > 0 if setting.comparable else None,
            )
        ],
        remark=Text(
            "Accuracy is measured in evaluation mode, with the running averages of mean and "
            "variance, so that it does not depend on which images share a batch. Faster means "
            "fewer epochs: with batch norm each step costs more arithmetic.",
            "准确率在评估模式下测量，使用均值与方差的滑动平均，"
            "因此不取决于哪些图像同在一个小批量中。“更快”指轮数更少：使用批归一化时，"
            "每一步的计算量更大。",
        ),
    )


def first_epoch(
    epochs: NDArray[np.float64], values: NDArray[np.float64], target: float
) -> NDArray[np.float64]:
    """The first epoch of each seed at whose end the accuracy was the target at least; or NaN.

    >>> first_epoch(np.array([1.0, 2.0]), np.array([[0.4, 0.6], [0.1, 0.2]]), 0.5)
    array([ 2., nan])
    """
    there = values >= target
    return np.where(there.any(axis=1), epochs[there.argmax(axis=1)], np.nan)


def caption(numbers: Mapping[str, Any], difference: Any, on_test: Any) -> Text:
    """Where both end, and how many epochs each took to the highest accuracy that both reached."""
    text = Text(
        "After {epochs:.0f} epochs on {rows} images the network has {plain} of them right without "
        "batch norm and {normed} with it; with it, {change}.",
        "在 {rows} 张图像上训练 {epochs:.0f} 轮后，网络在不用批归一化时答对其中的 {plain}，"
        "使用批归一化时答对 {normed}；使用后，{change}。",
    ).format(
        epochs=numbers["epoch"][-1],
        rows=numbers["rows"]["train"],
        plain=percent(float(np.nanmean(numbers["plain"]["train_accuracy"]))),
        normed=percent(float(np.nanmean(numbers["batch norm"]["train_accuracy"]))),
        change=changed(Text("training accuracy", "训练准确率"), difference),
    )
    took = {
        target: [numbers[arm]["epochs_to"][f"{target}"] for arm in ("batch norm", "plain")]
        for target in TARGETS
    }
    both = [target for target, epochs in took.items() if np.isfinite(epochs).all()]
    if both:
        normed, plain = took[both[-1]]
        ahead = int((normed < plain).sum())
        text += Text(
            "To {share} it takes {normed:.1f} epochs with batch norm and {plain:.1f} without, on "
            "average; {ahead} of {n} seeds get there sooner with it.",
            "达到 {share} 平均需要的轮数：使用批归一化为 {normed:.1f}，不用为 {plain:.1f}；"
            "{n} 个种子中有 {ahead} 个在使用时更早达到。",
        ).format(
            share=percent(both[-1], 0),
            normed=normed.mean(),
            plain=plain.mean(),
            ahead=ahead,
            n=len(normed),
        )
    return text + Text(
        "On images that it was not trained on, {test}: what is learned sooner and what holds for "
        "other images are two questions. Both have the same step size here; without batch norm a "
        "larger one may close part of the gap.",
        "在没有参与训练的图像上，{test}：学得快慢与能否推广到其他图像是两回事。"
        "这里两者的学习率相同；不用批归一化时，若换用更大的学习率，也许能缩小差距。",
    ).format(test=changed(Text("accuracy", "准确率"), on_test), rows=numbers["rows"]["train"])


def draw(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Training accuracy by epoch, with and without."""
    with pictures.sheet(6.2, 3.6) as (figure, axes):
        ax = axes[0, 0]
        for (arm, name), look in zip(ARMS.items(), LOOKS, strict=False):
            pictures.band(ax, numbers["epoch"], numbers[f"{arm} curve"], look, name[language])
        ax.set_ylim(0, 1.02)
        ax.set_xlim(0, 1.02 * numbers["epoch"][-1])
        ax.xaxis.get_major_locator().set_params(integer=True)
        pictures.percent_axis(ax)
        pictures.label(ax, language, pictures.EPOCH, Text("training accuracy", "训练准确率"))
        pictures.legend_above(figure, ax)
        seeds = len(numbers["plain"]["train_accuracy"])
        pictures.footnote(figure, pictures.SEED_BAND.format(n=seeds), language)
    return figure


EXPERIMENT = Experiment(
    name="batchnorm-speed",
    title=Text("Batch norm learns in fewer epochs", "批归一化让学习所需的轮数更少"),
    line=Text(
        "five hidden layers on 1000 images, with batch norm and without",
        "用 1000 张图像训练含五个隐藏层的网络，使用与不用批归一化",
    ),
    idea=Text(
        "While the weights of one layer move, the inputs of the next shift and stretch, and it has "
        "to follow. Batch norm sets every unit's values back to mean 0 and variance 1 over the "
        "batch, then lets the unit learn a scale γ and a shift β of its own. The signal keeps its "
        "size through all layers, so the same step size moves every layer well.",
        "一层的权重变动时，下一层的输入会随之平移、伸缩，它不得不一直跟着调整。"
        "批归一化把每个单元的值在小批量上调回均值 0、方差 1，再让该单元自己学习缩放 γ 和平移 β。"
        "信号穿过各层而大小不变，同一个学习率便适用于每一层。",
    ),
    formula=(
        r"\mu=\frac{1}{m}\sum_i x_i,\qquad\sigma^2=\frac{1}{m}\sum_i(x_i-\mu)^2",
        r"y_i=\gamma\,\frac{x_i-\mu}{\sqrt{\sigma^2+\varepsilon}}+\beta",
    ),
    code=train,
    run=run,
)
