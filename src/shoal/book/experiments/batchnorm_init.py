"""Batch normalisation and the size of the first weights: sixteen starts, with it and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.seeds import one_run, percent, spread
from shoal.book.text import Language, Text, listed
from shoal.plot.style import LOOKS, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 1000
SCALES = tuple(np.logspace(0, -4, 16).tolist())
ARMS = {
    "plain": Text("without batch norm", "不用批归一化"),
    "batch norm": Text("with batch norm", "使用批归一化"),
}
PUBLISHED = {
    1: (0.10, 0.42),
    3: (0.98, 0.63),
    4: (0.82, 0.76),
    6: (0.12, 0.95),
    9: (0.12, 1.0),
    16: (0.12, 0.52),
}
"""By the number of the scale: training accuracy without and with batch norm, to two digits."""
LITTLE = 0.05
"""A difference between scales that is no longer worth a word."""
HALF = 0.5
"""A training accuracy that shows that something was learned."""


def train(data: shoal.Dataset, epochs: int, seeds: int) -> shoal.Trainer:
    """Five hidden layers of 100 units, plain and normalised, from weights of every size."""
    plain = [shoal.Affine(100), shoal.ReLU()] * 5
    normed = [shoal.Affine(100), shoal.BatchNorm(eps=1e-6), shoal.ReLU()] * 5
    networks = {
        "plain": shoal.Network((shoal.Flatten(), *plain, shoal.Affine())),
        "batch norm": shoal.Network((shoal.Flatten(), *normed, shoal.Affine())),
    }
    arms = {
        f"{name} {scale:.2g}": shoal.Recipe(network, shoal.SGD(lr=0.01), init=scale, batch_size=100)
        for name, network in networks.items()
        for scale in np.logspace(0, -4, 16).tolist()
    }
    return shoal.Trainer(
        arms, data, epochs=epochs, seeds=seeds, sampling="replacement", evaluate_parts=["train"],
        callbacks=[shoal.Progress()],
    ).run()  # fmt: skip


def run(setting: Setting) -> Findings:
    """Training accuracy at the end of every epoch, from each of the sixteen starts."""
    data = setting.load(valid=0)
    data = replace(data, train=data.train.rows(slice(setting.work(IMAGES, 300))))
    trainer = train(data, setting.work(20, 2), setting.seeds)
    found = {arm: curves(trainer, arm) for arm in ARMS}
    numbers: dict[str, Any] = {
        "rows": len(data.train),
        "scale": SCALES,
        "share_of_class_0": float((data.train.y == 0).mean()),
        **{f"{arm}_curves": found[arm] for arm in ARMS},  # (scales, seeds, epochs)
        **{arm: found[arm][..., -1] for arm in ARMS},
        "learned": {arm: learned(found[arm][..., -1]) for arm in ARMS},
    }
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={"": lambda language: draw(found, language)},
        table=Table(
            (Text("std of the first weights", "初始权重的标准差"), *ARMS.values()),
            [
                (f"{scale:.2g}", *(spread(numbers[arm][k], ".2f") for arm in ARMS))
                for k, scale in enumerate(SCALES)
            ],
        ),
        published=published(numbers, setting),
        remark=Text(
            "The published run counts its 20th epoch after 191 updates, so it stands beside ours "
            "after 190. It counts as inside where one more run of ours would end with 95 % "
            "probability, to two digits. A network that diverged has no accuracy here; the "
            "textbook's code lets it go on with NaN, which counts as the answer 0: its figure is "
            "the share of zeros. ε is 1e-6, as there: at the smallest scales it is not small "
            "beside the variance that it is added to, and a larger ε holds learning back.",
            "书中的第 20 轮在更新 191 次之后记录，所以与我们更新 190 次之后的数值相比。"
            "若书中数值（两位小数）落在“再做一次训练时有 95 % 概率落入”的区间内，"
            "便记为“在范围内”。发散的网络在这里没有准确率；书中的代码让它带着 NaN 继续，"
            "而 NaN 被当作答案 0，所以那里的数值就是数字 0 的占比。ε 与书中一样取 1e-6："
            "在最小的几个标准差下，它与所加到的方差相比并不小，ε 更大会妨碍学习。",
        ),
    )


def curves(trainer: shoal.Trainer, arm: str) -> NDArray[np.float64]:
    """Training accuracy (scales, seeds, epochs) of the plain or the normalised networks."""
    by_scale = [
        [
            trainer.history.curve(i, "train_accuracy").values
            for i, member in enumerate(trainer.members)
            if member.arm == f"{arm} {scale:.2g}"
        ]
        for scale in SCALES
    ]
    return np.array(by_scale, np.float64)


def learned(accuracy: NDArray[np.float64]) -> list[int]:
    """The numbers of the scales, from 1, at which every seed has half of the images right."""
    return [k + 1 for k, seeds in enumerate(accuracy) if (seeds >= HALF).all()]


def caption(numbers: Mapping[str, Any]) -> Text:
    """At how many scales each learns, where each is best, and where batch norm does not win."""
    count = {arm: len(numbers["learned"][arm]) for arm in ARMS}
    lost = int(np.isnan(numbers["plain"]).all(axis=1).sum())
    text = Text(
        "At {plain} of the 16 scales every network without batch norm has half of its {rows} "
        "images right in the end, with batch norm at {normed}.",
        "16 种标准差中，不用批归一化时有 {plain} 种、使用时有 {normed} 种，"
        "能使所有网络最后至少答对 {rows} 张图像中的一半。",
    ).format(plain=count["plain"], normed=count["batch norm"], rows=numbers["rows"])
    if lost:
        text += Text(
            "At {lost} scales the plain networks diverged with every seed.",
            "有 {lost} 种标准差，不用批归一化的网络在所有种子下都发散。",
        ).format(lost=lost)
    best = {arm: best_scale(numbers[arm]) for arm in ARMS}
    text += Text(
        "At its best scale the plain network comes to {plain} (std {at_plain:.2g}), the normalised "
        "one to {normed} (std {at_normed:.2g}).",
        "在各自最好的标准差下，不用批归一化的网络达到 {plain}（标准差 {at_plain:.2g}），"
        "使用的达到 {normed}（标准差 {at_normed:.2g}）。",
    ).format(
        plain=percent(best["plain"][1]),
        at_plain=best["plain"][0],
        normed=percent(best["batch norm"][1]),
        at_normed=best["batch norm"][0],
    )
    low, high = extremes(numbers["batch norm"])
    ahead = [
        scale
        for scale, a, b in zip(SCALES, numbers["plain"], numbers["batch norm"], strict=True)
        if a.min() >= HALF and a.min() > b.max()  # false for NaN
    ]
    if ahead:
        text += Text(
            "At a std of {scales} every plain network is ahead of every normalised one.",
            "标准差为 {scales} 时，每个不用批归一化的网络都领先于每个使用批归一化的网络。",
        ).format(scales=listed([f"{scale:.2g}" for scale in ahead]))
    if count["batch norm"] > count["plain"]:
        text += Text(
            "So with batch norm the size of the first weights decides less often whether a "
            "network learns.",
            "可见使用批归一化后，初始权重的大小较少决定网络能否学会。",
        )
    if high - low > LITTLE:
        text += Text(
            "Yet with it the means of the scales run from {low} to {high}: within these epochs the "
            "start matters.",
            "但使用批归一化时，各标准差下的平均值仍从 {low} 到 {high} 不等：在这些轮数之内，"
            "起点仍有影响。",
        ).format(low=percent(low), high=percent(high))
    return text


def best_scale(accuracy: NDArray[np.float64]) -> tuple[float, float]:
    """The scale with the highest mean over seeds, and that mean; diverged networks count as 0."""
    means = np.nan_to_num(accuracy).mean(axis=1)
    return SCALES[int(means.argmax())], float(means.max())


def extremes(accuracy: NDArray[np.float64]) -> tuple[float, float]:
    """The lowest and the highest mean over seeds of any scale; diverged networks count as 0."""
    means = np.nan_to_num(accuracy).mean(axis=1)
    return float(means.min()), float(means.max())


def published(numbers: Mapping[str, Any], setting: Setting) -> list[Published]:
    """The book's accuracies beside ours after the same number of updates."""
    rows = []
    for k, figures in PUBLISHED.items():
        for (arm, name), figure in zip(ARMS.items(), figures, strict=True):
            ours = numbers[f"{arm}_curves"][k - 1][:, -2]
            rows.append(
                Published(
                    Text("std {scale:.2g}, {name}", "标准差 {scale:.2g}，{name}").format(
                        scale=SCALES[k - 1], name=name
                    ),
                    f"{figure:.2f}",
                    spread(ours, ".2f"),
                    agrees(figure, ours, numbers["share_of_class_0"])
                    if setting.comparable
                    else None,
                )
            )
    return rows


