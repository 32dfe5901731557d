"""Is the learning rate the most important hyperparameter, and do the others follow as Ng says?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values
from shoal.book.claims.weigh import POINTS, Part, joined, told, weigh
from shoal.book.experiment import Setting
from shoal.book.searches import few, whole
from shoal.book.text import Language, Text, listed
from shoal.book.watch import watched
from shoal.errors import ShoalError
from shoal.plot.style import LOOKS, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 0.01
"""One hundredth of the variance: no more does not matter."""
HALF = 0.5

WIDE, NARROW = (1e-4, 1.0), (0.01, 0.1)
"""Learning rates of momentum: what Ng gives as an example, and the decade that works."""
ADAM_RATES = (1e-5, 0.1)

NAMES = {
    "optimizer.lr": Text("learning rate", "学习率"),
    "optimizer.momentum": Text("momentum", "动量"),
    "batch_size": Text("batch size", "批大小"),
    "network.hidden.width": Text("hidden units", "隐藏单元数"),
    "network.hidden.times": Text("layers", "层数"),
    "schedule.end": Text("lr decay", "学习率衰减"),
    "optimizer.beta1": Text("β1", "β1"),
    "optimizer.beta2": Text("β2", "β2"),
    "optimizer.eps": Text("ε", "ε"),
}
"""In Ng's order: first, three that come second, two that come third, and three never tuned."""
RATE, *OTHERS = NAMES
SECOND, THIRD, NEVER = OTHERS[:3], OTHERS[3:5], OTHERS[5:]

WAYS = {
    "momentum": Text("momentum, lr over four decades", "动量法，学习率跨四个数量级"),
    "momentum, narrow": Text("momentum, lr over one decade", "动量法，学习率跨一个数量级"),
    "adam": Text("Adam, lr over four decades", "Adam，学习率跨四个数量级"),
}
SHORT = {
    "momentum": Text("Momentum, wide", "动量法，宽范围"),
    "momentum, narrow": Text("Momentum, narrow", "动量法，窄范围"),
    "adam": Text("Adam, wide", "Adam，宽范围"),
}
POINT_AND_BAR = Text(
    "Bar: mean over {n} seeds; points: the seeds. Wide: learning rates over four decades; narrow: "
    "over one.",
    "条：{n} 个随机种子的平均值；点：各随机种子。宽范围：学习率跨四个数量级；窄范围：跨一个。",
)
FIRST = Text("The learning rate explains more than any other", "学习率所解释的比任何其他超参数都多")
THEN = Text(
    "Momentum, batch size and hidden units explain more than layers and lr decay",
    "动量、批大小和隐藏单元数所解释的多于层数和学习率衰减",
)
LAST = Text(
    "Adam's β1, β2 and ε explain less than layers and lr decay",
    "Adam 的 β1、β2 和 ε 所解释的少于层数和学习率衰减",
)
MOST = Text(
    "Further: the learning rate alone explains more than half",
    "附加问题：学习率单独就解释了一半以上",
)
THE_SPACE = Text(
    "the optimizer and how wide its range of learning rates is", "优化器及其学习率范围的宽度"
)
RANK = Text("which place in the ranking is meant", "所指的名次")


def spaces() -> dict[str, shoal.Recipe]:
    """Everything that Ng ranks, as one search space for each optimizer."""
    network = shoal.mlp(shoal.repeat(shoal.int_range(25, 200, log=True), shoal.int_range(1, 6)))
    falls = shoal.Cosine(end=shoal.uniform(0.0, 1.0))  # to this share of the first learning rate
    sizes = shoal.choice([25, 50, 100, 200])
    momentum = shoal.one_minus_log_uniform(0.5, 0.99)
    optimizers = {
        "momentum": shoal.Momentum(lr=shoal.log_uniform(*WIDE), momentum=momentum),
        "momentum, narrow": shoal.Momentum(lr=shoal.log_uniform(*NARROW), momentum=momentum),
        "adam": shoal.Adam(
            lr=shoal.log_uniform(*ADAM_RATES),
            beta1=momentum,
            beta2=shoal.one_minus_log_uniform(0.9, 0.9999),
            eps=shoal.log_uniform(1e-10, 1e-4),
        ),
    }
    return {
        name: shoal.Recipe(network, optimizer, schedule=falls, batch_size=sizes)
        for name, optimizer in optimizers.items()
    }


