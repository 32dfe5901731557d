"""Softmax with two classes is logistic regression: in one formula, on one path, at one optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

Array = NDArray[Any]

CLASSES = (3, 5)
DECAY = 0.1
MOMENTUM = 0.95
LAYER, LOSS = shoal.Affine(2), shoal.SoftmaxCrossEntropy()
ROUNDING = 1e-12
WHAT = {
    "probability": Text("probability", "概率"),
    "loss": Text("loss", "损失"),
    "gradient": Text("gradient", "梯度"),
    "path": Text("weights after {n} equal steps", "相同的 {n} 步之后的权重"),
}


def train(x: Array, y: Array, rule: Any, steps: int) -> tuple[dict[str, Array], list[float]]:
    """Softmax with two outputs on all rows at once; its weights, and the objective at each step."""
    params = {"W": np.zeros((x.shape[1], 2)), "b": np.zeros(2)}
    slots: dict[str, Any] = {"W": None, "b": None}
    objective = []
    for t in range(1, steps + 1):
        z, cache = LAYER.forward(params, x)
        loss, of_loss = LOSS.forward(z, y)
        _, g = LAYER.backward(params, cache, LOSS.backward(of_loss), need_dx=False)
        objective.append(float(loss + DECAY / 2 * (params["W"] ** 2).sum()))
        g["W"] = g["W"] + DECAY * params["W"]
        for name in params:
            params[name], slots[name] = rule.step(params[name], g[name], slots[name], t)
    return params, objective


def run(setting: Setting) -> Findings:
    """Equal in formula, on the path and at the end, on rows drawn with each seed."""
    data = setting.load()
    steps, few = setting.work(800, 150), setting.work(100, 20)
    results = [one(data, seed, setting.work(600, 100), steps, few) for seed in range(setting.seeds)]
    keys = [key for key in results[0] if key not in ("excess", "seen")]
    numbers: dict[str, Any] = {key: [result[key] for result in results] for key in keys}
    numbers |= {"steps": steps, "equal_steps": few, "excess": [r["excess"] for r in results]}
    worst = {key: max(numbers[key]) for key in keys}
    exactly = max(worst[key] for key in WHAT)
    return Findings(
        numbers=numbers,
        caption=Text(
            "Rows of {a} and {b}, {rows} of them with each of {seeds} seeds. At random weights the "
            "two agree to {formula:.0e} in probability, loss and gradient. On the way they agree "
            "too, to {path:.0e} after {few} steps of descent, if the logistic one takes twice the "
            "learning rate: softmax moves both columns, half of the difference each. After "
            "{steps} steps to the optimum with decay {decay}, the difference of softmax's columns "
            "is within {weights:.0e} of the weights that scikit-learn finds with C = 2/(λN), and "
            "{other} of {tests} predictions on test rows differ. The second column brings "
            "nothing: both stay opposite to {opposite:.0e}. With three classes or more the two "
            "are no longer the same.",
            "取数字 {a} 和 {b} 的图像，{seeds} 个随机种子各 {rows} 行。权重随机时，"
            "两者的概率、损失和梯度相差不超过 {formula:.0e}。训练途中也一样，"
            "下降 {few} 步之后只差 {path:.0e}，前提是逻辑回归的学习率加倍："
            "softmax 同时移动两列，每列各走差的一半。"
            "权重衰减取 {decay}，走 {steps} 步到达最优点后，"
            "softmax 两列之差与 scikit-learn 取 C = 2/(λN) 求得的权重相差不超过 {weights:.0e}，"
            "测试集的 {tests} 个预测中有 {other} 个不同。多出的一列并没有带来什么："
            "两列始终互为相反数，误差 {opposite:.0e}。类别有三个或更多时，两者就不再相同。",
        ).format(
            a=CLASSES[0],
            b=CLASSES[1],
            rows=numbers["rows"][0],
            seeds=setting.seeds,
            formula=max(worst[key] for key in ("probability", "loss", "gradient")),
            path=worst["path"],
            few=few,
            steps=steps,
            decay=DECAY,
            weights=worst["weights"],
            other=sum(numbers["other_predictions"]),
            tests=sum(numbers["test_rows"]),
            opposite=worst["opposite"],
        ),
        pictures={"": lambda language: draw(results, language)},
        table=Table(
            (Text("largest difference", "最大的差"), Text("over all seeds", "所有种子")),
            [
                *((what.format(n=few), f"{worst[key]:.0e}") for key, what in WHAT.items()),
                (
                    Text("weights, from scikit-learn's", "权重，与 scikit-learn 相比"),
                    f"{worst['weights']:.0e}",
                ),
                (
                    Text("largest weight there", "那里最大的权重"),
                    f"{worst['largest_weight']:.2g}",
                ),
                (
                    Text("objective above scikit-learn's", "目标函数高出 scikit-learn"),
                    f"{max(r['excess'][-1] for r in results):.0e}",
                ),
                (
                    Text("test accuracy, softmax", "测试准确率，softmax"),
                    f"{np.mean(numbers['accuracy']):.2%}",
                ),
                (
                    Text("test accuracy, scikit-learn", "测试准确率，scikit-learn"),
                    f"{np.mean(numbers['accuracy_of_scikit_learn']):.2%}",
                ),
            ],
        ),
        published=[
            Published(
                Text("softmax with K = 2 is logistic regression", "K = 2 的 softmax 即逻辑回归"),
                "=",
                f"≤ {exactly:.0e}",
                exactly < ROUNDING,
            )
        ],
    )


def one(data: shoal.Dataset, seed: int, rows: int, steps: int, few: int) -> dict[str, Any]:
    """All comparisons on the rows of one seed."""
    x, y = two_classes(data.train, rows, seed)
    tests, right = two_classes(data.test, len(data.test), seed)
    lr = 1 / smoothness(x)
    params, objective = train(x, y, shoal.Nesterov(lr=lr, momentum=MOMENTUM), steps)
    w, b, lowest = scikit_learn(x, y)
    z = LAYER.forward(params, tests)[0]
    score, theirs = z[:, 1] - z[:, 0], tests @ w + b
    return {
        "rows": len(x),
        **in_formula(x, y, seed),
        "path": on_the_way(x, y, lr, few),
        "weights": float(np.abs(params["W"][:, 1] - params["W"][:, 0] - w).max()),
        "largest_weight": float(np.abs(w).max()),
        "opposite": float(np.abs(params["W"].sum(axis=1)).max()),
        "test_rows": len(tests),
        "other_predictions": int(((score > 0) != (theirs > 0)).sum()),
        "accuracy": float(((score > 0) == right).mean()),
        "accuracy_of_scikit_learn": float(((theirs > 0) == right).mean()),
        "excess": np.array(objective) - lowest,
        "seen": (score, probabilities(z)),
    }


def two_classes(part: Any, rows: int, seed: int) -> tuple[Array, Array]:
    """At most so many rows of two classes, as float64, and 0 or 1 for each."""
    of_two = np.flatnonzero(np.isin(part.y, CLASSES))
    chosen = np.random.default_rng(seed).permutation(of_two)[:rows]
    x = part.inputs(chosen).reshape(len(chosen), -1).astype(np.float64)
    return x, (part.y[chosen] == CLASSES[1]).astype(np.int64)


def smoothness(x: Array) -> float:
    """How fast the gradient can change: half the largest eigenvalue of the inputs', plus decay.

    diag(p) - p pᵀ has no eigenvalue above 1/2; the bias is one more input that is always 1.
    """
    with_one = np.column_stack([x, np.ones(len(x))])
    return float(np.linalg.norm(with_one, 2) ** 2 / len(x) / 2 + DECAY)


def probabilities(z: Array) -> Array:
    """Softmax's probability of class 1, which is its gradient plus the target."""
    _, cache = LOSS.forward(z, np.ones(len(z), np.int64))
    p: Array = LOSS.backward(cache)[:, 1] * len(z) + 1
    return p


