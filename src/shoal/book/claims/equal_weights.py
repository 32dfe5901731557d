"""Do units that start equal stay equal, and what makes them differ?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values, percent
from shoal.book.claims.weigh import Part, joined, told, weigh
from shoal.book.experiment import Setting
from shoal.book.text import Text

PERCENT = Text("%", "%")
STAY = Text("All units of a layer stay equal", "一层的所有单元保持相同")
VARIED = Text("whether there is dropout", "是否使用 Dropout")
ROUNDING = 1e-4
CONDITIONS = {
    "ReLU, all 0": Text("ReLU from 0", "ReLU，从 0 开始"),
    "ReLU, all 0.01": Text("ReLU from 0.01", "ReLU，从 0.01 开始"),
    "sigmoid, all 0": Text("sigmoid from 0", "sigmoid，从 0 开始"),
    "sigmoid, all 0.5": Text("sigmoid from 0.5", "sigmoid，从 0.5 开始"),
    "batch norm": Text("batch norm, ReLU from 0.01", "批归一化，ReLU，从 0.01 开始"),
    "weight decay": Text("weight decay, ReLU from 0.01", "权重衰减，ReLU，从 0.01 开始"),
    "dropout": Text("dropout 0.2, ReLU from 0.01", "Dropout 0.2，ReLU，从 0.01 开始"),
}


def equal_starts() -> dict[str, shoal.Recipe]:
    """Networks whose first weights are all equal."""
    relu, small = shoal.mlp([50, 50]), shoal.Equal(0.01)
    sigmoid = shoal.mlp([50, 50], activation="sigmoid")
    normed = shoal.mlp([50, 50], batch_norm=True)
    dropped = shoal.mlp([50, 50], dropout=0.2)
    rule = shoal.SGD(lr=0.1)
    return {
        "ReLU, all 0": shoal.Recipe(relu, rule, init=shoal.Equal(0.0)),
        "ReLU, all 0.01": shoal.Recipe(relu, rule, init=small),
        "sigmoid, all 0": shoal.Recipe(sigmoid, rule, init=shoal.Equal(0.0)),
        "sigmoid, all 0.5": shoal.Recipe(sigmoid, rule, init=shoal.Equal(0.5)),
        "batch norm": shoal.Recipe(normed, rule, init=small),
        "weight decay": shoal.Recipe(relu, rule, init=small, weight_decay=0.001),
        "dropout": shoal.Recipe(dropped, rule, init=small),
    }


def study(setting: Setting) -> Judged:
    """How far the units of a hidden layer are apart after training."""
    data = setting.load(valid=0)
    data = data.take(min(1000, len(data.train)))
    epochs = setting.work(50, 20)
    done = shoal.compare(
        {**equal_starts(), "He": shoal.Recipe(shoal.mlp([50, 50]), shoal.SGD(lr=0.1), init="he")},
        data,
        epochs=epochs,
        seeds=setting.seeds,
        evaluate_every=10**6,
        instruments=False,
    )
    apart = {
        name: np.array([_apart(done.shoal.weights(i)) for i in done.members(name)])
        for name in CONDITIONS
    }
    findings = weigh(
        [
            Part(
                STAY,
                condition,
                VARIED,
                apart[name],
                np.zeros(setting.seeds),
                0.01,
                PERCENT,
                100.0,
                kind="same",
            )
            for name, condition in CONDITIONS.items()
        ]
    )
    train = done.values("train_accuracy")
    sentences = [
        told(findings),
        Text(
            "Largest difference after {epochs} epochs as a share of the largest weight, over all "
            "seeds: {shares}.",
            "{epochs} 轮后最大差异占最大权重的比例（所有随机种子）：{shares}。",
        ).format(
            epochs=epochs,
            shares=_listing(
                [
                    Text(f"{c.en}: {_share(apart[n])}", f"{c.zh}：{_share(apart[n])}")
                    for n, c in CONDITIONS.items()
                ]
            ),
        ),
    ]
    if any(0 < found.max() < ROUNDING for found in apart.values()):
        sentences.append(
            Text(
                "0 means equal to the last bit; what is smaller than {limit:g} is rounding, for a "
                "matrix product may add in another order for another column.",
                "0 表示逐位相同；小于 {limit:g} 的是舍入误差，"
                "因为矩阵乘法对不同的列可能按不同的顺序求和。",
            ).format(limit=ROUNDING)
        )
    sentences.append(
        Text(
            "What it costs, in training accuracy: {accuracies}; random ones, with He's init: "
            "{he}. A layer whose "
            "units are equal can say no more than one unit.",
            "代价（训练准确率）：{accuracies}；采用 He 初始值的随机权重为 {he}。"
            "单元全部相同的一层，表达能力不超过一个单元。",
        ).format(
            accuracies=_listing(
                [
                    Text(f"{c.en}: {percent(train[n])}", f"{c.zh}：{percent(train[n])}")
                    for n, c in CONDITIONS.items()
                ]
            ),
            he=percent(train["He"]),
        )
    )
    return Judged(
        findings,
        joined(sentences),
        numbers={"epochs": epochs, "apart": apart, "train_accuracy": train},
    )


def _apart(weights: list[dict[str, NDArray[np.float32]]]) -> float:
    """Largest difference of two units of a hidden layer, as a share of its largest weight."""
    hidden = [layer["W"] for layer in weights if "W" in layer][:-1]
    shares = []
    for w in hidden:
        largest = float(np.abs(w).max())
        shares.append(float(np.ptp(w, axis=-1).max()) / largest if largest else 0.0)
    return max(shares)


def _listing(texts: list[Text]) -> Text:
    """A list whose entries have commas of their own."""
    return Text("; ".join(text.en for text in texts), "；".join(text.zh for text in texts))


def _share(apart: Values) -> str:
    """The largest of all seeds.

    >>> _share(np.array([0.0, 0.0])), _share(np.array([1e-7, 0.0]))
    ('0', '1e-07')
    """
    return f"{apart.max():.1g}"


CLAIM = Claim(
    name="equal-weights",
    number=3,
    statement=Text(
        "Equal initial weights make all units of a layer stay equal.",
        "相同的初始权重使一层的所有单元始终保持相同。",
    ),
    question=Text(
        "Two hidden layers of 50 units, SGD 0.1, 1000 images, 50 epochs, from first weights that "
        "are all equal. Measured is the largest difference of two units of a hidden layer, as a "
        "share of its largest weight: 0 means equal to the last bit, and more than 1 % refutes. "
        "Varied is whatever might tell units apart: the activation, the value, batch norm, weight "
        "decay, dropout.",
        "两个各含 50 个单元的隐藏层，SGD 0.1，1000 张图像，50 轮，初始权重全部相同。"
        "测量隐藏层中两个单元的最大差异占该层最大权重的比例：0 表示逐位相同，超过 1 % 即推翻论断。"
        "所改变的是可能使单元产生差异的各种因素：激活函数、取值、批归一化、权重衰减、Dropout。",
    ),
    code=equal_starts,
    study=study,
)
