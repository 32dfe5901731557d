"""Do Momentum, AdaGrad and Adam learn faster than SGD, and is AdaGrad slightly fastest?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

import shoal
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values, draw_losses
from shoal.book.claims.weigh import AT_EDGE, LOSS_SHARE, Part, joined, loss_part, told, weigh
from shoal.book.experiment import Setting
from shoal.book.text import Text, listed

GIVEN = {
    "SGD": shoal.SGD(lr=0.01),
    "Momentum": shoal.Momentum(lr=0.01, momentum=0.9),
    "AdaGrad": shoal.AdaGrad(lr=0.01),
    "Adam": shoal.Adam(lr=0.001),
}
GRIDS = {
    "SGD": (0.03, 0.1, 0.3, 1.0),
    "Momentum": (0.01, 0.03, 0.1, 0.3),
    "AdaGrad": (0.003, 0.01, 0.03, 0.1),
    "Adam": (0.0003, 0.001, 0.003, 0.01),
}
AS_GIVEN, TUNED = Text("step sizes given", "给定学习率"), Text("each tuned", "各自调优")
FASTER = Text("{name} learns faster than SGD", "{name} 比 SGD 学得更快")
FASTEST = Text("AdaGrad learns faster than {name}", "AdaGrad 比 {name} 学得更快")
SOONER = Text("step sizes given, steps to SGD's loss", "给定学习率，达到 SGD 损失的步数")
STEPS = Text("steps", "步")
MEASURE = Text(
    "what is measured, the loss at the end or the steps to a loss",
    "测量的是最终损失还是达到某一损失的步数",
)
STEP_SIZES = Text(
    "whether the learning rates are those given or tuned", "学习率是给定的还是各自调优的"
)


def given_and_tuned(
    data: shoal.Dataset, steps: int, seeds: int, grids: Mapping[str, tuple[float, ...]]
) -> tuple[shoal.Comparison, shoal.Comparison]:
    """The four optimizers with the step sizes given, and each with its best of as many."""
    network = shoal.mlp([100] * 4)
    recipes = {name: shoal.Recipe(network, rule) for name, rule in GIVEN.items()}
    tune = {name: {"optimizer.lr": grid} for name, grid in grids.items()}
    compare = partial(
        shoal.compare, recipes, data, steps=steps, seeds=seeds, metric="loss", evaluate_every=99
    )
    return compare(), compare(tune=tune)


def study(setting: Setting) -> Judged:
    """The loss where each optimizer ends, seed by seed."""
    steps = setting.work(2000, 60)
    grids = {name: grid[:: setting.work(1, 2)] for name, grid in GRIDS.items()}
    given, tuned = given_and_tuned(setting.load(), steps, setting.seeds, grids)
    runs = {AS_GIVEN: given, TUNED: tuned}
    losses = {way: run.values("loss") for way, run in runs.items()}
    needed = {way: run.steps_to(float(losses[way]["SGD"].max())) for way, run in runs.items()}
    sooner = {n: np.where(np.isfinite(s), s, steps) for n, s in needed[AS_GIVEN].items()}
    others = [name for name in GIVEN if name != "SGD"]
    parts = [
        *(
            loss_part(FASTER.format(name=name), way, STEP_SIZES, found[name], found["SGD"])
            for name in others
            for way, found in losses.items()
        ),
        *(
            loss_part(FASTEST.format(name=name), way, STEP_SIZES, found["AdaGrad"], found[name])
            for name in others
            if name != "AdaGrad"
            for way, found in losses.items()
        ),
        *(
            steps_part(FASTEST.format(name=name), sooner["AdaGrad"], sooner[name])
            for name in others
            if name != "AdaGrad"
        ),
    ]
    findings = weigh(parts)
    sentences = [told(findings)]
    for way, run in runs.items():
        rates = {name: _rate(run.recipes[name]) for name in GIVEN}
        ranking = sorted(GIVEN, key=lambda name, way=way: float(losses[way][name].mean()))  # type: ignore[misc]
        sentences.append(
            Text(
                "{way} ({rates}), the losses at step {steps} are {losses}.",
                "{way}（{rates}）时，第 {steps} 步的损失为 {losses}。",
            ).format(
                way=Text("With the step sizes given", "使用给定学习率")
                if way is AS_GIVEN
                else Text("With each tuned under the same budget", "各自以相同预算调优"),
                rates=listed([f"{name} {rates[name]:g}" for name in GIVEN]),
                steps=steps,
                losses=listed([f"{name} {losses[way][name].mean():.3g}" for name in ranking]),
            )
        )
        sentences.append(
            Text(
                "SGD's final loss was reached after {steps} steps (means).",
                "达到 SGD 最终损失所需的步数（平均）：{steps}。",
            ).format(steps=listed([f"{n} {_steps(needed[way][n])}" for n in ranking]))
        )
    if setting.comparable:
        sentences.append(against_book(losses[AS_GIVEN]))
    edges = [arm.arm for arm in tuned.tuning.arms if arm.edges] if tuned.tuning else []
    if edges:
        sentences.append(AT_EDGE.format(names=listed(edges)))
    return Judged(
        findings,
        joined(sentences),
        numbers={
            "steps": steps,
            "loss": {way.en: found for way, found in losses.items()},
            "steps_to_loss_of_sgd": {way.en: found for way, found in needed.items()},
            "learning_rates": {
                way.en: {name: _rate(run.recipes[name]) for name in GIVEN}
                for way, run in runs.items()
            },
            "test_accuracy": {way.en: run.values("test_accuracy") for way, run in runs.items()},
        },
        pictures={"losses": lambda language: draw_losses(runs, language)},
        captions={
            "losses": Text(
                "Smoothed training loss on a log scale. Left with the book's step sizes, right "
                "with the best of {n} for each, chosen by the validation loss on other seeds. "
                "It compares speed in training, not test accuracy.",
                "平滑后的训练损失（对数坐标）。左：书中学习率；右：各自 {n} 个学习率中的最佳者，"
                "用其他随机种子按验证损失选出。比较的是训练速度，不是测试准确率。",
            ).format(n=len(grids["SGD"]))
        },
    )


def against_book(losses: Mapping[str, Values]) -> Text:
    """The book's single run beside our seeds, who leads and who does not."""
    ranking = sorted(losses, key=lambda name: float(losses[name].mean()))
    return Text(
        "The book's single run had, in the one batch of step 1900, AdaGrad 0.017, Adam 0.03, "
        "Momentum 0.05 and SGD 0.15 to 0.23, hence AdaGrad first. Over {n} seeds and the last 100 "
        "batches the first is {first}, with AdaGrad in place {place} of 4.",
        "书中的单次运行在第 1900 步的单个小批量上为 AdaGrad 0.017、Adam 0.03、Momentum 0.05、"
        "SGD 0.15 到 0.23，因此 AdaGrad 居首。对 {n} 个随机种子和最后 100 个小批量取平均，"
        "居首的是 {first}，AdaGrad 排在 4 种中的第 {place} 位。",
    ).format(n=len(losses["SGD"]), first=ranking[0], place=1 + ranking.index("AdaGrad"))


