"""Overfitting: three hundred images, and a network that can learn them by heart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table, in_band
from shoal.book.few_images import (
    MEASURED,
    NAMES,
    PARTS,
    SAME_IMAGES,
    TEST,
    TRAINING,
    drawn_on,
    first_images,
    measured,
)
from shoal.book.seeds import percent, span, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCHS = 201
TITLES = (Text("Accuracy", "准确率"), Text("Loss", "损失"))

Values = NDArray[np.float64]


def train(data: shoal.Dataset, epochs: int, seeds: int) -> shoal.Comparison:
    """Six hidden layers of 100 units on 300 images, with nothing against overfitting."""
    recipe = shoal.Recipe(shoal.mlp([100] * 6), shoal.SGD(lr=0.01), init="he", batch_size=100)
    return shoal.compare(
        {"plain": recipe},
        data,
        epochs=epochs,
        seeds=seeds,
        sampling="replacement",  # as the published run drew its batches
        evaluate_every=5,
    )


def run(setting: Setting) -> Findings:
    """Accuracy and loss over training, when all training images are right, and the end."""
    comparison = train(first_images(setting), setting.work(EPOCHS, 15), setting.seeds)
    numbers = measured(comparison, "plain")
    whole = [first_at(numbers["epoch"], row, 1.0) for row in numbers["train_accuracy_curve"]]
    lowest = [float(numbers["epoch"][np.argmin(row)]) for row in numbers["test_loss_curve"]]
    least = numbers["test_loss_curve"].min(axis=1)
    numbers |= {"all_right_at": whole, "test_loss_lowest_at": lowest, "test_loss_lowest": least}
    ends, others, gap = (numbers[name] for name in ("train_accuracy", "test_accuracy", "gap"))
    return Findings(
        numbers=numbers,
        caption=Text(
            "After {epochs:.0f} epochs the networks have {train} of the images right that they "
            "were trained on, and {test} of the others: {gap} points between them.",
            "训练 {epochs:.0f} 轮后，网络在参与训练的图像上答对 {train}，在其余图像上答对 {test}，"
            "相差 {gap} 个百分点。",
        ).format(
            epochs=numbers["epoch"][-1],
            train=percent(np.nanmean(ends)),
            test=percent(np.nanmean(others)),
            gap=f"{100 * np.nanmean(gap):.1f}",
        )
        + when_all_right(whole)
        + what_the_loss_says(lowest, least, numbers["test_loss"])
        + SAME_IMAGES,
        pictures={"": lambda language: draw(numbers, language)},
        table=Table(
            (
                Text("epoch", "轮次"),
                TRAINING,
                TEST,
                Text("training loss", "训练损失"),
                Text("test loss", "测试损失"),
            ),
            [
                (
                    f"{numbers['epoch'][at]:.0f}",
                    *(spread(numbers[f"{name}_curve"][:, at]) for name in MEASURED),
                )
                for at in np.unique(
                    np.linspace(0, len(numbers["epoch"]) - 1, 6).astype(int)
                ).tolist()
            ],
        ),
        published=[
            Published(
                Text("training accuracy at the end", "结束时的训练准确率"),
                "1.0",
                spread(ends),
                in_band(float(np.nanmean(ends)), 0.995, 1, setting),
            ),
            Published(
                Text("epochs until all of them are right", "全部答对所需的轮数"),
                Text("about 100", "约 100"),
                spread(whole, ".0f", Text("never", "从未达到")),
                in_band(float(np.median(whole)), 50, 150, setting),  # NaN is in no band
            ),
            Published(
                Text("test accuracy at the end", "结束时的测试准确率"),
                Text("far below", "远低于训练准确率"),
                spread(others),
                in_band(float(np.nanmean(gap)), 0.1, 1, setting),
            ),
        ],
    )


def first_at(epoch: Values, curve: Values, level: float) -> float:
    """The first epoch at which a curve reaches a level; NaN if it never does.

    >>> first_at(np.array([5.0, 10.0]), np.array([0.7, 1.0]), 1.0)
    10.0
    """
    reached = np.flatnonzero(curve >= level)
    return float(epoch[reached[0]]) if len(reached) else math.nan


def when_all_right(whole: Sequence[float]) -> Text:
    """From when on each network has all its training images right."""
    found = np.array(whole)[np.isfinite(whole)]
    if not len(found):
        return Text(
            "None of them ever has all its training images right.",
            "没有一个网络曾把训练图像全部答对。",
        )
    return Text(
        "{n} of {all} have all their training images right at some time, first after {first} "
        "epochs.",
        "{all} 个网络中有 {n} 个曾把训练图像全部答对，各自首次做到是在第 {first} 轮。",
    ).format(n=len(found), all=len(whole), first=span(found))


def what_the_loss_says(lowest: Sequence[float], least: Values, end: Values) -> Text:
    """Whether the test loss rises again, which accuracy does not show."""
    risen = float(np.nanmean(end / least - 1))
    if risen < 0.01:
        return Text(
            "The test loss is lowest at the end, or nearly: it does not rise again in this time.",
            "测试损失在结束时最低（或几乎最低）：这段时间内没有回升。",
        )
    return Text(
        "The test loss is lowest after {at} epochs and then rises by {risen:.0f} % to the end: "
        "the networks become ever surer of their wrong answers.",
        "测试损失在第 {at} 轮最低，此后到结束回升了 {risen:.0f} %："
        "网络对自己的错误答案越来越有把握。",
    ).format(at=span(lowest), risen=100 * risen)


def draw(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Accuracy, and loss, on the images trained on and on others."""
    with pictures.sheet(7.4, 3.3, columns=2) as (figure, axes):
        for ax, kind, what in zip(axes[0], ("accuracy", "loss"), TITLES, strict=True):
            for part, name, look in zip(PARTS, NAMES, LOOKS, strict=False):
                values = numbers[f"{part}_{kind}_curve"]
                pictures.band(ax, numbers["epoch"], values, look, name[language])
            pictures.title(ax, what, language)
            pictures.label(ax, language, pictures.EPOCH)
            ax.set_ylim(0, 1.04 if kind == "accuracy" else None)
        pictures.percent_axis(axes[0, 0])
        pictures.legend_above(figure, axes[0, 0])
        pictures.footnote(figure, drawn_on(numbers), language)
    return figure


EXPERIMENT = Experiment(
    name="overfit",
    title=Text("Learning by heart", "死记硬背：过拟合"),
    line=Text("a deep network on 300 images", "用 300 张图像训练深层网络"),
    idea=Text(
        "A network with far more weights than images can remember every one of them. What it does "
        "on images that it has never seen is another matter, so it is measured on others than it "
        "was trained on. The distance between the two accuracies is what overfitting means; loss "
        "shows it earlier, because it also asks how sure the network is.",
        "当网络的权重远多于图像时，它可以把每一张都记住。而它在从未见过的图像上表现如何，是另一回事，"
        "所以要用没有参与训练的图像来衡量。两个准确率之间的距离就是过拟合。"
        "损失能更早地显示它，因为损失还会问网络有多大把握。",
    ),
    formula=(r"\mathrm{gap}=\mathrm{accuracy}_{\mathrm{train}}-\mathrm{accuracy}_{\mathrm{test}}",),
    code=train,
    run=run,
)