def studied(data: shoal.Dataset, trials: int, epochs: int, seed: int) -> dict[str, shoal.Study]:
    """Random trials over all of each space, on images that the seed draws."""
    some = few(data, seed)
    return {
        name: shoal.search(
            space,
            some,
            trials=trials,
            epochs=epochs,
            strategy="full",
            seed=seed,
            finalists=0,
            progress=False,
        )
        for name, space in spaces().items()
    }


def study(setting: Setting) -> Judged:
    """Shares of the variance of the validation accuracy, seed by seed."""
    trials, epochs = setting.work(100, 20), setting.work(20, 1)
    data = setting.load(valid=0)
    studies: dict[str, list[shoal.Study]] = {way: [] for way in WAYS}
    for seed in watched(range(setting.seeds), "seeds"):
        for way, found in studied(data, trials, epochs, seed).items():
            studies[way].append(whole(found))
    share = {way: shares(found) for way, found in studies.items()}
    parts = [
        part(FIRST, way, found[RATE], np.max([found[o] for o in OTHERS if o in found], axis=0))
        for way, found in share.items()
    ]
    parts += [
        part(THEN, way, mean_of(found, SECOND), mean_of(found, THIRD))
        for way, found in share.items()
    ]
    parts += [part(LAST, "adam", mean_of(share["adam"], THIRD), mean_of(share["adam"], NEVER))]
    parts += [
        part(MOST, way, found[RATE], np.full(setting.seeds, HALF), further=True)
        for way, found in share.items()
    ]
    findings = weigh(parts)
    explained = {
        way: np.array([each.importance.explained for each in found if each.importance])
        for way, found in studies.items()
    }
    return Judged(
        findings,
        joined([told(findings), *(words(way, share[way], explained[way]) for way in WAYS)]),
        numbers={
            "trials": trials,
            "epochs": epochs,
            "share": share,
            "explained": explained,
        },
        pictures={"shares": lambda language: draw_shares(share, language)},
        captions={
            "shares": Text(
                "How much of the variance of validation accuracy over the whole space each "
                "hyperparameter explains by itself; what is missing to 100 % is explained only "
                "by several together. Such shares depend on the ranges: a wide one makes its "
                "hyperparameter important.",
                "在整个搜索空间中，每个超参数单独解释了验证准确率方差的多少；"
                "不足 100 % 的部分只能由几个超参数共同解释。这些份额取决于范围："
                "范围越宽，对应的超参数就越重要。",
            )
        },
        between=RANK,
    )


def part(what: Text, way: str, a: Values, b: Values, *, further: bool = False) -> Part:
    """A part about two shares of the variance."""
    return Part(what, WAYS[way], THE_SPACE, a, b, MARGIN, POINTS, 100.0, further=further)


def shares(studies: list[shoal.Study]) -> dict[str, Values]:
    """The share of each hyperparameter in every study, (seeds,) by path, in Ng's order.

    Raises:
        ShoalError: so many trials diverged that the others say nothing.
    """
    found = []
    for each in studies:
        if each.importance is None:
            alive = len(each.ranked)
            raise ShoalError(
                f"{alive} of {len(each.trials)} trials came through, too few to divide their "
                "variance; use other data, or leave --quick away"
            )
        found.append(each.importance.main)
    return {path: np.array([main[path] for main in found]) for path in NAMES if path in found[0]}


def mean_of(share: Mapping[str, Values], paths: list[str]) -> Values:
    """The mean share of those hyperparameters that there are, (seeds,)."""
    mean: Values = np.mean([share[path] for path in paths if path in share], axis=0)
    return mean


