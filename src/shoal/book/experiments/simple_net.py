"""The smallest network: one product, softmax, cross-entropy, and its gradient in two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table
from shoal.book.text import Language, Text
from shoal.plot.style import INK, LOOKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

X = np.array([[0.6, 0.9]])
TARGET = np.array([[0.0, 0.0, 1.0]])
LAYER, LOSS = shoal.Affine(3), shoal.SoftmaxCrossEntropy(targets="probabilities")
BOOKS_W = np.array([[0.47355232, 0.9977393, 0.84668094], [0.85557411, 0.03563661, 0.69422093]])
"""The weights of the textbook's example, which came out of a generator without a seed."""

BOOKS_LOSS = 0.9280685366341133
BOOKS_DW = ((0.21924763, 0.14356247, -0.36281009), (0.32887144, 0.2153437, -0.54421514))


@dataclass(frozen=True)
class Passed:
    """One pass forward and back: scores, probabilities and their loss, and dW in two ways."""

    scores: NDArray[np.float64]
    p: NDArray[np.float64]
    loss: float
    backprop: NDArray[np.float64]
    differences: NDArray[np.float64]


def forward_and_back(weights: NDArray[np.float64]) -> Passed:
    """Scores x W, their loss, and its gradient dW, by backpropagation and by differences."""

    def loss_of(w: NDArray[np.float64]) -> float:
        return float(LOSS.forward(X @ w, TARGET)[0])

    params = {"W": weights, "b": np.zeros(3)}
    z, cache = LAYER.forward(params, X)
    loss, of_loss = LOSS.forward(z, TARGET)
    dz = LOSS.backward(of_loss)  # p - t
    _, grads = LAYER.backward(params, cache, dz)
    differences = shoal.numerical_gradient(loss_of, weights)
    return Passed(z[0], (dz + TARGET)[0], float(loss), grads["W"], differences)


def run(setting: Setting) -> Findings:
    """The textbook's weights, then others drawn with each seed."""
    drawn = [np.random.default_rng(s).standard_normal((2, 3)) for s in range(setting.seeds)]
    book, *others = passed = [forward_and_back(w) for w in (BOOKS_W, *drawn)]
    apart = max(float(np.abs(p.backprop - p.differences).max()) for p in passed)
    row_sum = max(float(np.abs(p.backprop.sum(axis=1)).max()) for p in passed)
    losses = [p.loss for p in others]
    numbers = {
        "weights": BOOKS_W,
        "scores": book.scores,
        "probabilities": book.p,
        "loss": book.loss,
        "backprop": book.backprop,
        "differences": book.differences,
        "largest_difference": apart,
        "largest_row_sum": row_sum,
        "losses_of_seeds": losses,
    }
    return Findings(
        numbers=numbers,
        caption=Text(
            "With the book's weights the right class, 2, gets a probability of {right:.3f}, so the "
            "loss is -log {right:.3f} = {loss:.4f}. In each row of "
            "dW the wrong classes have a positive sign and the right one a negative: a step "
            "against it lowers the former and raises the latter, by as much in sum. With these "
            "weights and {n} drawn at random (losses {low:.2f} to {high:.2f}) no row of dW sums to "
            "more than {row_sum:.0e}, and the two gradients differ by {apart:.0e} at most. "
            "Agreement shows that the gradient is right, not that the network is any good.",
            "用书中的权重，正确的类别 2 得到的概率是 {right:.3f}，"
            "所以损失为 -log {right:.3f} = {loss:.4f}。dW 的每一行里，错误类别为正，正确类别为负："
            "逆着它走一步，前者下降、后者上升，总量相等。用这组权重和随机抽取的 {n} 组权重"
            "（损失 {low:.2f} 到 {high:.2f}），dW 任何一行之和都不超过 {row_sum:.0e}，"
            "两种梯度最多相差 {apart:.0e}。两者一致只说明梯度算得对，并不说明网络学得好。",
        ).format(
            right=book.p[2],
            loss=book.loss,
            n=len(others),
            low=min(losses),
            high=max(losses),
            row_sum=row_sum,
            apart=apart,
        ),
        pictures={"": lambda language: draw(book, language)},
        table=Table(
            (Text("class", "类别"), "0", "1", "2", Text("sum", "总和")),
            [
                row(Text("scores", "得分"), book.scores, total=False),
                row(Text("probabilities", "概率"), book.p),
                *(
                    row(
                        Text("dW, row {i}, {way}", "dW 第 {i} 行（{way}）").format(i=i, way=way),
                        dw[i],
                    )
                    for dw, way in (
                        (book.backprop, Text("backprop", "反向传播")),
                        (book.differences, Text("differences", "数值微分")),
                    )
                    for i in range(2)
                ),
            ],
        ),
        published=[
            Published(
                Text("loss with the book's W", "取书中 W 时的损失"),
                repr(BOOKS_LOSS),
                repr(book.loss),
                abs(book.loss - BOOKS_LOSS) < 1e-7,
            ),
            Published(
                Text("dW with the book's W, row 0", "取书中 W 时 dW 的第 0 行"),
                written(BOOKS_DW[0]),
                written(book.backprop[0]),
                bool(np.abs(book.backprop[0] - BOOKS_DW[0]).max() < 1e-7),
            ),
            Published(
                Text("dW with the book's W, row 1", "取书中 W 时 dW 的第 1 行"),
                written(BOOKS_DW[1]),
                written(book.backprop[1]),
                bool(np.abs(book.backprop[1] - BOOKS_DW[1]).max() < 1e-7),
            ),
            Published(
                Text("sum of a row of dW", "dW 每行之和"), "0", f"{row_sum:.0e}", row_sum < 1e-12
            ),
        ],
    )