def agrees(figure: float, ours: NDArray[np.float64], zeros: float) -> bool | None:
    """Whether a figure of two digits could be one more run of ours.

    Args:
        figure: published.
        ours: one value for each seed; NaN where it diverged.
        zeros: share of the images that show class 0, the answer of a network whose numbers are NaN.

    >>> agrees(0.12, np.array([0.117, 0.117, 0.116]), 0.1), agrees(0.1, np.full(3, np.nan), 0.097)
    (True, True)
    """
    if np.isnan(ours).all():
        return abs(figure - zeros) <= 0.005
    low, high = one_run(ours)
    return low - 0.005 <= figure <= high + 0.005 if np.isfinite(low) else None


def draw(found: Mapping[str, NDArray[np.float64]], language: Language) -> Figure:
    """One small picture for each scale: training accuracy by epoch, with and without."""
    _, seeds, epochs = found["plain"].shape
    with pictures.sheet(7.6, 7.0, 4, 4, sharex=True, sharey=True) as (figure, axes):
        for k, ax in enumerate(axes.flat):
            for (arm, name), look in zip(ARMS.items(), LOOKS, strict=False):
                values = found[arm][k]
                look = replace(look, size=0.8 * look.size)
                pictures.band(ax, np.arange(epochs) + 1, values, look, name[language])
            ax.set_title(
                Text("std {scale:.2g}", "标准差 {scale:.2g}").format(scale=SCALES[k])[language],
                fontsize=9,
                pad=4,
            )
            say_lost(ax, int(np.isnan(found["plain"][k][:, -1]).sum()), seeds, language)
        axes[0, 0].set_ylim(0, 1.04)
        axes[0, 0].set_xlim(0, epochs + 0.5)
        axes[0, 0].xaxis.get_major_locator().set_params(integer=True)
        pictures.percent_axis(axes[0, 0])
        for ax in axes[-1]:
            pictures.label(ax, language, pictures.EPOCH)
        for ax in axes[:, 0]:
            pictures.label(ax, language, y=Text("training accuracy", "训练准确率"))
        pictures.legend_above(figure, axes[0, 0])
        pictures.footnote(figure, pictures.SEED_BAND.format(n=seeds), language)
    return figure


