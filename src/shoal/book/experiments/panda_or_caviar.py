"""Panda or caviar: one network that is watched and adjusted, or many side by side that are not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.searches import EPOCHS, few
from shoal.book.seeds import changed, percent, span, spread
from shoal.book.text import Language, Text
from shoal.book.watch import watched
from shoal.plot.style import LOOKS, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

LR = (1e-4, 1.0)
COUNT, EVERY = 64, 10
UP, DOWN = 2.0, 4.0
ROWS = 2000
NAMES = {
    "panda": Text("panda: one, watched", "熊猫：一个，有人照看"),
    "caviar": Text("caviar: {n} side by side", "鱼子酱：{n} 个同时训练"),
}
ACCURACY = Text("the test accuracy", "测试准确率")


def recipe(lr: float) -> shoal.Recipe:
    """Six hidden layers of 100 units under SGD; the learning rate is what is to be found."""
    return shoal.Recipe(shoal.mlp([100] * 6), shoal.SGD(lr=lr), init="he", batch_size=100)


def panda(data: shoal.Dataset, lr: float, epochs: int, seed: int) -> shoal.Trainer:
    """One network; every ten epochs somebody looks at the validation loss and turns the knob.

    Lower than ever: keep the network, and double the learning rate. Otherwise: go back to the
    network that was kept, and go on with a quarter of the learning rate.
    """
    still = recipe(1e-30)  # steps too small to move a weight: a place to keep a network in
    kept, watched = 0, 1
    trainer = shoal.Trainer(
        [shoal.Member(still, seed, "kept"), shoal.Member(recipe(lr), seed, "watched")],
        data,
        epochs=epochs,
        evaluate_every=EVERY,
        evaluate_parts=("valid", "test"),
        evaluate_rows=ROWS,
    )
    lowest = math.inf
    while not trainer.done:
        trainer.run(until=trainer.epochs_done + EVERY)
        loss = float(trainer.history.curve(watched, "valid_loss").values[-1])
        if loss < lowest:  # not if it diverged: then the loss is NaN
            lowest = loss
            trainer.copy(watched, kept, still)
            lr = min(UP * lr, LR[1])
        else:
            lr = max(lr / DOWN, LR[0])
        trainer.copy(kept, watched, recipe(lr))
    return trainer


def caviar(data: shoal.Dataset, rates: Sequence[float], epochs: int, seed: int) -> shoal.Trainer:
    """One network for each learning rate, all side by side, and nobody touches them."""
    return shoal.Trainer(
        [shoal.Member(recipe(lr), seed, f"lr {lr:.2g}") for lr in rates],
        data,
        epochs=epochs,
        evaluate_parts=("valid", "test"),
        evaluate_rows=ROWS,
    ).run()


def race(
    data: shoal.Dataset, count: int, epochs: int, seed: int
) -> tuple[shoal.Trainer, shoal.Trainer]:
    """Both, for as many epochs of one network in all; the panda begins with the first rate."""
    draw = shoal.log_uniform(*LR)
    rates = [draw.value(u) for u in np.random.default_rng(seed).random(count).tolist()]
    return panda(data, rates[0], count * epochs, seed), caviar(data, rates, epochs, seed)


def run(setting: Setting) -> Findings:
    """Both ways on the same images, with the same weights and from the same first rate."""
    data = setting.load(valid=0)
    count, epochs = setting.work(COUNT, 16), setting.work(EPOCHS, 10)
    races = [
        measured(*race(few(data, seed), count, epochs, seed))
        for seed in watched(range(setting.seeds), "races")
    ]
    numbers: dict[str, Any] = {
        "count": count,
        "epochs": epochs,
        "rows": {"valid": len(few(data, 0).valid), "test": min(ROWS, len(data.test))},
        **{name: np.array([each[name] for each in races]) for name in races[0]},
    }
    return Findings(
        numbers=numbers,
        caption=caption(numbers),
        pictures={"": lambda language: draw(numbers, language)},
        table=table(numbers),
        remark=Text(
            "At every point the network counts whose validation loss has been lowest so far. A "
            "member-epoch is one pass of one network over the training images. The rule may leave "
            "no rate outside of {low:g} to {high:g}, where the others are drawn from too. It is "
            "one rule; a person may do better or worse.",
            "每一时刻都取迄今验证损失最低的网络。一个网络把训练图像过一遍，算一份训练量。"
            "规则给出的学习率不超出 {low:g} 到 {high:g}，其余网络的学习率也从这里抽取。"
            "这只是一种规则；人来调，可能更好，也可能更差。",
        ).format(low=LR[0], high=LR[1]),
    )


def measured(panda: shoal.Trainer, caviar: shoal.Trainer) -> dict[str, Any]:
    """Test accuracy of what each would hand in against compute, and what the panda did."""
    one = losses_and_accuracies(panda, [1])
    many = losses_and_accuracies(caviar, range(len(caviar.members)))
    looks = EVERY * (np.arange(one[0].shape[1]) + 1)
    passes = len(caviar.members) * (np.arange(many[0].shape[1]) + 1)
    alone, together = chosen(*one), chosen(*many)
    turns = [rate(copy.recipe) for copy in panda.history.copies if copy.target == 1]
    lowest = np.minimum.accumulate(np.nan_to_num(one[0][0], nan=np.inf))
    better = lowest < np.concatenate([[np.inf], lowest[:-1]])
    last = int(np.flatnonzero(better)[-1]) if better.any() else 0
    used = np.array([rate(panda.members[1].recipe), *turns[:-1]])
    best = int(np.nan_to_num(many[0], nan=np.inf).min(axis=1).argmin())
    at_once = int(looks.searchsorted(many[0].shape[1], side="right")) - 1
    return {
        "panda_spent": looks,
        "panda_accuracy": alone,
        "panda_lr": used,
        "panda_kept": better.mean(),
        "panda_last_kept": looks[last],
        "panda_last_lr": used[last],
        "caviar_spent": passes,
        "caviar_accuracy": together,
        "caviar_lr": rate(caviar.members[best].recipe),
        "caviar_diverged": int((caviar.history.diverged >= 0).sum()),
        "panda_end": alone[-1],
        "panda_at_once": alone[at_once],
        "caviar_end": together[-1],
    }


def rate(recipe: shoal.Recipe) -> float:
    """The learning rate of a recipe.

    >>> rate(recipe(0.1))
    0.1
    """
    return float(recipe.to_dict()["optimizer"]["lr"])


def losses_and_accuracies(trainer: shoal.Trainer, members: Sequence[int]) -> tuple[Values, Values]:
    """Validation losses and test accuracies (members, evaluations)."""
    curve = trainer.history.curve
    losses = np.array([curve(i, "valid_loss").values for i in members], np.float64)
    return losses, np.array([curve(i, "test_accuracy").values for i in members], np.float64)


def chosen(losses: Values, accuracies: Values) -> Values:
    """At every evaluation, the accuracy of the network whose loss has been lowest so far.

    Args:
        losses, accuracies: (members, evaluations); NaN where a network diverged.

    >>> chosen(np.array([[3.0, 1.0, 2.0], [2.0, 2.5, 0.5]]), np.array([[1, 2, 3], [4, 5, 6]]))
    array([4., 2., 6.])
    """
    filled = np.where(np.isnan(losses), np.inf, losses)
    best, at = math.inf, (0, 0)
    found = []
    for k in range(filled.shape[1]):
        i = int(filled[:, k].argmin())
        if filled[i, k] < best:
            best, at = float(filled[i, k]), (i, k)
        found.append(float(accuracies[at]))
    return np.array(found)


def caption(numbers: Mapping[str, Any]) -> Text:
    """Who is ahead for the same compute, and who in the same time."""
    end, early, many = (numbers[name] for name in ("panda_end", "panda_at_once", "caviar_end"))
    whole, soon = shoal.paired_differences(
        [(end, many), (early, many)], step=1 / numbers["rows"]["test"]
    )
    return (
        Text(
            "For {total:,} member-epochs each, the panda's network has {panda} of the test images "
            "right, the best of {count} {caviar}: with the panda, {change}.",
            "各用 {total:,} 份训练量，熊猫式的网络答对 {panda} 的测试图像，{count} 个中最好的答对 "
            "{caviar}：用熊猫式时，{change}。",
        ).format(
            total=numbers["count"] * numbers["epochs"],
            count=numbers["count"],
            panda=percent(float(np.nanmean(end))),
            caviar=percent(float(np.nanmean(many))),
            change=changed(ACCURACY, whole),
        )
        + Text(
            "But the {count} can train at once, and then they have ended when the panda has done "
            "{epochs} epochs. At that time its network has {early} right: {change}.",
            "但那 {count} 个可以同时训练；它们结束时，熊猫式只训练了 {epochs} 轮，"
            "此时其网络答对 {early}：{change}。",
        ).format(
            count=numbers["count"],
            epochs=numbers["epochs"],
            early=percent(float(np.nanmean(early))),
            change=changed(ACCURACY, soon),
        )
        + what_the_rule_did(numbers)
        + Text(
            "{n} races; both intervals are adjusted for looking twice.",
            "共 {n} 次比较；两个区间都按看了两次作了校正。",
        ).format(n=len(end))
    )


def what_the_rule_did(numbers: Mapping[str, Any]) -> Text:
    """From which rates to which, how often it paid, and until when."""
    first, last = numbers["panda_lr"][:, 0], numbers["panda_last_lr"]
    text = Text(
        "The panda begins with learning rates of {first}; {kept} of the looks found a lower loss, "
        "the last of them after {at} epochs, with rates of {last}. The best of the others have "
        "rates of {others}.",
        "熊猫式从 {first} 的学习率开始；{kept} 的查看发现损失更低，最后一次在第 {at} 轮之后，"
        "当时的学习率为 {last}。其余网络中最好的，学习率为 {others}。",
    ).format(
        first=span(first, ".2g"),
        kept=percent(float(numbers["panda_kept"].mean()), 0),
        at=span(numbers["panda_last_kept"]),
        last=span(last, ".2g"),
        others=span(numbers["caviar_lr"], ".2g"),
    )
    idle = 1 - float(np.max(numbers["panda_last_kept"])) / float(numbers["panda_spent"][0][-1])
    if idle > 0.5:
        text += Text(
            "Whatever the panda spends after that, at least {idle} of the whole, changes nothing: "
            "no lower loss is found, and the rule turns the rate down to its floor.",
            "此后熊猫式所用的训练量，至少占全部的 {idle}，没有带来任何变化："
            "再没有更低的损失，规则把学习率一直降到下限。",
        ).format(idle=percent(idle, 0))
    return text


def table(numbers: Mapping[str, Any]) -> Table:
    """Test accuracy of what each would hand in after some member-epochs."""
    total = numbers["count"] * numbers["epochs"]
    looks = sorted({max(total // k, numbers["count"]) for k in (50, 10, 4, 1)})
    return Table(
        (
            Text("test accuracy after member-epochs", "测试准确率，训练量为"),
            *(f"{n:,}" for n in looks),
        ),
        [
            (
                name.format(n=numbers["count"]),
                *(
                    spread(numbers[f"{way}_accuracy"][:, last_by(numbers[f"{way}_spent"][0], n)])
                    for n in looks
                ),
            )
            for way, name in NAMES.items()
        ],
    )


def last_by(spent: Values, budget: float) -> int:
    """The last evaluation that a budget pays for.

    >>> last_by(np.array([10, 20, 30]), 25)
    1
    """
    return int(np.searchsorted(spent, budget, side="right")) - 1


def draw(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Test accuracy of what each would hand in against compute; the panda's learning rates."""
    with pictures.sheet(7.8, 3.8, columns=2, width_ratios=[1.35, 1]) as (figure, axes):
        left, right = axes[0]
        for (way, name), look, offset in zip(NAMES.items(), LOOKS, (0, 0.5), strict=False):
            spent, values = numbers[f"{way}_spent"][0], numbers[f"{way}_accuracy"]
            pictures.band(
                left, spent, values, look, name.format(n=numbers["count"])[language], offset
            )
        left.set_xscale("log")
        left.set_ylim(0, 1)
        pictures.percent_axis(left)
        pictures.title(
            left, Text("Test accuracy of the best so far", "迄今最好者的测试准确率"), language
        )
        pictures.label(left, language, Text("member-epochs spent", "所用训练量"))
        draw_rates(right, numbers, language)
        pictures.legend_above(figure, left)
        pictures.footnote(
            figure,
            Text(
                "Left: mean of {n} races; band: lowest to highest; {test:,} test images; dashes: "
                "where the {count} have ended if they train at once. Right: a line for each race.",
                "左：{n} 次比较的平均；色带：最低到最高；测试图像 {test:,} 张；"
                "虚线：{count} 个同时训练时的结束时刻。右：每次比较一条线。",
            ).format(
                n=len(numbers["panda_end"]), test=numbers["rows"]["test"], count=numbers["count"]
            ),
            language,
        )
        left.axvline(numbers["epochs"], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    return figure


def draw_rates(ax: Axes, numbers: Mapping[str, Any], language: Language) -> None:
    """The learning rate that each panda went by."""
    for rates, spent in zip(numbers["panda_lr"], numbers["panda_spent"], strict=True):
        ax.step(spent, rates, where="pre", color=LOOKS[0].colour, linewidth=0.9, alpha=0.6)
    ax.set(xscale="log", yscale="log", ylim=(LR[0] / 1.3, LR[1] * 1.3))
    pictures.title(ax, Text("The panda's learning rate", "熊猫式的学习率"), language)
    pictures.label(ax, language, Text("epoch", "轮次"))


EXPERIMENT = Experiment(
    name="panda-or-caviar",
    title=Text("Panda or caviar", "熊猫还是鱼子酱"),
    line=Text(
        "one network watched and adjusted, against 64 side by side, for equal compute",
        "一个网络有人照看和调整，对 64 个网络同时训练，训练量相同",
    ),
    idea=Text(
        "A panda has one cub and watches over it; a fish lays eggs by the thousand. So a single "
        "network can be watched, its learning rate turned up while that helps and down when it "
        "does not; or many can be trained with other rates, and the best is taken. Here the one "
        "is watched by a fixed rule: every 10 epochs, if the validation loss is lower than ever "
        "it is kept and the rate doubled; if not, it goes back to what was kept, with a quarter "
        "of the rate. Both get the same number of passes over the images. Time is another matter.",
        "熊猫一次只养一个幼崽，悉心照看；鱼则产下成千上万的卵。训练网络也是如此："
        "可以照看一个网络，有帮助就调高学习率，没有就调低；也可以用不同的学习率训练许多个，取最好的。"
        "这里按固定的规则来照看：每 10 轮看一次，如果验证损失低于以往任何一次，就保留它，"
        "并把学习率加倍；否则退回到保留的网络，学习率降为四分之一。两者把图像过的总遍数相同，但所需的时间是另一回事。",
    ),
    formula=(
        r"L_{\mathrm{valid}}<L_{\min}:\ \eta\leftarrow 2\,\eta,\ \theta_{\min}\leftarrow\theta"
        r"\qquad \mathrm{otherwise}:\ \eta\leftarrow\eta/4,\ \theta\leftarrow\theta_{\min}",
    ),
    code=race,
    run=run,
)
