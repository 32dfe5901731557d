"""Bayesian search: trials that learn from those before them, against trials drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.searches import (
    EPOCHS,
    LR,
    LR_PATH,
    TRIALS,
    best_so_far,
    book_space,
    few,
    lost_on_test,
    on_test,
    said_lost,
    scores,
    values_of,
    whole,
)
from shoal.book.seeds import changed, percent, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCH = 10
EARLY = 0.2
"""A share of the trials, after which is looked too: who finds a good recipe first."""
TOP = LR[1] / 10
"""Above this lies the last decade of the learning rates, a quarter of the range."""
SAMPLERS = {"tpe": Text("Bayesian (TPE)", "贝叶斯（TPE）"), "random": Text("random", "随机")}


def search(data: shoal.Dataset, sampler: str, trials: int, epochs: int, seed: int) -> shoal.Study:
    """Trials in batches of ten, all trained to the end; the best anew on fresh seeds."""
    return shoal.search(
        book_space(),
        data,
        trials=trials,
        batch=BATCH,
        sampler=sampler,
        epochs=epochs,
        strategy="full",
        seed=seed,
        finalists=1,
    )


def run(setting: Setting) -> Findings:
    """Both ways on the same images, several times."""
    data = setting.load(valid=0)
    trials, epochs = setting.work(TRIALS, 30), setting.work(EPOCHS, 4)
    studies: dict[str, list[shoal.Study]] = {way: [] for way in SAMPLERS}
    for seed in range(setting.seeds):
        for way, found in studies.items():
            found.append(whole(search(few(data, seed), way, trials, epochs, seed)))
    numbers = measured(studies)
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={"": lambda language: draw(numbers, language)},
        table=table(numbers),
        remark=Text(
            "Trials are asked for {batch} at a time, because they train side by side: the search "
            "learns {times} times, and not after every trial. Its first batch is random, as it "
            "knows nothing yet. Two numbers are searched, and one of them hardly matters; with "
            "many that matter the answer may be another.",
            "试验每次取 {batch} 个，因为它们是同时训练的：搜索只学习 {times} 次，"
            "而不是每次试验之后。第一批是随机的，因为那时还一无所知。这里只搜索两个数，其中一个几乎没有影响；"
            "如果有许多重要的数，答案可能不同。",
        ).format(batch=BATCH, times=numbers["trials"] // BATCH - 1),
    )


def measured(studies: Mapping[str, list[shoal.Study]]) -> dict[str, Any]:
    """Every trial's learning rate and score, best so far, and the winners on fresh seeds."""
    first = studies["random"][0]
    score = {way: np.array([scores(s) for s in found]) for way, found in studies.items()}
    best = {way: best_so_far(each) for way, each in score.items()}
    early = max(1, round(EARLY * len(first.trials)))
    test = {way: [on_test(s) for s in found] for way, found in studies.items()}
    return {
        "trials": len(first.trials),
        "epochs": first.plan.budget,
        "early": early,
        "rows": {"valid": len(first.data.valid), "test": len(first.data.test)},
        "lr": {
            way: np.array([values_of(s, LR_PATH) for s in found]) for way, found in studies.items()
        },
        "score": score,
        "best": best,
        "test": test,
        "lost": {way: [lost_on_test(s) for s in found] for way, found in studies.items()},
    }