def in_formula(x: Array, y: Array, seed: int) -> dict[str, float]:
    """Largest differences at random weights; the logistic side in formulas of its own."""
    from scipy.special import expit

    rng = np.random.default_rng(seed)
    params = {"W": rng.standard_normal((x.shape[1], 2)) / 10, "b": rng.standard_normal(2)}
    z, cache = LAYER.forward(params, x)
    losses, _ = LOSS.per_row(z, y)
    _, of_loss = LOSS.forward(z, y)
    _, g = LAYER.backward(params, cache, LOSS.backward(of_loss))
    score = z[:, 1] - z[:, 0]
    logistic = x.T @ (expit(score) - y) / len(x)
    return {
        "probability": float(np.abs(probabilities(z) - expit(score)).max()),
        "loss": float(np.abs(losses - np.logaddexp(0, np.where(y == 1, -score, score))).max()),
        "gradient": float(np.abs(g["W"] - np.stack([-logistic, logistic], axis=1)).max()),
    }


def on_the_way(x: Array, y: Array, lr: float, steps: int) -> float:
    """How far softmax with lr and logistic regression with 2 lr are apart after some steps."""
    from scipy.special import expit

    params, _ = train(x, y, shoal.SGD(lr=lr), steps)
    w, b = np.zeros(x.shape[1]), 0.0
    for _ in range(steps):
        error = expit(x @ w + b) - y
        # λ/2 on two columns of half the size is λ/4 on their difference
        w, b = w - 2 * lr * (x.T @ error / len(x) + DECAY / 2 * w), b - 2 * lr * error.mean()
    return float(np.abs(params["W"][:, 1] - params["W"][:, 0] - w).max())


