"""Random search: a hundred recipes drawn at random, all trained to their end, and the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.searches import (
    DECAY,
    DECAY_PATH,
    EPOCHS,
    LR,
    LR_PATH,
    TRIALS,
    book_space,
    few,
    on_test,
    scores,
    values_of,
    whole,
)
from shoal.book.seeds import changed, one_run, percent, spread
from shoal.book.text import Language, Text, listed
from shoal.plot.study_axes import shades
from shoal.plot.style import INK, LOOKS, MUTED, ZONE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

STRATEGIES = {
    "full": Text("all trained to the end", "全部训练到底"),
    "halving": Text("halving", "逐次减半"),
}
SHOWN, BEST = 20, 5
TOP = LR[1] / 10**0.25
"""Above this lies the top quarter of a decade of the learning rates."""
PUBLISHED_SCORES = (0.82, 0.84)
PUBLISHED_LOG_LR = (math.log10(0.0085), math.log10(0.0095))
"""About 0.009, to one digit."""


def search(data: shoal.Dataset, trials: int, epochs: int, seed: int, strategy: str) -> shoal.Study:
    """Recipes drawn at random from the space; the best is trained anew on fresh seeds."""
    space = book_space()
    return shoal.search(
        space, data, trials=trials, epochs=epochs, strategy=strategy, seed=seed, finalists=1
    )


def run(setting: Setting) -> Findings:
    """Searches on other images each, with every trial to its end and with halving."""
    data = setting.load(valid=0)
    trials, epochs = setting.work(TRIALS, 24), setting.work(EPOCHS, 6)
    studies: dict[str, list[shoal.Study]] = {name: [] for name in STRATEGIES}
    for seed in range(setting.seeds):
        for name, found in studies.items():
            found.append(whole(search(few(data, seed), trials, epochs, seed, name)))
    numbers = measured(studies)
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={
            "": lambda language: draw_curves(numbers, language),
            "scatter": lambda language: draw_scatter(numbers, language),
        },
        table=table(numbers),
        published=published(numbers, setting),
        remark=Text(
            "The published figures are of one search without a seed; ours counts as inside where "
            "the range into which one more search falls with 95 % probability reaches into "
            "theirs. Each of our searches has images of its own, and {valid} of them to choose "
            "by: one image more or less is a point.",
            "书中数值来自一次没有固定种子的搜索；若“再做一次搜索时有 95 % 概率落入”的区间"
            "与书中范围相交，便记为“在范围内”。这里每次搜索各用一批图像，"
            "其中 {valid} 张用来做选择：差一张图像就差一个百分点。",
        ).format(valid=numbers["rows"]["valid"]),
    )


def measured(studies: Mapping[str, list[shoal.Study]]) -> dict[str, Any]:
    """All trials of the full searches, and what each strategy spent and found."""
    full = studies["full"]
    scored = np.array([scores(study) for study in full])
    rates = np.array([values_of(study, LR_PATH) for study in full])
    best = np.argsort(-scored, axis=1, kind="stable")
    for order, study in zip(best, full, strict=True):
        order[: len(study.ranked)] = [trial.number for trial in study.ranked]
    top = np.take_along_axis(rates, best[:, :BEST], axis=1)
    parts = full[0].data
    return {
        "trials": len(full[0].trials),
        "epochs": full[0].plan.budget,
        "rungs": studies["halving"][0].plan.brackets[0].rungs[:-1],
        "rows": {"train": len(parts.train), "valid": len(parts.valid), "test": len(parts.test)},
        "lr": rates,
        "weight_decay": np.array([values_of(study, DECAY_PATH) for study in full]),
        "score": scored,
        "order": best,
        "curves": np.array(
            [[score for _, score, _ in full[0].trials[k].curve] for k in best[0, :SHOWN]]
        ),
        "best_score": np.take_along_axis(scored, best[:, :1], axis=1)[:, 0],
        "best_lr": top[:, 0],
        "top_quarter": (top > TOP).mean(axis=1),
        "importance": {
            path: [float(s.importance.main[path]) for s in full if s.importance is not None]
            for path in (LR_PATH, DECAY_PATH)
        },
        "spent": {name: [s.spent / s.full for s in found] for name, found in studies.items()},
        "winner": {name: [s.winner.number for s in found] for name, found in studies.items()},
        "chosen_by": {name: [s.winner.score for s in found] for name, found in studies.items()},
        "test": {name: [on_test(s) for s in found] for name, found in studies.items()},
    }


def caption(numbers: Mapping[str, Any]) -> Text:
    """Where the best lie, what their scores are worth, and what halving finds for less."""
    near = float(np.mean(numbers["top_quarter"]))
    text = Text(
        "The best of {trials} trials has {best} of the {valid} validation images right, on "
        "average over {n} searches; its learning rate lies between {low:.2g} and {high:.2g}.",
        "{trials} 次试验中最好的一次在 {valid} 张验证图像上答对 {best}（{n} 次搜索的平均），"
        "其学习率在 {low:.2g} 到 {high:.2g} 之间。",
    ).format(
        trials=numbers["trials"],
        best=percent(float(np.mean(numbers["best_score"]))),
        valid=numbers["rows"]["valid"],
        n=len(numbers["best_score"]),
        low=np.min(numbers["best_lr"]),
        high=np.max(numbers["best_lr"]),
    )
    text += Text(
        "Of the best {five} of every search, {near} lie in the top quarter of a decade of the "
        "range, above {top:.2g}, where {chance} of all trials lie.",
        "各次搜索的前 {five} 名中，有 {near} 落在学习率范围最高的四分之一个数量级内"
        "（大于 {top:.2g}），而全部试验只有 {chance} 落在那里。",
    ).format(
        five=BEST,
        near=percent(near, 0),
        top=TOP,
        chance=percent(float(np.mean(numbers["lr"] > TOP)), 0),
    )
    if near > 0.5:
        text += Text(
            "The best learning rates crowd at the upper end: better ones may lie beyond it, where "
            "nobody has looked.",
            "最好的学习率挤在范围的上端：更好的也许在范围之外，而那里没有试过。",
        )
    return text + what_matters(numbers) + what_luck(numbers) + what_halving(numbers)


def what_matters(numbers: Mapping[str, Any]) -> Text:
    """How much of the scores' variance each of both numbers explains."""
    rate, decay = (numbers["importance"][path] for path in (LR_PATH, DECAY_PATH))
    if not len(rate):
        return Text("", "")
    return Text(
        "The learning rate explains {rate} of the variance of the score, the decay {decay}.",
        "得分方差的 {rate} 可由学习率解释，权重衰减只占 {decay}。",
    ).format(rate=percent(float(np.mean(rate)), 0), decay=percent(float(np.mean(decay)), 0))