def caption(numbers: Mapping[str, Any]) -> Text:
    """Who is ahead early, who in the end, and where each looks."""
    early, trials = numbers["early"], numbers["trials"]
    best, test = numbers["best"], numbers["test"]
    near = {way: (lr[:, trials // 2 :] > TOP).mean() for way, lr in numbers["lr"].items()}
    soon, late = shoal.paired_differences(
        [(best["tpe"][:, early - 1], best["random"][:, early - 1]), (test["tpe"], test["random"])],
        step=[1 / numbers["rows"]["valid"], 1 / numbers["rows"]["test"]],
    )
    return (
        Text(
            "Of the second half of its {trials} trials, TPE lays {tpe} into the last decade of the "
            "learning rates, above {top:g}; random search lays {random} there.",
            "在 {trials} 次试验的后一半中，TPE 把 {tpe} 放在学习率的最后一个数量级"
            "（大于 {top:g}），随机搜索则是 {random}。",
        ).format(
            trials=trials, tpe=percent(near["tpe"], 0), random=percent(near["random"], 0), top=TOP
        )
        + Text(
            "After {early} trials its best has {tpe} of the validation images right, that of "
            "random search {random}: with TPE, {change}.",
            "{early} 次试验后，TPE 的最佳者答对 {tpe} 的验证图像，随机搜索的答对 {random}："
            "用 TPE 时，{change}。",
        ).format(
            early=early,
            tpe=percent(float(best["tpe"][:, early - 1].mean())),
            random=percent(float(best["random"][:, early - 1].mean())),
            change=changed(Text("the best validation accuracy", "最高验证准确率"), soon),
        )
        + Text(
            "After {trials}, the winners have {tpe} and {random} of the test images right on fresh "
            "seeds: with TPE, {change}.",
            "{trials} 次之后，优胜者在新种子上分别答对 {tpe} 和 {random} 的测试图像："
            "用 TPE 时，{change}。",
        ).format(
            trials=trials,
            tpe=percent(float(np.nanmean(test["tpe"]))),
            random=percent(float(np.nanmean(test["random"]))),
            change=changed(Text("the winners' test accuracy", "优胜者的测试准确率"), late),
        )
        + said_lost(numbers["lost"], SAMPLERS)
        + Text(
            "{n} searches of each kind, in pairs on the same images; both intervals are adjusted "
            "for looking twice.",
            "两种方法各做 {n} 次搜索，每一对用同样的图像；两个区间都按看了两次作了校正。",
        ).format(n=len(test["tpe"]))
    )


def table(numbers: Mapping[str, Any]) -> Table:
    """The best so far after some trials, and the winners on the test part."""
    trials = numbers["trials"]
    looks = sorted({numbers["early"], trials // 2, trials})
    return Table(
        (
            Text("best validation accuracy", "最高验证准确率"),
            *(Text("after {n}", "{n} 次后").format(n=n) for n in looks),
            Text("test accuracy on fresh seeds", "新种子上的测试准确率"),
        ),
        [
            (
                name,
                *(spread(numbers["best"][way][:, n - 1], ".2f") for n in looks),
                spread(numbers["test"][way]),
            )
            for way, name in SAMPLERS.items()
        ],
    )


def draw(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Best so far against trials, and where the trials of the first pair of searches lie."""
    with pictures.sheet(7.8, 3.7, columns=2) as (figure, axes):
        draw_best(axes[0, 0], numbers, language)
        draw_places(axes[0, 1], numbers, language)
        pictures.legend_above(figure, axes[0, 0])
        pictures.footnote(
            figure,
            Text(
                "Left: line: mean of {n} searches; band: lowest to highest; {valid} validation "
                "images. Right: the first pair of searches.",
                "左：线为 {n} 次搜索的平均，色带为最低到最高；验证图像 {valid} 张。"
                "右：第一对搜索。",
            ).format(n=len(numbers["test"]["tpe"]), valid=numbers["rows"]["valid"]),
            language,
        )
    return figure


def draw_best(ax: Axes, numbers: Mapping[str, Any], language: Language) -> None:
    """The best score so far, both ways."""
    for (way, name), look, offset in zip(SAMPLERS.items(), LOOKS, (0, 0.5), strict=False):
        values = numbers["best"][way]
        shown = np.where(np.isfinite(values), values, np.nan)
        pictures.band(ax, np.arange(values.shape[1]) + 1, shown, look, name[language], offset)
    ax.set_xlim(0, None)
    pictures.percent_axis(ax)
    pictures.title(ax, Text("Best validation accuracy so far", "迄今最高验证准确率"), language)
    pictures.label(ax, language, Text("trials", "试验次数"))


def draw_places(ax: Axes, numbers: Mapping[str, Any], language: Language) -> None:
    """The learning rate of every trial of one search of each kind."""
    for way, look in zip(SAMPLERS, LOOKS, strict=False):
        rates = numbers["lr"][way][0]
        ax.plot(
            np.arange(len(rates)) + 1, rates, look.marker, color=look.colour,
            markersize=0.85 * look.size, alpha=0.85,
        )  # fmt: skip
    for end in LR:
        ax.axhline(end, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.set(yscale="log", xlim=(0, None))
    ax.grid(False, axis="x")
    pictures.title(ax, Text("Where they look: learning rate", "试了哪里：学习率"), language)
    pictures.label(ax, language, Text("trial", "试验"))


EXPERIMENT = Experiment(
    name="bayesian-search",
    title=Text("Searching with a memory", "有记忆的搜索"),
    line=Text(
        "TPE against random search, 100 trials each, several times",
        "TPE 与随机搜索，各 100 次试验，重复多次",
    ),
    idea=Text(
        "Random search forgets what it has seen. A Bayesian one models it: TPE fits one density to "
        "the values of the good trials and one to those of the others, and tries where their ratio "
        "is largest. It should find good regions sooner. Whether its best is better in the end is "
        "another question, for random search will have come there too. Single searches differ by "
        "luck, so both are repeated, in pairs.",
        "随机搜索不记得见过什么。贝叶斯方法会对此建模：TPE 用一个密度描述好的试验的取值，"
        "用另一个描述其余的，然后在两者之比最大处继续试。照理它能更早找到好的区域。"
        "但试验很多之后，它的最佳者是否更好，是另一个问题，因为那时随机搜索也到过那里了。"
        "单次搜索带有运气，所以两种方法都成对地重复多次。",
    ),
    formula=(
        r"x^{*}=\mathrm{arg\,max}_x\ \frac{\ell(x)}{g(x)},\quad "
        r"\ell=p(x\mid\mathrm{good}),\ g=p(x\mid\mathrm{others})",
    ),
    code=search,
    run=run,
    seeds=10,
)
