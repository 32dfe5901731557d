"""Dropout against overfitting, and what becomes of it without the scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import shoal
from shoal.book.experiment import Experiment, Findings, Published, Setting
from shoal.book.few_images import (
    SAME_IMAGES,
    TEST,
    TRAINING,
    against,
    draw_arms,
    ends_table,
    first_images,
    measured,
)
from shoal.book.seeds import could_be, percent, spread
from shoal.book.text import Text, listed

Array = Any
Params = Mapping[str, Array]
Cache = tuple[Any, ...]

EPOCHS = 301
RATE = 0.2
ARMS = {
    "plain": Text("no dropout", "无 Dropout"),
    "dropout": Text("dropout {rate}", "Dropout {rate}").format(rate=RATE),
    "unscaled": Text("dropout {rate}, not scaled", "Dropout {rate}，不缩放").format(rate=RATE),
}
PUBLISHED = {"train_accuracy": 0.67, "test_accuracy": 0.55}


@dataclass(frozen=True)
class Unscaled(shoal.Dropout):
    """Dropout as in the published run: nothing makes up in training for the units left out.

    `shoal.Dropout` divides what is left by 1 - rate; here this is taken back, in training and in
    evaluation, so that both outputs and gradients are 1 - rate times as large.
    """

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """y = (1 - rate) times the output of `shoal.Dropout`."""
        y, cache = super().forward(params, x, training=training, noise=noise)
        return y * self.kept(params, x), cache

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """dx = (1 - rate) times that of `shoal.Dropout`."""
        dx, grads = super().backward(params, cache, dy, need_dx=need_dx)
        return dx * self.kept(params, dy), grads

    def kept(self, params: Params, like: Array) -> Array:
        """1 - rate, of each member, in the type of an array."""
        return np.asarray(1 - np.asarray(params.get("rate", self.rate)), like.dtype)


def unscaled(network: shoal.Network) -> shoal.Network:
    """The same network, its dropout not scaled."""
    layers = [Unscaled(x.rate) if isinstance(x, shoal.Dropout) else x for x in network.layers]
    return shoal.Network(tuple(layers))


def train(data: shoal.Dataset, epochs: int, seeds: int) -> shoal.Comparison:
    """Six hidden layers of 100 units on 300 images: no dropout, dropout, dropout not scaled."""
    plain, dropout = shoal.mlp([100] * 6), shoal.mlp([100] * 6, dropout=RATE)
    networks = {"plain": plain, "dropout": dropout, "unscaled": unscaled(dropout)}
    recipes = {
        name: shoal.Recipe(network, shoal.SGD(lr=0.01), init="he", batch_size=100)
        for name, network in networks.items()
    }
    return shoal.compare(
        recipes,
        data,
        epochs=epochs,
        seeds=seeds,
        sampling="replacement",  # as the published run drew its batches
        evaluate_every=10,
    )


def run(setting: Setting) -> Findings:
    """Both accuracies of the three, the paired differences, and the published figures."""
    comparison = train(first_images(setting), setting.work(EPOCHS, 11), setting.seeds)
    arms = {arm: measured(comparison, arm) for arm in ARMS}
    plain, dropout, bare = arms.values()
    return Findings(
        numbers=arms,
        caption=Text(
            "Dropout of {rate} beside none, after {epochs:.0f} epochs and seed by seed: {scaled} "
            "Dropout without the scaling beside dropout with it: {missing} The training accuracies "
            "of the three end at {ends}.",
            "训练 {epochs:.0f} 轮后按种子逐一比较，Dropout {rate} 与不用 Dropout 相比：{scaled}"
            "不缩放的 Dropout 与缩放的相比：{missing}三者的训练准确率最终为 {ends}。",
        ).format(
            rate=RATE,
            epochs=plain["epoch"][-1],
            scaled=against(dropout, plain),
            missing=against(bare, dropout),
            ends=listed([percent(float(np.nanmean(n["train_accuracy"]))) for n in arms.values()]),
        )
        + SAME_IMAGES,
        pictures={"": lambda language: draw_arms(arms, ARMS, language)},
        table=ends_table(arms, ARMS),
        published=[
            Published(
                Text("{what}, {arm}", "{what}，{arm}").format(what=what, arm=ARMS[arm]),
                f"{PUBLISHED[name]}",
                spread(arms[arm][name]),
                could_be(PUBLISHED[name], arms[arm][name], setting),
            )
            for arm in ("unscaled", "dropout")
            for what, name in ((TRAINING, "train_accuracy"), (TEST, "test_accuracy"))
        ],
        remark=Text(
            "The code behind the published figures leaves units out in training without dividing "
            "by 1 − {rate} what the others put out (and multiplies by it in evaluation). So each "
            "of the six layers passes on {kept:g} of the signal, all of them {all:.2f} of it, and "
            "the gradients shrink alike: with the same learning rate the network learns more "
            'slowly. "Inside" means within the range in which one more run of ours would end '
            "with 95 % probability.",
            "书中数值所用的代码在训练时丢弃单元，却没有把其余单元的输出除以 1 − {rate}"
            "（而是在评估时乘以它）。于是六层中每层只传递 {kept:g} 的信号，"
            "六层合起来只剩 {all:.2f}，梯度也同样缩小：学习率不变，网络就学得更慢。"
            "“在范围内”指落在我们再运行一次有 95 % 概率落入的区间里。",
        ).format(rate=RATE, kept=1 - RATE, all=(1 - RATE) ** 6),
    )


EXPERIMENT = Experiment(
    name="dropout",
    title=Text("Dropout", "Dropout（随机失活）"),
    line=Text("the same 300 images with a dropout of 0.2", "同样 300 张图像，Dropout 0.2"),
    idea=Text(
        "In every training step each hidden unit is left out with some probability, so no unit "
        "can rely on a particular other one. In evaluation all take part. What the remaining "
        "units put out is divided by the share that remains, so that the next layer gets as much "
        "on average in training as later; the first form of dropout did not do that, and here "
        "both are trained.",
        "训练的每一步中，每个隐藏单元都以一定概率被丢弃，因此没有哪个单元能依赖另一个特定的单元。"
        "评估时所有单元都参与。训练中剩下的单元的输出要除以保留的比例，"
        "这样下一层平均得到的信号与评估时一样多；最初的 Dropout 没有这样做，这里两种都训练。",
    ),
    formula=(
        r"y_i=\frac{m_i}{1-p}\,x_i,\qquad P(m_i=0)=p,\quad P(m_i=1)=1-p",
        r"\mathrm{not\ scaled:}\quad y_i=m_i\,x_i,\quad\mathrm{later}\ y_i=(1-p)\,x_i",
    ),
    code=train,
    run=run,
)