def what_luck(numbers: Mapping[str, Any]) -> Text:
    """The winners on fresh seeds and images, beside the scores that chose them."""
    anew, chosen = (np.array(numbers[name]["full"]) for name in ("test", "chosen_by"))
    rows = numbers["rows"]
    difference = shoal.paired_difference(anew, chosen, step=1 / rows["valid"])
    return Text(
        "Trained anew on fresh seeds, the winners have {test} of the {rows:,} test images right: "
        "compared with the score that chose them, {change}.",
        "用新的种子重新训练，优胜者在 {rows:,} 张测试图像上答对 {test}："
        "与当初据以选出它们的得分相比，{change}。",
    ).format(
        test=percent(float(np.nanmean(anew))),
        rows=rows["test"],
        change=changed(Text("their test accuracy", "其测试准确率"), difference),
    )


def what_halving(numbers: Mapping[str, Any]) -> Text:
    """What halving spends, and whether its winners are as good."""
    same = np.equal(*(numbers["winner"][name] for name in STRATEGIES))
    difference = shoal.paired_difference(
        numbers["test"]["halving"], numbers["test"]["full"], step=1 / numbers["rows"]["test"]
    )
    return Text(
        "Halving, which drops the worse half after {rungs} epochs, takes {share} of the "
        "member-epochs and names the same winner in {same} of {n} searches: {change}.",
        "逐次减半在第 {rungs} 轮后淘汰较差的一半，只用了 {share} 的训练量，"
        "{n} 次搜索中有 {same} 次选出同一个优胜者：{change}。",
    ).format(
        rungs=listed([str(rung) for rung in numbers["rungs"]]),
        share=percent(float(np.mean(numbers["spent"]["halving"])), 0),
        same=int(same.sum()),
        n=len(same),
        change=changed(Text("the winners' test accuracy", "优胜者的测试准确率"), difference),
    )


