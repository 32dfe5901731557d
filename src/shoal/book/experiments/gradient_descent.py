"""Walking downhill with three learning rates: a sound one, one far too large, one far too small."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.text import Language, Text
from shoal.plot.style import INK, LOOKS, PAGE, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

START = (-3.0, 4.0)
RATES = (0.1, 10.0, 1e-10)
STEPS = 20
PUBLISHED = (-0.0346, 0.0461)


def f(x: NDArray[np.float64]) -> float:
    """f = x₀² + x₁², a round bowl with its minimum at 0."""
    return float((x**2).sum())


def descend(f: Callable[[NDArray[np.float64]], float], lr: float) -> NDArray[np.float64]:
    """Every point of a walk downhill (steps + 1, 2), the gradients by differences."""
    rule, path = shoal.SGD(lr=lr), [np.array(START)]
    for _ in range(STEPS):
        gradient = shoal.numerical_gradient(f, path[-1])
        path.append(rule.step(path[-1], gradient)[0])
    return np.array(path)


def exact(lr: float) -> NDArray[np.float64]:
    """The same walk in one formula: every step multiplies the point by 1 - 2 lr."""
    return np.array(START) * np.power(1 - 2 * lr, np.arange(STEPS + 1))[:, None]


def run(setting: Setting) -> Findings:
    """Three walks, their ends, and how far they are from the formula."""
    paths = {lr: descend(f, lr) for lr in RATES}
    good, large, small = paths.values()
    numbers: dict[str, Any] = {
        "lr": RATES,
        "path": list(paths.values()),
        "end": [path[-1] for path in paths.values()],
        "exact_end": [exact(lr)[-1] for lr in RATES],
        "moved": [float(np.linalg.norm(path[-1] - path[0])) for path in paths.values()],
        "still_from_step": still_from(large),
    }
    moved, far = numbers["moved"][2], float(np.abs(large).max())
    return Findings(
        numbers=numbers,
        caption=Text(
            "With lr = 0.1 the walk comes to {end} in {steps} steps: each one covers a fifth of "
            "the way that is left. With lr = 10 each step jumps over the minimum and lands 19 "
            "times as far away, to {far:.0e}. {still}With lr = 1e-10 it has moved by {moved:.0e} "
            "when it ends. That 0.1 suits this bowl says nothing about others: a step is good or "
            "bad by the product of lr and the curvature.",
            "取 lr = 0.1，走 {steps} 步到达 {end}：每一步走完剩余路程的五分之一。取 lr = 10，"
            "每一步都越过最低点，落到 19 倍远的地方，最远达 {far:.0e}。{still}取 lr = 1e-10，"
            "结束时只移动了 {moved:.0e}。0.1 适合这个碗，并不说明它适合别的函数：步子好不好，"
            "要看 lr 与曲率的乘积。",
        ).format(
            end=at(good[-1]),
            steps=STEPS,
            far=far,
            moved=moved,
            still=why_still(numbers["still_from_step"]),
        ),
        pictures={"": lambda language: draw(paths, language)},
        table=Table(
            (
                "lr",
                Text("end", "终点"),
                Text("end by the formula", "按公式算出的终点"),
                Text("f at the end", "终点处的 f"),
            ),
            [
                (f"{lr:g}", at(path[-1]), at(exact(lr)[-1]), f"{f(path[-1]):.3g}")
                for lr, path in paths.items()
            ],
        ),
        published=[
            Published(
                Text("end with lr 0.1", "lr 0.1 的终点"),
                at(PUBLISHED),
                at(good[-1]),
                bool(np.abs(good[-1] - PUBLISHED).max() < 1e-4),
            ),
            Published(
                Text("lr 10 explodes", "lr 10 发散"), "|x| → ∞", f"|x| = {far:.0e}", far > 1e6
            ),
            Published(
                Text("lr 1e-10 stays", "lr 1e-10 不动"), at(START), at(small[-1]), moved < 1e-6
            ),
        ],
    )


def still_from(path: NDArray[np.float64]) -> int | None:
    """The step after which a walk no longer moves, or None."""
    moves = np.flatnonzero((np.diff(path, axis=0) != 0).any(axis=1))
    last = int(moves[-1]) + 1 if len(moves) else 0
    return last if last < len(path) - 1 else None


def why_still(step: int | None) -> Text:
    """Why a walk that explodes can come to rest."""
    if step is None:
        return Text("", "")
    return Text(
        "There it rests from step {step} on, but not because it has found anything: numbers so "
        "large are farther apart than the h of the differences, x + h and x - h are the same "
        "number, and the gradient comes out as 0. ",
        "从第 {step} 步起它停在那里，但并不是找到了什么：这么大的数，相邻两个的间隔已超过差分的 "
        "h，x + h 与 x - h 成了同一个数，算出的梯度便是 0。",
    ).format(step=step)


def at(point: Any) -> str:
    """A point in a few digits.

    >>> at([-3, 0.5]), at([2e13, 1])
    ('(−3.0000, 0.5000)', '(2.00e+13, 1.0000)')
    """
    texts = (f"{x:.4f}" if abs(x) < 1e4 else f"{x:.2e}" for x in point)
    return "({}, {})".format(*texts).replace("(-", "(−").replace(" -", " −")


def draw(paths: dict[float, NDArray[np.float64]], language: Language) -> Figure:
    """The walks over lines of equal height, and how far from the minimum they are."""
    with pictures.sheet(7.6, 3.7, 1, 2) as (figure, axes):
        draw_walks(axes[0, 0], paths, language)
        draw_distances(axes[0, 1], paths, language)
        pictures.legend_above(figure, axes[0, 1])
    return figure


def draw_walks(ax: Axes, paths: dict[float, NDArray[np.float64]], language: Language) -> None:
    """The bowl from above, without the walk of lr = 10, which leaves it with its first step."""
    x, y = np.linspace(-4.6, 3.4, 121), np.linspace(-2.6, 5.0, 121)
    height = x[None, :] ** 2 + y[:, None] ** 2
    ax.grid(False)
    ax.contour(x, y, height, levels=np.arange(0.5, 6) ** 2, colors=RULE, linewidths=0.9)
    for (lr, path), look in zip(paths.items(), LOOKS, strict=False):
        if lr == 10:
            continue
        ax.plot(*path.T, color=look.colour, marker=look.marker, markersize=look.size,
                linewidth=1.2, markeredgecolor=PAGE, markeredgewidth=0.6)  # fmt: skip
    ax.plot([0], [0], "+", color=INK, markersize=9, markeredgewidth=1.6)
    ax.annotate(
        Text("start", "起点")[language], START, (8, 4), textcoords="offset points", color=INK
    )
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
    pictures.title(
        ax,
        Text("The walks from above", "从上方看"),
        language,
        Text("lr 10 is outside from its first step on", "lr 10 第 1 步就到了图外"),
    )
    pictures.label(ax, language, "x₀", "x₁")


def draw_distances(ax: Axes, paths: dict[float, NDArray[np.float64]], language: Language) -> None:
    """Distance from the minimum after each step; the formula as a dotted line."""
    for (lr, path), look in zip(paths.items(), LOOKS, strict=False):
        pictures.band(ax, range(STEPS + 1), np.linalg.norm(path, axis=1), look, f"lr = {lr:g}")
    for lr in paths:
        label = Text("by the formula", "按公式")[language] if lr == RATES[-1] else ""
        distance = np.linalg.norm(exact(lr), axis=1)
        ax.plot(distance, ":", color=INK, linewidth=1.2, label=label, zorder=1)
    ax.set_yscale("log")
    ax.set(xlim=(0, STEPS), xticks=range(0, STEPS + 1, 5), ylim=(1e-3, 1e28))
    ax.set_yticks([1, 1e6, 1e12, 1e18, 1e24])
    pictures.title(
        ax, Text("Distance from the minimum", "到最低点的距离"), language, "f = x₀² + x₁²"
    )
    pictures.label(ax, language, pictures.STEP)


EXPERIMENT = Experiment(
    name="gradient-descent",
    title=Text("Gradient descent", "梯度下降"),
    line=Text(
        "20 steps down x₀² + x₁² with learning rates 0.1, 10 and 1e-10",
        "沿 x₀² + x₁² 下降 20 步，学习率取 0.1、10 和 1e-10",
    ),
    idea=Text(
        "To get downhill, take a step against the gradient, look again, and repeat. The learning "
        "rate says how long a step is for a given slope. Too long, and each step lands higher "
        "than it started; too short, and nothing happens in any useful time.",
        "要下坡，就逆着梯度走一步，再看一次，如此重复。学习率决定同样的坡度下一步走多长。太长，"
        "每一步都会落到比出发时更高的地方；太短，在合理的时间内看不到任何进展。",
    ),
    formula=(r"\mathbf{x}\leftarrow\mathbf{x}-\eta\,\nabla f(\mathbf{x})",),
    code=descend,
    run=run,
    seeds=1,
    uses="nothing",
)
