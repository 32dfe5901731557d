"""Weight decay against overfitting."""

from __future__ import annotations

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
from shoal.book.text import Text

EPOCHS = 201
DECAY = 0.1
EVERY = 5
LAST = 5  # evaluations: accuracy moves from one to the next as it does from seed to seed
ARMS = {
    "plain": Text("no decay", "无权重衰减"),
    "decay": Text("weight decay λ = {λ}", "权重衰减 λ = {λ}").format(λ=DECAY),
}
PUBLISHED = {"train_accuracy": 0.927, "test_accuracy": 0.721}


def train(data: shoal.Dataset, epochs: int, seeds: int) -> shoal.Comparison:
    """Six hidden layers of 100 units on 300 images, without and with weight decay."""
    plain = shoal.Recipe(shoal.mlp([100] * 6), shoal.SGD(lr=0.01), init="he", batch_size=100)
    return shoal.compare(
        {"plain": plain, "decay": plain.replace({"weight_decay": DECAY})},
        data,
        epochs=epochs,
        seeds=seeds,
        sampling="replacement",  # as the published run drew its batches
        evaluate_every=EVERY,
    )


def run(setting: Setting) -> Findings:
    """Both accuracies without and with decay, and the paired differences."""
    comparison = train(first_images(setting), setting.work(EPOCHS, 11), setting.seeds)
    arms = {arm: measured(comparison, arm) for arm in ARMS}
    plain, decay = arms["plain"], arms["decay"]
    return Findings(
        numbers=arms,
        caption=Text(
            "With λ = {λ}, after {epochs:.0f} epochs and compared seed by seed, {against} Training "
            "accuracy ends at {train} instead of {whole}. One λ says nothing about others: a "
            "smaller one leaves more of the gap, and may do better on the test images.",
            "取 λ = {λ}，训练 {epochs:.0f} 轮后按种子逐一比较：{against}训练准确率最终为 {train}，"
            "而不衰减时为 {whole}。一个 λ 的结果不能说明别的 λ：较小的 λ 保留更多差距，"
            "在测试图像上却可能更好。",
        ).format(
            λ=DECAY,
            epochs=decay["epoch"][-1],
            against=against(decay, plain),
            train=percent(float(np.nanmean(decay["train_accuracy"]))),
            whole=percent(float(np.nanmean(plain["train_accuracy"]))),
        )
        + SAME_IMAGES,
        pictures={"": lambda language: draw_arms(arms, ARMS, language)},
        table=ends_table(arms, ARMS),
        published=[
            Published(
                Text("{what} with λ = 0.1", "λ = 0.1 时的{what}").format(what=what),
                f"{PUBLISHED[name]}",
                spread(decay[name]),
                could_be(PUBLISHED[name], decay[f"{name}_curve"][:, -LAST:], setting),
            )
            for what, name in ((TRAINING, "train_accuracy"), (TEST, "test_accuracy"))
        ],
        remark=Text(
            'The published figures are of one unseeded run at one epoch; "inside" means where one '
            "more run of ours would be with 95 % probability at one of the last {epochs} epochs.",
            "书中数值来自一次未固定种子的运行的某一轮；“在范围内”指我们再运行一次，"
            "在最后 {epochs} 轮中的某一轮有 95 % 概率落入的区间。",
        ).format(epochs=EVERY * LAST),
    )


EXPERIMENT = Experiment(
    name="weight-decay",
    title=Text("Weight decay", "权重衰减"),
    line=Text("the same 300 images with λ = 0.1", "同样 300 张图像，λ = 0.1"),
    idea=Text(
        "To fit every image exactly a network needs large weights. Weight decay makes them cost "
        "something: half of λ times their squares is added to the loss, so at every step each "
        "weight also shrinks by a small share of itself. What remains are the weights that many "
        "images ask for.",
        "要把每张图像都拟合得分毫不差，网络需要较大的权重。权重衰减让大权重付出代价："
        "把权重平方和的 λ/2 倍加到损失上，于是每一步中每个权重还会按比例缩小一点。"
        "留下来的是许多图像共同需要的权重。",
    ),
    formula=(
        r"L'=L+\frac{\lambda}{2}\sum_{ij}W_{ij}^2",
        r"W\leftarrow W-\eta\left(\frac{\partial L}{\partial W}+\lambda W\right)",
    ),
    code=train,
    run=run,
)