def table(numbers: Mapping[str, Any]) -> Table:
    """Both strategies side by side."""
    return Table(
        (
            Text("{n} trials", "{n} 次试验").format(n=numbers["trials"]),
            Text("member-epochs spent", "所用训练量"),
            Text("best validation accuracy", "最高验证准确率"),
            Text("test accuracy on fresh seeds", "新种子上的测试准确率"),
        ),
        [
            (
                name,
                percent(float(np.mean(numbers["spent"][key])), 0),
                spread(numbers["chosen_by"][key], ".2f"),
                spread(numbers["test"][key]),
            )
            for key, name in STRATEGIES.items()
        ],
    )


def published(numbers: Mapping[str, Any], setting: Setting) -> list[Published]:
    """The published best score and its learning rate, beside those of our searches."""
    low, high = PUBLISHED_SCORES
    return [
        Published(
            Text("best validation accuracy", "最高验证准确率"),
            f"{low}–{high}",
            spread(numbers["best_score"], ".2f"),
            reaches(numbers["best_score"], low, high, setting),
        ),
        Published(
            Text("its learning rate", "对应的学习率"),
            "≈ 0.009",
            spread(numbers["best_lr"], ".4f"),
            reaches(np.log10(numbers["best_lr"]), *PUBLISHED_LOG_LR, setting),
        ),
    ]


def reaches(values: Values, low: float, high: float, setting: Setting) -> bool | None:
    """Whether one more run of ours could end in a published band.

    >>> reaches(np.array([0.78, 0.79, 0.80]), 0.82, 0.84, Setting())
    True
    >>> reaches(np.array([0.78, 0.781, 0.779]), 0.82, 0.84, Setting())
    False
    """
    least, most = one_run(values)
    if not setting.comparable or np.isnan(least):
        return None
    return least <= high and most >= low


def draw_curves(numbers: Mapping[str, Any], language: Language) -> Figure:
    """The twenty best trials of the first search: validation accuracy by epoch."""
    curves, order = numbers["curves"], numbers["order"][0]
    with pictures.sheet(7.6, 6.4, 4, 5, sharex=True, sharey=True) as (figure, axes):
        for place, (ax, number) in enumerate(zip(axes.flat, order, strict=False)):
            if place >= len(curves):
                ax.set_visible(False)
                continue
            epochs = np.arange(len(curves[place])) + 1
            ax.plot(epochs, curves[place], color=LOOKS[0].colour, linewidth=1.6)
            name = f"{place + 1}:  lr {numbers['lr'][0][number]:.2g}"
            ax.set_title(name, fontsize=9, pad=4)
            ax.text(
                0.06, 0.84, percent(curves[place][-1], 0), transform=ax.transAxes,
                fontsize=8.5, color=INK,
            )  # fmt: skip
        axes[0, 0].set_ylim(0, 1.0)
        axes[0, 0].set_xlim(0, numbers["epochs"])
        axes[0, 0].set_yticks([0, 0.5, 1])
        pictures.percent_axis(axes[0, 0])
        for ax in axes[-1]:
            pictures.label(ax, language, pictures.EPOCH)
        for ax in axes[:, 0]:
            pictures.label(ax, language, y=Text("validation", "验证集"))
        pictures.footnote(
            figure,
            Text(
                "The {shown} best of {trials} trials of one search, best first, with their "
                "learning rates: accuracy on {valid} validation images; the number in the corner "
                "is that at the end.",
                "一次搜索的 {trials} 次试验中最好的 {shown} 次，由好到差，标出各自的学习率："
                "在 {valid} 张验证图像上的准确率，角上是结束时的数值。",
            ).format(shown=len(curves), trials=numbers["trials"], valid=numbers["rows"]["valid"]),
            language,
        )
    return figure


