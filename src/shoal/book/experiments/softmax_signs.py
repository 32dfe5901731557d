"""Softmax over six hand signs: a small network on colour photographs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.few_images import NAMES, PARTS
from shoal.book.seeds import percent, span, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCHS = 1500
SEEDS = 3
EVERY = 5
TITLES = (Text("Cost of an epoch", "每轮的代价"), Text("Accuracy", "准确率"))

Values = NDArray[np.float64]


class AllRight(shoal.Callback):
    """Ends training as soon as every network has all its training images right."""

    def on_epoch(self, trainer: shoal.Trainer) -> None:
        if (trainer.history.final("train_accuracy") == 1).all():
            trainer.stop()


def train(data: shoal.Dataset, epochs: int, seeds: int) -> shoal.Trainer:
    """Two hidden layers of 25 and 12 units, and softmax, until all training images are right."""
    recipe = shoal.Recipe(shoal.mlp([25, 12]), shoal.Adam(lr=0.0001), init="xavier", batch_size=32)
    return shoal.Trainer(
        recipe, data, epochs=epochs, seeds=seeds, evaluate_every=EVERY,
        callbacks=[AllRight(), shoal.Progress()],
    ).run()  # fmt: skip


def run(setting: Setting) -> Findings:
    """Cost of every epoch and both accuracies, to the end or until all training images are right.

    Raises:
        ShoalError: the photographs are not at hand.
    """
    data = shoal.load("signs") if setting.data == "mnist" else setting.load(valid=0)
    epochs = setting.work(EPOCHS, 20)
    trainer = train(data, epochs, setting.seeds)
    numbers = measured(trainer)
    done = numbers["epochs"]
    train_end, test_end = (numbers[f"{part}_accuracy"][:, -1] for part in PARTS)
    right = float(np.nanmean(test_end))
    rows = len(data.test)
    return Findings(
        numbers=numbers,
        caption=whose(setting)
        + why_ended(done, epochs, train_end)
        + Text(
            "Of the training images they then have {train} right, of the {rows} test images {test} "
            "(from seed to seed {span}). One test accuracy on so few images is uncertain by about "
            "±{margin:.0f} points, so small differences between such networks mean nothing.",
            "此时训练图像答对 {train}，{rows} 张测试图像答对 {test}（各种子为 {span}）。"
            "测试图像这么少，单个测试准确率大约有 ±{margin:.0f} 个百分点的不确定性，"
            "所以这类网络之间的小差别说明不了什么。",
        ).format(
            train=percent(float(np.nanmean(train_end))),
            rows=rows,
            test=percent(right),
            span=span(100 * test_end[np.isfinite(test_end)], ".1f") + " %",
            margin=196 * np.sqrt(right * (1 - right) / rows),
        ),
        pictures={"": lambda language: draw(numbers, rows, language)},
        table=Table(
            (
                Text("epoch", "轮次"),
                Text("cost", "代价"),
                Text("training accuracy", "训练准确率"),
                Text("test accuracy", "测试准确率"),
            ),
            [
                (
                    f"{numbers['epoch'][at]}",
                    spread(numbers["cost"][:, numbers["epoch"][at] - 1]),
                    *(spread(numbers[f"{part}_accuracy"][:, at]) for part in PARTS),
                )
                for at in np.unique(np.linspace(0, len(numbers["epoch"]) - 1, 6).astype(int))
            ],
        ),
    )


def measured(trainer: shoal.Trainer) -> dict[str, Any]:
    """Mean cost of each epoch (seeds, epochs), and accuracies where they were evaluated."""
    history, done = trainer.history, trainer.epochs_done
    members = range(len(trainer.members))
    losses = np.array([history.curve(i, "loss").values for i in members], np.float64)
    per_epoch = losses.shape[1] // done
    curves = {
        f"{part}_accuracy": np.array([history.curve(i, f"{part}_accuracy").values for i in members])
        for part in PARTS
    }
    return curves | {
        "epochs": done,
        "epoch": history.curve(0, "train_accuracy").steps // per_epoch,
        "cost": losses.reshape(len(losses), done, per_epoch).mean(axis=2),
    }


def whose(setting: Setting) -> Text:
    """That it is not about hand signs, if it is not."""
    if setting.data == "mnist":
        return Text("", "")
    return Text(
        "These are scikit-learn's small digits, taken in place of the hand signs.",
        "这里用 scikit-learn 自带的小幅手写数字代替了手势照片。",
    )


def why_ended(done: int, most: int, right: Values) -> Text:
    """Why training ended when it did."""
    if (right == 1).all():
        return Text(
            "Training ended after {done} epochs of at most {most}, when every network had all its "
            "training images right.",
            "训练在第 {done} 轮结束（最多 {most} 轮）：此时每个网络都把训练图像全部答对。",
        ).format(done=done, most=most)
    return Text("Training ended after all {done} epochs.", "{done} 轮全部训练完毕。").format(
        done=done
    )


def draw(numbers: Mapping[str, Any], rows: int, language: Language) -> Figure:
    """The cost of every epoch, and both accuracies."""
    with pictures.sheet(7.4, 3.4, columns=2) as (figure, axes):
        cost, accuracy = axes[0]
        pictures.band(cost, np.arange(1, numbers["epochs"] + 1), numbers["cost"], LOOKS[0])
        cost.set_ylim(bottom=0)
        for part, name, look in zip(PARTS, NAMES, LOOKS, strict=False):
            values = numbers[f"{part}_accuracy"]
            pictures.band(accuracy, numbers["epoch"], values, look, name[language])
        accuracy.set_ylim(0, 1.04)
        pictures.percent_axis(accuracy)
        for ax, what in zip(axes[0], TITLES, strict=True):
            pictures.title(ax, what, language)
            pictures.label(ax, language, pictures.EPOCH)
        pictures.legend(accuracy, loc="lower right")
        foot = pictures.SEED_BAND.format(n=len(numbers["cost"])) + Text(
            "Cost: mean cross-entropy of the batches of an epoch, each before its update. {rows} "
            "test images.",
            "代价：一轮中各小批量在更新前的交叉熵的平均。测试图像 {rows} 张。",
        ).format(rows=rows)
        pictures.footnote(figure, foot, language)
    return figure


EXPERIMENT = Experiment(
    name="softmax-signs",
    title=Text("Hand signs with softmax", "用 softmax 识别手势"),
    line=Text("photographs of hands that show 0 to 5", "识别表示 0 到 5 的手势照片"),
    idea=Text(
        "Softmax turns one number per class into probabilities: each is made positive by the "
        "exponential and divided by their sum. Cross-entropy then asks only how probable the true "
        "class was. The photographs have 12,288 numbers each and there are only 1,080 to learn "
        "from, so look at both accuracies.",
        "softmax 把每个类别的一个数变成概率：先取指数使之为正，再除以总和。"
        "交叉熵只问真实类别的概率有多大。每张照片有 12,288 个数，而可供学习的只有 1,080 张，"
        "所以两个准确率都要看。",
    ),
    formula=(
        r"p_k=\frac{e^{z_k}}{\sum_j e^{z_j}}",
        r"L=-\frac{1}{N}\sum_n \log p_{n,t_n}",
    ),
    code=train,
    run=run,
    seeds=SEEDS,
    uses="signs",
)