def say_lost(axes: Any, lost: int, seeds: int, language: Language) -> None:
    """Say in a small picture how many plain networks diverged, if any did."""
    if lost:
        words = Text("plain: diverged {lost}/{n}", "不用：发散 {lost}/{n}").format(
            lost=lost, n=seeds
        )
        axes.text(
            0.96, 0.93, words[language], transform=axes.transAxes, ha="right", va="top",
            fontsize=8, color=MUTED,
        )  # fmt: skip


EXPERIMENT = Experiment(
    name="batchnorm-init",
    title=Text("Batch norm and the first weights", "批归一化与初始权重"),
    line=Text(
        "sixteen sizes of the first weights, with batch norm and without",
        "十六种初始权重的标准差，使用与不用批归一化",
    ),
    idea=Text(
        "Without batch norm the size of the first weights decides what reaches the last layer: "
        "with large ones the signal explodes, with small ones it fades. Batch norm divides each "
        "unit's values by their own spread, so a factor in the weights before it cancels. What "
        "remains of it is the speed: steps are small beside large weights, and large beside small "
        "ones.",
        "不用批归一化时，初始权重的大小决定了有多少信号能到达最后一层：太大则爆炸，太小则消失。"
        "批归一化把每个单元的值除以它们自身的标准差，前面权重中的公共因子便被约去。"
        "留下的影响是快慢：与大权重相比步子显得小，与小权重相比步子显得大。",
    ),
    formula=(
        r"\mathrm{BN}(x\,cW)=\mathrm{BN}(x\,W)\quad(c>0,\ \varepsilon\to 0)",
        r"\frac{\partial L}{\partial (cW)}=\frac{1}{c}\,\frac{\partial L}{\partial W}",
    ),
    code=train,
    run=run,
)