def draw_scatter(numbers: Mapping[str, Any], language: Language) -> Figure:
    """All trials of all searches: learning rate, decay, and the score as colour."""
    from matplotlib.colors import Normalize

    with pictures.sheet(7.0, 4.4) as (figure, axes):
        ax = axes[0, 0]
        ax.axvspan(TOP, LR[1], color=ZONE, zorder=0, linewidth=0)
        scored = numbers["score"].ravel()
        order = np.argsort(scored)  # the best on top
        dots = ax.scatter(
            numbers["lr"].ravel()[order], numbers["weight_decay"].ravel()[order],
            c=np.maximum(scored, 0)[order], cmap=shades(), norm=Normalize(0, scored.max()), s=24,
            linewidths=0.3, edgecolors=MUTED, zorder=3,
        )  # fmt: skip
        ring_best(ax, numbers)
        ax.set(xscale="log", yscale="log", xlim=(LR[0] / 1.15, LR[1] * 1.15))
        ax.set_ylim(DECAY[0] / 1.15, DECAY[1] * 1.15)
        ax.grid(False)
        pictures.label(ax, language, Text("learning rate", "学习率"), Text("decay λ", "权重衰减 λ"))
        scale = figure.colorbar(dots, ax=ax, aspect=30, pad=0.02)
        scale.outline.set_visible(False)
        pictures.percent_axis(scale.ax)
        pictures.title(
            ax,
            Text("Validation accuracy", "验证准确率"),
            language,
            Text("as colour, after {n} epochs", "以颜色表示，训练 {n} 轮后").format(
                n=numbers["epochs"]
            ),
        )
        pictures.footnote(
            figure,
            Text(
                "{trials} trials of each of {n} searches. Rings: the best {best} of each. Grey: "
                "the top quarter of a decade of the learning rates.",
                "{n} 次搜索，每次 {trials} 次试验。圆圈：每次搜索的前 {best} 名。"
                "灰色：学习率最高的四分之一个数量级。",
            ).format(trials=numbers["trials"], n=len(numbers["score"]), best=BEST),
            language,
        )
    return figure


def ring_best(axes: Axes, numbers: Mapping[str, Any]) -> None:
    """Rings around the best trials of each search."""
    best = numbers["order"][:, :BEST]
    axes.plot(
        np.take_along_axis(numbers["lr"], best, axis=1).ravel(),
        np.take_along_axis(numbers["weight_decay"], best, axis=1).ravel(),
        "o", color=INK, markersize=9, markerfacecolor="none", markeredgewidth=1.1, zorder=4,
    )  # fmt: skip


EXPERIMENT = Experiment(
    name="random-search",
    title=Text("A hundred recipes at random", "随机搜索：一百种配方"),
    line=Text(
        "100 trials of learning rate and decay on 500 images: the best, and where they lie",
        "在 500 张图像上试 100 组学习率和权重衰减：最好的是哪些、在哪里",
    ),
    idea=Text(
        "Nobody knows a good learning rate beforehand, so many are tried, drawn at random on a log "
        "scale because only its order of magnitude is in doubt. Some images are set aside to "
        "choose by. All trials train side by side here. The score of the best of a hundred is "
        "partly luck, so the winner is trained anew on fresh seeds and judged on images that "
        "nothing was chosen by. And if the best lie at the edge of the range, the range was wrong.",
        "好的学习率事先无人知道，所以要试很多个；没有把握的只是它的数量级，因此按对数尺度随机抽取。"
        "留出一部分图像用来做选择。这里所有试验同时训练。一百次中最高的得分多少带有运气，"
        "所以优胜者要用新的种子重新训练，并在没有参与选择的图像上评判。"
        "如果最好的都挤在范围的边缘，说明范围取得不对。",
    ),
    formula=(r"\mathrm{lr}=10^{u},\ u\sim U(-6,-2)\qquad \lambda=10^{v},\ v\sim U(-8,-4)",),
    code=search,
    run=run,
)