def row(what: Text, values: NDArray[np.float64], total: bool = True) -> tuple[Text | str, ...]:
    """A line of the table: three numbers, and their sum."""
    in_all = f"{round(float(values.sum()), 12) + 0.0:.4f}" if total else ""
    return (what, *(f"{value:.4f}" for value in values), in_all)


def written(values: Sequence[float] | NDArray[np.float64]) -> str:
    """Numbers as the textbook prints them.

    >>> written([0.5, -0.25])
    '0.50000000, −0.25000000'
    """
    return ", ".join(f"{value:.8f}" for value in values).replace("-", "−")


def draw(book: Passed, language: Language) -> Figure:
    """Probabilities beside the target, and the gradient as coloured cells."""
    with pictures.sheet(7.6, 2.9, 1, 2) as (figure, axes):
        draw_probabilities(axes[0, 0], book.p, language)
        draw_gradient(axes[0, 1], book.backprop, language)
    return figure


def draw_probabilities(ax: Axes, p: NDArray[np.float64], language: Language) -> None:
    """What is predicted and what is right; the difference of both is the gradient."""
    for shift, values, name, look in (
        (-0.19, p, Text("predicted", "预测"), LOOKS[3]),
        (0.19, TARGET[0], Text("target", "目标"), LOOKS[1]),
    ):
        bars = ax.bar(np.arange(3) + shift, values, 0.36, color=look.colour, label=name[language])
        ax.bar_label(bars, [f"{v:.3g}" for v in values], padding=2, fontsize=8.5)
    ax.grid(False, axis="x")
    ax.set(xticks=range(3), ylim=(0, 1.12), yticks=[0, 0.5, 1])
    pictures.title(ax, Text("Probabilities p and target t", "概率 p 与目标 t"), language)
    pictures.label(ax, language, Text("class", "类别"))
    pictures.legend(ax, loc="upper left")


def draw_gradient(ax: Axes, dw: NDArray[np.float64], language: Language) -> None:
    """Rows belong to inputs, columns to classes; blue lowers a score, red raises it."""
    size = float(np.abs(dw).max())
    ax.imshow(dw, cmap="RdBu", vmin=-2 * size, vmax=2 * size, aspect="auto")
    ax.grid(False)
    for (i, j), value in np.ndenumerate(dw):
        ax.text(j, i, f"{value:+.4f}".replace("-", "−"), ha="center", va="center", color=INK)
    ax.set(
        xticks=range(3), yticks=range(2), yticklabels=[f"x{'₀₁'[i]} = {X[0, i]:g}" for i in (0, 1)]
    )
    for side in ax.spines.values():
        side.set_visible(False)
    pictures.title(ax, Text("Gradient dW = xᵀ(p − t)", "梯度 dW = xᵀ(p − t)"), language)
    pictures.label(ax, language, Text("class", "类别"))


EXPERIMENT = Experiment(
    name="simple-net",
    title=Text("The smallest network", "最小的网络"),
    line=Text(
        "six weights, softmax and cross-entropy: the loss and its gradient",
        "六个权重，softmax 与交叉熵：损失及其梯度",
    ),
    idea=Text(
        "The scores of a network become probabilities by softmax. The loss is small when the right "
        "class has nearly all of the probability. Its gradient is simple: what was predicted minus "
        "what is right, times the input. Both sum to 1 over the classes, so their difference sums "
        "to 0.",
        "网络的得分经 softmax 变成概率。正确类别的概率越接近 1，损失越小。"
        "损失的梯度很简单：预测值减去正确值，再乘以输入。"
        "两者对各类别之和都是 1，所以差的总和是 0。",
    ),
    formula=(
        r"L=-\log p_t,\quad p=\mathrm{softmax}(xW)",
        r"\frac{\partial L}{\partial W}=x^{\mathrm{T}}(p-t)",
    ),
    code=forward_and_back,
    run=run,
    uses="nothing",
)
