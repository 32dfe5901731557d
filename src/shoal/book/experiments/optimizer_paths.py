"""Six update rules walk down one long valley, with the book's learning rates and tuned ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.text import Language, Text, listed
from shoal.plot.style import INK, LOOKS, PAGE, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

START = (-7.0, 2.0)
UPDATES = 30
RULES: dict[str, Any] = {
    "SGD": shoal.SGD(lr=0.95),
    "Momentum": shoal.Momentum(lr=0.1, momentum=0.9),
    "AdaGrad": shoal.AdaGrad(lr=1.5),
    "Adam": shoal.Adam(lr=0.3),
    "Nesterov": shoal.Nesterov(lr=0.1, momentum=0.9),
    "RMSprop": shoal.RMSprop(lr=0.3),
}
PUBLISHED = {
    "SGD": (-0.350, 0.085),
    "Momentum": (0.896, 0.088),
    "AdaGrad": (-0.120, 0.0),
    "Adam": (0.136, 0.318),
}
DIGITS = 6e-4
"""Published ends have three digits."""
RATES = np.geomspace(1e-3, 10, 121)


def f(at: NDArray[Any]) -> NDArray[Any]:
    """f = x²/20 + y², a valley that is steep across and nearly level along."""
    return np.asarray(at[..., 0] ** 2 / 20 + at[..., 1] ** 2)


def gradient(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """∇f = (x/10, 2y)."""
    return np.multiply(at, (0.1, 2.0))


def walk(rule: Any, lr: Any, degrees: float = 0) -> NDArray[np.float64]:
    """Every point of a walk (updates + 1, members, 2), one for each rate, in a turned valley."""
    turn = rotation(degrees)
    at = np.broadcast_to(START @ turn, (np.size(lr), 2))
    slots = {name: np.zeros(at.shape) for name in rule.slots}
    path = [at]
    for t in range(1, UPDATES + 1):
        delta, slots = rule.update(
            gradient(at @ turn.T) @ turn, slots, t, **rule.numbers | {"lr": lr}
        )
        path.append(at := at + delta)
    return np.array(path) @ turn.T  # as seen along the valley


def rotation(degrees: float) -> NDArray[np.float64]:
    """The matrix that turns a point about the minimum.

    >>> rotation(90).round(12) + 0
    array([[ 0.,  1.],
           [-1.,  0.]])
    """
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s], [-s, c]])


def tuned_ends(rule: Any, degrees: float) -> NDArray[np.float64]:
    """The height f at the end of a walk with each of the rates; infinite where it explodes."""
    with np.errstate(over="ignore", invalid="ignore"):
        heights = f(walk(rule, RATES[:, None], degrees)[-1])
    return np.where(np.isfinite(heights), heights, np.inf)


def run(setting: Setting) -> Findings:
    """Six walks with the rates given; and the best rate of each rule among many."""
    paths = {name: walk(rule, rule.lr)[:, 0] for name, rule in RULES.items()}
    ends = {name: tuned_ends(rule, 0) for name, rule in RULES.items()}
    turned = {name: tuned_ends(rule, 45) for name, rule in RULES.items()}
    numbers = {
        name: {
            "lr": rule.lr,
            "path": paths[name],
            "end": paths[name][-1],
            "f": float(f(paths[name][-1])),
            "length": float(np.linalg.norm(np.diff(paths[name], axis=0), axis=1).sum()),
            "tuned_lr": float(RATES[ends[name].argmin()]),
            "tuned_f": float(ends[name].min()),
            "tuned_f_turned": float(turned[name].min()),
        }
        for name, rule in RULES.items()
    }
    given = sorted(RULES, key=lambda name: numbers[name]["f"])
    tuned = sorted(RULES, key=lambda name: numbers[name]["tuned_f"])
    askew = sorted(RULES, key=lambda name: numbers[name]["tuned_f_turned"])
    way = float(np.hypot(*START))
    longest = max(RULES, key=lambda name: numbers[name]["length"])
    shortest = min(RULES, key=lambda name: numbers[name]["length"])
    return Findings(
        numbers=numbers,
        caption=Text(
            "After {updates} updates with the rates given f is lowest with {best} ({best_f:.1e}) "
            "and highest with {worst} ({worst_f:.1e}). The minimum is {way:.2f} away; {longest} "
            "walks {long:.1f} to its end, {shortest} {short:.1f}. The rates were chosen by hand, "
            "so this order says little: with the best of {n} rates for each rule it is {order}, "
            "from lowest f to highest{same}. The valley lies along the axes, which suits rules "
            "that scale each axis by itself; turned by 45°, with rates tuned again, the order is "
            "{askew}. Nor is one smooth valley a network's loss.",
            "用给定的学习率更新 {updates} 次后，f 最低的是 {best}（{best_f:.1e}），"
            "最高的是 {worst}（{worst_f:.1e}）。起点离最低点 {way:.2f}；"
            "{longest} 走了 {long:.1f}，{shortest} 走了 {short:.1f}。这些学习率是人为挑的，"
            "所以这个次序说明不了什么：若每种规则都取 {n} 个学习率中最好的一个，"
            "f 从低到高的次序是 {order}{same}。这条山谷正好沿着坐标轴，对逐轴缩放的规则有利；"
            "转过 45° 再重新选学习率，次序是 {askew}。而且一条光滑的山谷也不等于网络的损失。",
        ).format(
            updates=UPDATES,
            best=given[0],
            best_f=numbers[given[0]]["f"],
            worst=given[-1],
            worst_f=numbers[given[-1]]["f"],
            way=way,
            longest=longest,
            long=numbers[longest]["length"],
            shortest=shortest,
            short=numbers[shortest]["length"],
            n=len(RATES),
            order=listed(tuned),
            askew=listed(askew),
            same=Text(", the same order", "，与原来的次序相同")
            if given == tuned
            else Text(", another order", "，与原来的次序不同"),
        ),
        pictures={"": lambda language: draw(paths, language)},
        table=Table(
            (
                Text("rule", "规则"),
                "lr",
                Text("end", "终点"),
                "f",
                Text("length", "路程"),
                Text("best lr", "最佳 lr"),
                Text("f with it", "此时的 f"),
                Text("turned 45°", "转 45° 后"),
            ),
            [
                (
                    name,
                    f"{n['lr']:g}",
                    at(n["end"]),
                    f"{n['f']:.1e}",
                    f"{n['length']:.1f}",
                    f"{n['tuned_lr']:.2g}",
                    f"{n['tuned_f']:.1e}",
                    f"{n['tuned_f_turned']:.1e}",
                )
                for name, n in numbers.items()
            ],
        ),
        published=[
            Published(
                Text(f"end of {name}", f"{name} 的终点"),
                at(end),
                at(numbers[name]["end"]),
                bool(np.abs(numbers[name]["end"] - np.array(end)).max() < DIGITS),
            )
            for name, end in PUBLISHED.items()
        ],
        remark=Text(
            "Nesterov and RMSprop have no published ends. Nesterov is drawn at the points where it "
            "takes its gradients, as PyTorch does.",
            "Nesterov 与 RMSprop 没有书中数值。Nesterov 画的是它求梯度的那些点，与 PyTorch 一致。",
        ),
    )


def at(point: Any) -> str:
    """A point in three digits.

    >>> at((-0.35, 0.0))
    '(−0.350, 0.000)'
    """
    return "({:.3f}, {:.3f})".format(*(x + 0.0 if abs(x) >= 5e-4 else 0.0 for x in point)).replace(
        "-", "−"
    )


def draw(paths: dict[str, NDArray[np.float64]], language: Language) -> Figure:
    """Each walk over lines of equal height."""
    with pictures.sheet(7.6, 6.6, 3, 2, sharex=True, sharey=True) as (figure, axes):
        for ax, (name, path), look in zip(axes.flat, paths.items(), LOOKS, strict=False):
            draw_valley(ax)
            ax.plot(*path.T, color=look.colour, marker=look.marker, markersize=look.size,
                    linewidth=1.2, markeredgecolor=PAGE, markeredgewidth=0.6)  # fmt: skip
            end = Text("lr {lr:g}, ends at {end}", "lr {lr:g}，终点 {end}")
            pictures.title(ax, name, language, end.format(lr=RULES[name].lr, end=at(path[-1])))
        for ax in axes[-1]:
            pictures.label(ax, language, "x")
        for ax in axes[:, 0]:
            pictures.label(ax, language, y="y")
    return figure


def draw_valley(ax: Axes) -> None:
    """The valley from above; lines at equal steps of √f, a cross at the minimum."""
    x, y = np.linspace(-8, 5, 131), np.linspace(-3, 3, 121)
    height = f(np.stack(np.meshgrid(x, y), axis=-1))
    ax.grid(False)
    ax.contour(x, y, height, levels=np.arange(0.3, 4, 0.5) ** 2, colors=RULE, linewidths=0.9)
    ax.plot([0], [0], "+", color=INK, markersize=9, markeredgewidth=1.6)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), yticks=[-2, 0, 2])


EXPERIMENT = Experiment(
    name="optimizer-paths",
    title=Text("How optimizers walk", "优化器怎样走"),
    line=Text(
        "SGD, Momentum, AdaGrad, Adam, Nesterov and RMSprop on x²/20 + y²",
        "SGD、Momentum、AdaGrad、Adam、Nesterov 和 RMSprop 在 x²/20 + y² 上怎样走",
    ),
    idea=Text(
        "In a valley that is steep across and gentle along, the gradient points mostly at the "
        "other side. A rate that is safe across is slow along, and SGD zigzags. Momentum lets the "
        "steps across cancel and those along add up; AdaGrad, RMSprop and Adam divide by the size "
        "of past gradients, so that both directions get steps of similar length.",
        "在横向陡、纵向缓的山谷里，梯度大多指向对面的山坡。横向安全的学习率，纵向就太慢，"
        "于是 SGD 走成锯齿。Momentum 使横向的步子互相抵消、纵向的步子累积起来；"
        "AdaGrad、RMSprop 和 Adam 除以过去梯度的大小，使两个方向的步长相近。",
    ),
    formula=(
        r"\mathrm{SGD}:\ \theta\leftarrow\theta-\eta g",
        r"\mathrm{Momentum}:\ v\leftarrow\mu v+g,\ \theta\leftarrow\theta-\eta v",
        r"\mathrm{AdaGrad}:\ h\leftarrow h+g^2,\ \theta\leftarrow\theta-\eta\,g/\sqrt{h}",
        r"\mathrm{Adam}:\ \theta\leftarrow\theta-\eta\,\hat{\mu}/(\sqrt{\hat{\nu}}+\epsilon)",
    ),
    code=walk,
    run=run,
    seeds=1,
    uses="nothing",
)