def words(way: str, share: Mapping[str, Values], explained: Values) -> Text:
    """What each explains, the largest share first."""
    ranking = sorted(share, key=lambda path: -float(share[path].mean()))
    return Text(
        "{way}: {shares}; the forests that say so explain {r2:.0f} % of the variance of trials "
        "that they have not seen.",
        "{way}：{shares}；得出这些份额的森林解释了未见试验方差的 {r2:.0f} %。",
    ).format(
        way=Text(WAYS[way].en[0].upper() + WAYS[way].en[1:], WAYS[way].zh),
        shares=listed([
            Text("{name} {share:.1f} %", "{name} {share:.1f} %").format(
                name=NAMES[path], share=100 * float(share[path].mean())
            )
            for path in ranking
        ]),
        r2=100 * float(explained.mean()),
    )  # fmt: skip


def draw_shares(share: Mapping[str, Mapping[str, Values]], language: Language) -> Figure:
    """The share of every hyperparameter, one picture for each space; a point for each seed."""
    from matplotlib.transforms import blended_transform_factory

    with pictures.sheet(7.6, 3.4, columns=len(share), sharey=True) as (figure, axes):
        for ax, (way, found), look in zip(axes[0], share.items(), LOOKS, strict=False):
            for row, path in enumerate(NAMES):
                if path not in found:
                    place = blended_transform_factory(ax.transAxes, ax.transData)
                    ax.text(0.03, row, "–", color=MUTED, va="center", transform=place)
                    continue
                values = found[path]
                ax.barh(row, values.mean(), height=0.62, color=look.colour, alpha=0.35, zorder=2)
                ax.plot(
                    values, np.full(len(values), row), look.marker, color=look.colour,
                    markersize=4, zorder=3, clip_on=False,  # shares of nearly all or nothing
                )  # fmt: skip
            ax.set_xlim(0, 1)
            ax.set_xticks([0, 0.25, 0.5, 0.75])
            ax.set_ylim(len(NAMES) - 0.4, -0.6)
            ax.set_yticks(range(len(NAMES)), [name[language] for name in NAMES.values()])
            ax.grid(visible=False, axis="y")
            pictures.percent_axis(ax, "x")
            pictures.title(ax, SHORT[way], language)
            pictures.label(ax, language, x=Text("share of the variance", "方差份额"))
        pictures.label(axes[0, 0], language, y=Text("in Ng's order", "按 Ng 的排序"))
        seeds = len(values)
        pictures.footnote(figure, POINT_AND_BAR.format(n=seeds), language)
    return figure


CLAIM = Claim(
    name="importance",
    number=11,
    statement=Text(
        "The learning rate is the most important hyperparameter; then come momentum, batch size "
        "and hidden units, then layers and lr decay, and last of all Adam's β1, β2 and ε.",
        "学习率是最重要的超参数；其次是动量、批大小和隐藏单元数，再次是层数和学习率衰减，"
        "最后是 Adam 的 β1、β2 和 ε。",
    ),
    question=Text(
        "How much of the variance of validation accuracy does each explain by itself, over all of "
        "a search space? Random trials in three spaces, 20 epochs on 400 images, others for each "
        "seed: 1 to 6 layers of 25 to 200 units, batches of 25 to 200, a learning rate that falls "
        "along a cosine to any share of the first; momentum of 0.5 to 0.99 or Adam with β1, β2 and "
        "ε to be found. As a share depends on how wide the ranges are, momentum is tested with "
        "learning rates over four decades and over one. Shares come from functional analysis of "
        "variance by a random forest. One hundredth of the variance does not matter.",
        "在整个搜索空间中，每个超参数单独解释了验证准确率方差的多少？"
        "在三个空间中随机试验，每次在 400 张图像上训练 20 轮，每个随机种子各不相同："
        "1 到 6 层、每层 25 到 200 个单元，批大小 25 到 200，"
        "学习率沿余弦曲线降到初值的任意比例；动量 0.5 到 0.99，或者 Adam 及其待定的 β1、β2 和 ε。"
        "份额取决于范围有多宽，所以对动量法分别用跨四个数量级和跨一个数量级的学习率来检验。"
        "份额由随机森林的函数型方差分析得出。方差的百分之一以内视为可忽略。",
    ),
    code=studied,
    study=study,
    seeds=8,
)
