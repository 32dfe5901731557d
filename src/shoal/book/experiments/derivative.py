"""The slope of a curve by a central difference, and how large a step that should take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.text import Language, Text, listed
from shoal.plot.style import INK, LOOKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = (5.0, 10.0)
PUBLISHED = (0.1999999999990898, 0.2999999999997449)
ROUNDING = 1e-10
"""Two sound computations of these slopes differ by no more."""
STEPS = 10.0 ** np.arange(-12, 0.5, 0.5)
CENTRAL = Text("both sides", "两侧取点（中心差分）")
ONE_SIDED = Text("one side", "一侧取点（前向差分）")


def f(x: float) -> float:
    """The curve: 0.01 x² + 0.1 x, whose slope is 0.02 x + 0.1."""
    return 0.01 * x**2 + 0.1 * x


def slope(x: float, h: float = 1e-4) -> float:
    """The slope of f at x by a central difference."""
    return float(shoal.numerical_gradient(lambda at: f(at[0]), np.array([x]), h)[0])


def exact(x: float) -> float:
    """The slope of f at x by calculus."""
    return 0.02 * x + 0.1


def run(setting: Setting) -> Findings:
    """Two slopes, beside the true ones and the published ones; then with other steps."""
    slopes = [slope(x) for x in POINTS]
    errors = [abs(s - exact(x)) for x, s in zip(POINTS, slopes, strict=True)]
    x = POINTS[-1]
    central = [abs(slope(x, h) - exact(x)) for h in STEPS]
    one_sided = [abs((f(x + h) - f(x)) / h - exact(x)) for h in STEPS]
    numbers = {
        "x": POINTS,
        "slope": slopes,
        "exact": [exact(x) for x in POINTS],
        "error": errors,
        "h": STEPS,
        "central_error": central,
        "one_sided_error": one_sided,
    }
    return Findings(
        numbers=numbers,
        caption=Text(
            "With h = 1e-4 the two slopes differ from the true ones by {worst:.0e} at most. "
            "At x = {x:g}, points on both sides are nearest to the truth with h = {h2:g} "
            "(error {e2}), points on one side with h = {h1:g} (error {e1}). On one side "
            "a large step is wrong because the curve bends; f is a parabola, for which two sides "
            "are exact at any step, so all that is left of their error is rounding. Rounding "
            "grows as h shrinks: a smaller step is not a better one. How large the best step is "
            "depends on the function; these are the numbers of this one.",
            "取 h = 1e-4 时，两个斜率与真实值最多相差 {worst:.0e}。在 x = {x:g} 处，"
            "两侧取点以 h = {h2:g} 最接近真实值（误差 {e2}），"
            "一侧取点以 h = {h1:g} 最接近（误差 {e1}）。一侧取点时，步长大了就会因曲线弯曲"
            "而出错；f 是抛物线，两侧取点对任何步长都精确，剩下的误差全是舍入误差。"
            "h 越小，舍入误差越大：步长并非越小越好。最合适的步长因函数而异，"
            "以上数字只属于这个函数。",
        ).format(
            worst=max(errors),
            x=x,
            h2=STEPS[np.argmin(central)],
            e2=f"{min(central):.0e}" if min(central) else "0",
            h1=STEPS[np.argmin(one_sided)],
            e1=f"{min(one_sided):.0e}",
        ),
        pictures={"": lambda language: draw(slopes, central, one_sided, language)},
        table=Table(
            ("x", Text("by differences", "数值微分"), Text("exact", "精确值")),
            [
                (f"{x:g}", f"{s:.16f}", f"{exact(x):.1f}")
                for x, s in zip(POINTS, slopes, strict=True)
            ],
        ),
        published=[
            Published(f"f′({x:g})", repr(p), repr(s), abs(s - p) < ROUNDING)
            for x, p, s in zip(POINTS, PUBLISHED, slopes, strict=True)
        ],
        remark=remark(slopes),
    )


def remark(slopes: list[float]) -> Text | None:
    """Where the last digits of the published slopes come from, if ours are others."""
    if slopes == list(PUBLISHED):
        return None

    def in_turn(x: float) -> float:
        return 0.01 * x * x + 0.1 * x

    turned = [(in_turn(x + 1e-4) - in_turn(x - 1e-4)) / 2e-4 for x in POINTS]
    same = turned == list(PUBLISHED)
    return Text(
        "Only the last digits differ from the published ones, by {most:.0e}. They depend on how "
        "x² is computed: as 0.01·x·x, from left to right, the slopes come out as {turned}, which "
        "{same} the published digits.",
        "与书中数值只有末尾几位不同，相差 {most:.0e}。这取决于 x² 的算法："
        "若从左到右计算 0.01·x·x，斜率为 {turned}，与书中各位数字{same}。",
    ).format(
        most=max(abs(s - p) for s, p in zip(slopes, PUBLISHED, strict=True)),
        turned=listed([repr(each) for each in turned]),
        same=Text("are", "完全相同") if same else Text("are not", "也不相同"),
    )


def draw(
    slopes: list[float], central: list[float], one_sided: list[float], language: Language
) -> Figure:
    """The curve with both tangents; beside it, the errors against the step."""
    with pictures.sheet(7.6, 3.3, 1, 2) as (figure, axes):
        draw_tangents(axes[0, 0], slopes, language)
        draw_errors(axes[0, 1], central, one_sided, language)
    return figure


def draw_tangents(ax: Axes, slopes: list[float], language: Language) -> None:
    """The curve, and a line of the slope found through each point."""
    x = np.linspace(0, 20, 201)
    ax.plot(x, f(x), color=INK, linewidth=1.6, label="f(x)")  # type: ignore[arg-type]
    for at, slope_there, look in zip(POINTS, slopes, LOOKS, strict=False):
        ax.plot(
            x,
            f(at) + slope_there * (x - at),
            color=look.colour,
            marker=look.marker,
            markersize=look.size + 1,
            markevery=[int(at * 10)],
            label=Text("tangent at x = {x:g}", "x = {x:g} 处的切线").format(x=at)[language],
        )
    ax.set(xlim=(0, 20), ylim=(-1.2, 6), xticks=range(0, 21, 5))
    pictures.title(ax, "f(x) = 0.01x² + 0.1x", language, Text("h = 1e-4", "h = 1e-4"))
    pictures.label(ax, language, "x", "f(x)")
    pictures.legend(ax, loc="upper left")


def draw_errors(ax: Axes, central: list[float], one_sided: list[float], language: Language) -> None:
    """How far the slope at the last point is off, with each step, both ways."""
    for name, errors, look in ((ONE_SIDED, one_sided, LOOKS[2]), (CENTRAL, central, LOOKS[4])):
        ax.loglog(
            STEPS,
            [error or np.nan for error in errors],
            color=look.colour,
            marker=look.marker,
            markersize=look.size - 1,
            linewidth=1.2,
            label=name[language],
        )
    ax.set(ylim=(1e-18, 1), xticks=[1e-12, 1e-9, 1e-6, 1e-3, 1], yticks=[1e-16, 1e-12, 1e-8, 1e-4])
    how = Text("at x = {x:g}", "x = {x:g} 处").format(x=POINTS[-1])
    pictures.title(ax, Text("Error of the slope", "斜率的误差"), language, how)
    pictures.label(ax, language, Text("step h", "步长 h"))
    pictures.legend(ax, loc="lower left")


EXPERIMENT = Experiment(
    name="derivative",
    title=Text("A slope by differences", "用差分求斜率"),
    line=Text("the slope of 0.01x² + 0.1x at two points", "0.01x² + 0.1x 在两点处的斜率"),
    idea=Text(
        "A derivative says how fast a function changes. A computer can take it from two nearby "
        "values. Taking them on both sides of the point, and not on one, makes the error shrink "
        "with the square of the step.",
        "导数表示函数变化的快慢。计算机可以用两个相邻点的函数值来近似它。"
        "取点的左右两侧（而不是只取一侧），误差便随步长的平方缩小。",
    ),
    formula=(r"\frac{df}{dx}\approx\frac{f(x+h)-f(x-h)}{2h}",),
    code=slope,
    run=run,
    seeds=1,
    uses="nothing",
)
