"""Which way is down: the negative gradient at every point of a grid, for two bowls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Setting, Table
from shoal.book.text import Language, Text
from shoal.plot.style import INK, LOOKS, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXIS = np.arange(-2, 2.5, 0.25)
"""From -2 to 2.25."""
BOWLS = {"round": (1.0, 1.0), "long": (1 / 20, 1.0)}
"""f = a x₀² + b x₁², whose gradient is (2a x₀, 2b x₁)."""
NAMES = {
    "round": (Text("Round bowl", "圆碗"), "x₀² + x₁²"),
    "long": (Text("Long bowl", "长碗"), "x₀²/20 + x₁²"),
}


def field(points: NDArray[np.float64], bowl: tuple[float, float]) -> NDArray[np.float64]:
    """The negative gradient of a bowl at each point, by central differences."""
    return np.array(
        [-shoal.numerical_gradient(lambda x: np.dot(bowl, x**2), point) for point in points]
    )


def run(setting: Setting) -> Findings:
    """Both fields: their errors, and how far their arrows point past the minimum."""
    points = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)
    arrows = {name: field(points, bowl) for name, bowl in BOWLS.items()}
    numbers: dict[str, Any] = {"points": len(points)}
    for name, bowl in BOWLS.items():
        exact = -2 * np.array(bowl) * points
        lengths, off = np.linalg.norm(arrows[name], axis=1), degrees_off(points, arrows[name])
        numbers[name] = {
            "error": float(np.abs(arrows[name] - exact).max()),
            "longest": float(lengths.max()),
            "longest_at": points[lengths.argmax()],
            "shortest": float(lengths.min()),
            "shortest_at": points[lengths.argmin()],
            "degrees_off_mean": float(np.nanmean(off)),
            "degrees_off_most": float(np.nanmax(off)),
        }
    of_round, of_long = numbers["round"], numbers["long"]
    return Findings(
        numbers=numbers,
        caption=Text(
            "The differences are right to {error:.0e}. In the round bowl the arrows point at the "
            "minimum (off by {round_off:.4f}° at most) and are the longer the farther away it is, "
            "up to {longest:.2f} at ({x:g}, {y:g}). In the long bowl they still say where f falls "
            "fastest, but that is {mean:.0f}° away from the minimum on average over the "
            "{points} points, and up to {most:.0f}°. So the direction of steepest descent is not "
            "the direction of the minimum.",
            "差分的误差不超过 {error:.0e}。在圆碗里，箭头指向最低点（最多偏 {round_off:.4f}°），"
            "离得越远箭头越长，在 ({x:g}, {y:g}) 处达到 {longest:.2f}。在长碗里，"
            "箭头仍然指出 f 下降最快的方向，但在 {points} 个点上平均偏离最低点的方向 {mean:.0f}°，"
            "最多偏 {most:.0f}°。可见下降最快的方向并不就是最低点的方向。",
        ).format(
            error=max(of_round["error"], of_long["error"]),
            round_off=of_round["degrees_off_most"],
            longest=of_round["longest"],
            x=of_round["longest_at"][0],
            y=of_round["longest_at"][1],
            mean=of_long["degrees_off_mean"],
            most=of_long["degrees_off_most"],
            points=len(points) - 1,
        ),
        pictures={"": lambda language: draw(points, arrows, language)},
        table=Table(
            (
                "f",
                Text("longest arrow", "最长箭头"),
                Text("off the minimum, mean", "偏离最低点（平均）"),
                Text("most", "最大"),
                Text("error", "差分误差"),
            ),
            [
                (
                    formula,
                    f"{numbers[name]['longest']:.3f}",
                    f"{numbers[name]['degrees_off_mean']:.1f}°",
                    f"{numbers[name]['degrees_off_most']:.1f}°",
                    f"{numbers[name]['error']:.0e}",
                )
                for name, (_, formula) in NAMES.items()
            ],
        ),
    )


def degrees_off(points: NDArray[np.float64], arrows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The angle between each arrow and the way to the minimum at 0; NaN at the minimum itself.

    >>> degrees_off(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[-2.0, 0.0], [-1.0, 0.0]]))
    array([ 0., 45.])
    """
    at_minimum = ~points.any(axis=1)
    across = points[:, 0] * arrows[:, 1] - points[:, 1] * arrows[:, 0]
    along = -(points * arrows).sum(axis=1)
    angles: NDArray[np.float64] = np.degrees(np.abs(np.arctan2(across, along)))
    return np.where(at_minimum, np.nan, angles)


def draw(
    points: NDArray[np.float64], arrows: dict[str, NDArray[np.float64]], language: Language
) -> Figure:
    """The negative gradient as arrows, over lines of equal height."""
    with pictures.sheet(7.6, 4.0, 1, 2, sharey=True) as (figure, axes):
        for ax, name, look in zip(axes[0], arrows, LOOKS, strict=False):
            draw_field(ax, points, arrows[name], name, look.colour, language)
        pictures.label(axes[0, 0], language, y="x₁")
    return figure


def draw_field(
    ax: Axes,
    points: NDArray[np.float64],
    arrows: NDArray[np.float64],
    name: str,
    colour: str,
    language: Language,
) -> None:
    """One bowl; arrows of both have the same scale: a shorter one is a gentler slope."""
    fine = np.linspace(-2.3, 2.5, 121)
    a, b = BOWLS[name]
    height = a * fine[None, :] ** 2 + b * fine[:, None] ** 2
    ax.grid(False)
    ax.contour(fine, fine, height, levels=np.array([0.1, 0.5, 1, 2, 3.5, 5.5, 8]), colors=RULE,
               linewidths=0.9)  # fmt: skip
    ax.quiver(*points.T, *arrows.T, color=colour, angles="xy", scale=56, scale_units="width",
              width=0.0042)  # fmt: skip
    ax.plot([0], [0], "+", color=INK, markersize=9, markeredgewidth=1.6)
    ax.set(xlim=(-2.3, 2.5), ylim=(-2.3, 2.5), aspect="equal")
    what, formula = NAMES[name]
    pictures.title(ax, what, language, f"−∇f, f = {formula}")
    pictures.label(ax, language, "x₀")


EXPERIMENT = Experiment(
    name="gradient-field",
    title=Text("The field of gradients", "梯度场"),
    line=Text(
        "arrows downhill on x₀² + x₁², and on a longer bowl", "x₀² + x₁² 及一个更长的碗上的下坡箭头"
    ),
    idea=Text(
        "The gradient collects the slopes in all directions of the axes. It points where the "
        "function rises fastest, so its negative points downhill, and its length says how steep "
        "it is there. It knows the ground at this point only, not where the valley ends.",
        "梯度把沿各坐标轴的斜率合在一起。它指向函数上升最快的方向，所以取负就是下坡最陡的方向，"
        "长度表示那里有多陡。它只知道脚下这一点的情况，并不知道谷底在哪里。",
    ),
    formula=(
        r"\nabla f=\left(\frac{\partial f}{\partial x_0},\ \frac{\partial f}{\partial x_1}\right)",
    ),
    code=field,
    run=run,
    seeds=1,
    uses="nothing",
)