def steps_part(what: Text, fewer: Values, than: Values) -> Part:
    """A part about steps to a loss; a tenth of the fewer matters."""
    margin = LOSS_SHARE * float(np.mean(fewer))
    return Part(what, SOONER, MEASURE, than, fewer, margin, STEPS)


def _rate(recipe: shoal.Recipe) -> float:
    rate: float = recipe.to_dict()["optimizer"]["lr"]
    return rate


def _steps(steps: Values) -> str:
    """Mean number of steps of the seeds that got there."""
    return f"{np.nanmean(steps):.0f}" if np.isfinite(steps).any() else "–"


CLAIM = Claim(
    name="optimizers",
    number=1,
    statement=Text(
        "Momentum, AdaGrad and Adam learn faster than SGD on MNIST; AdaGrad is slightly fastest.",
        "在 MNIST 上 Momentum、AdaGrad 和 Adam 比 SGD 学得更快；AdaGrad 略快于其他方法。",
    ),
    question=Text(
        "Four hidden layers of 100 units, batches of 128, 2000 steps; measured is the smoothed "
        "training loss at the end. First with the step sizes given (SGD, Momentum and AdaGrad "
        "0.01, Adam 0.001), then with the learning rate of each tuned: four values a factor of "
        "three apart, two other seeds, chosen by the loss on a validation part. A tenth of the "
        "smaller loss does not matter. AdaGrad is also judged by the steps to the loss where SGD "
        "ends.",
        "四个各含 100 个单元的隐藏层，批大小 128，2000 步；测量结束时平滑后的训练损失。"
        "先用给定的学习率（SGD、Momentum、AdaGrad 为 0.01，Adam 为 0.001），"
        "再对每种方法的学习率进行调优：四个依次相差约三倍的值，用另外两个随机种子，"
        "按验证集上的损失选择。较小损失的十分之一以内视为可忽略。"
        "另外按达到 SGD 最终损失所需的步数评判 AdaGrad。",
    ),
    code=given_and_tuned,
    study=study,
    seeds=10,
)