def scikit_learn(x: Array, y: Array) -> tuple[Array, float, float]:
    """Weights and bias that scikit-learn finds, and the value of our objective there."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=2 / (DECAY * len(x)), solver="newton-cholesky", tol=1e-10)
    model.fit(x, y)
    w, b = model.coef_[0], float(model.intercept_[0])
    score = np.where(y == 1, 1, -1) * (x @ w + b)
    return w, b, float(np.logaddexp(0, -score).mean() + DECAY / 4 * (w**2).sum())


def draw(results: list[dict[str, Any]], language: Language) -> Figure:
    """Probabilities on the logistic curve, and the way to scikit-learn's optimum."""
    with pictures.sheet(7.6, 3.3, 1, 2) as (figure, axes):
        score, p = results[0]["seen"]
        draw_curve(axes[0, 0], score, p, language)
        draw_excess(axes[0, 1], np.array([r["excess"] for r in results]), language)
    return figure


def draw_curve(ax: Axes, score: Array, p: Array, language: Language) -> None:
    """Test rows of the first seed: what softmax says, against the difference of its outputs."""
    reach = float(np.abs(score).max()) * 1.05
    fine = np.linspace(-reach, reach, 201)
    ax.plot(fine, 1 / (1 + np.exp(-fine)), color=INK, linewidth=1.2,
            label=Text("logistic curve", "逻辑曲线")[language])  # fmt: skip
    some = np.argsort(score)[:: max(1, len(score) // 40)]
    look = LOOKS[1]
    ax.plot(score[some], p[some], look.marker, color=look.colour, markersize=4,
            label=Text("softmax, test rows", "softmax，测试集各行")[language])  # fmt: skip
    ax.set(yticks=[0, 0.5, 1], xlim=(-reach, reach))
    what = Text("Probability of {b}", "数字 {b} 的概率").format(b=CLASSES[1])
    pictures.title(ax, what, language, "z = xW + b")
    pictures.label(ax, language, "z₁ − z₀")
    pictures.legend(ax, loc="upper left")


def draw_excess(ax: Axes, excess: Array, language: Language) -> None:
    """How far the objective is above the lowest, down to where only rounding is left."""
    from matplotlib.ticker import LogLocator

    above = np.where(excess > 1e-16, excess, np.nan)
    pictures.band(ax, np.arange(1, excess.shape[1] + 1), above, LOOKS[0])
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=6))
    what = Text("Objective above scikit-learn's", "目标函数高出 scikit-learn 多少")
    how = pictures.SEED_BAND.format(n=len(excess)) if len(excess) > 1 else ""
    pictures.title(ax, what, language, how)
    pictures.label(ax, language, pictures.STEP)


EXPERIMENT = Experiment(
    name="softmax-is-logistic",
    title=Text("Softmax with two classes", "两个类别的 softmax"),
    line=Text(
        "softmax with K = 2 against logistic regression: formula, path, optimum",
        "K = 2 的 softmax 与逻辑回归：公式、路径、最优点",
    ),
    idea=Text(
        "Softmax asks only by how much one score is above the others. With two classes that is one "
        "number, the difference of the scores, and its probability is the logistic curve. So the "
        "two models are one, with twice the weights and no more freedom.",
        "softmax 只看一个得分比其他得分高多少。只有两个类别时，这就是一个数：两个得分之差，"
        "对应的概率正是逻辑曲线。所以两个模型其实是一个，权重多了一倍，自由度却没有增加。",
    ),
    formula=(
        r"\frac{e^{z_1}}{e^{z_0}+e^{z_1}}=\frac{1}{1+e^{-(z_1-z_0)}}",
        r"\Delta(w_1-w_0)=-2\,\eta\,\nabla_{w}L",
    ),
    code=train,
    run=run,
    seeds=3,
)
