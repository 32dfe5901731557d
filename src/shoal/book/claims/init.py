"""Which first weights for which activation: is 0.01 hopeless, and do He and "Xavier" suit theirs?

"Xavier" here is the book's 1/√n, which Shoal calls "lecun".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

import shoal
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values
from shoal.book.claims.weigh import AT_EDGE, Part, joined, loss_part, told, weigh
from shoal.book.experiment import Setting
from shoal.book.text import Text, listed

RATES = {"relu": 0.01, "tanh": 0.01, "sigmoid": 1.0}
GRIDS = {
    "relu": (0.1, 0.3, 1.0),
    "tanh": (0.1, 0.3, 1.0),
    "sigmoid": (1.0, 3.0, 10.0),
}
NAMES = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}
INITS: dict[str, str | float] = {"0.01": 0.01, "Xavier": "lecun", "He": "he"}

STUCK = Text("Std 0.01 does not learn", "标准差 0.01 学不动")
HE = Text("He beats “Xavier” for ReLU", "对 ReLU，He 优于“Xavier”")
BEATS = Text("“Xavier” beats std 0.01", "“Xavier”优于标准差 0.01")
SUITS = Text("“Xavier” beats He", "“Xavier”优于 He")
NETWORK = Text("the network and its optimizer", "网络与优化器")
ACTIVATION = Text("the activation and the learning rate", "激活函数与学习率")
TUNING = Text("the learning rate", "学习率")


def recipes(inits: Mapping[str, str | float]) -> dict[str, shoal.Recipe]:
    """Every activation with every init, at a learning rate with which it can learn."""
    return {
        f"{activation} {name}": shoal.Recipe(
            shoal.mlp([100] * 4, activation=activation), shoal.SGD(lr=lr), init=init
        )
        for activation, lr in RATES.items()
        for name, init in inits.items()
    }


def small_ones() -> dict[str, shoal.Recipe]:
    """Standard deviation 0.01, where it is said to be hopeless, and elsewhere."""
    deep, shallow = shoal.mlp([100] * 4), shoal.mlp([100])
    return {
        "shallow": shoal.Recipe(shallow, shoal.SGD(lr=0.01), init=0.01),
        "Adam": shoal.Recipe(deep, shoal.Adam(lr=0.001), init=0.01),
    }


def study(setting: Setting) -> Judged:
    """The same networks from several inits, at given and at tuned learning rates."""
    data = setting.load()
    steps, seeds = setting.work(2000, 60), setting.seeds
    compare = partial(
        shoal.compare, data=data, seeds=seeds, metric="loss", evaluate_every=99, instruments=False
    )
    given = compare(recipes(INITS) | small_ones(), steps=steps)
    longer = compare({"long": recipes(INITS)["relu 0.01"]}, steps=4 * steps)
    long = longer.values("loss")["long"]
    two = recipes({name: INITS[name] for name in ("Xavier", "He")})
    tune = {arm: {"optimizer.lr": GRIDS[arm.split()[0]][:: setting.work(1, 2)]} for arm in two}
    tuned = compare(two, steps=steps // 2, tune=tune, tune_seeds=1)
    loss, best = given.values("loss"), tuned.values("loss")
    start = np.full(seeds, np.log(10))  # the loss of a network that gives every class the same

    def stuck(ends: Values, condition: Text) -> Part:
        return Part(STUCK, condition, NETWORK, start, ends, 0.1 * np.log(10), kind="same")

    fixed = Text("lr {lr:g}", "学习率 {lr:g}")
    each = Text("each at its best lr", "各用最佳学习率")
    parts = [
        stuck(
            loss["relu 0.01"],
            Text("4 layers, SGD 0.01, {n:,} steps", "4 层，SGD 0.01，{n:,} 步").format(n=steps),
        ),
        stuck(
            long,
            Text("4 layers, SGD 0.01, {n:,} steps", "4 层，SGD 0.01，{n:,} 步").format(n=4 * steps),
        ),
        stuck(
            loss["shallow"],
            Text("1 layer, SGD 0.01, {n:,} steps", "1 层，SGD 0.01，{n:,} 步").format(n=steps),
        ),
        stuck(
            loss["Adam"],
            Text("4 layers, Adam 0.001, {n:,} steps", "4 层，Adam 0.001，{n:,} 步").format(n=steps),
        ),
        loss_part(HE, fixed.format(lr=0.01), TUNING, loss["relu He"], loss["relu Xavier"]),
        loss_part(HE, each, TUNING, best["relu He"], best["relu Xavier"]),
    ]
    for activation in ("sigmoid", "tanh"):
        name = Text(NAMES[activation] + ", ", NAMES[activation] + "，")
        at = fixed.format(lr=RATES[activation])
        xavier, he, small = (f"{activation} {init}" for init in ("Xavier", "He", "0.01"))
        parts += [
            loss_part(BEATS, _both(name, at), ACTIVATION, loss[xavier], loss[small]),
            loss_part(SUITS, _both(name, at), ACTIVATION, loss[xavier], loss[he]),
            loss_part(SUITS, _both(name, each), ACTIVATION, best[xavier], best[he]),
        ]
    findings = weigh(parts)
    rates = {arm: float(tuned.recipes[arm].to_dict()["optimizer"]["lr"]) for arm in two}
    sentences = [
        told(findings),
        Text(
            "A network that knows nothing has a loss of 2.303. From std 0.01 four layers are at "
            "{short:.3f} after {n:,} steps of SGD 0.01 and at {long:.3f} after {m:,}; with one "
            "hidden layer at {shallow:.2f}, and with Adam at {adam:.2f}.",
            "一无所知的网络损失为 2.303。从标准差 0.01 出发，四层网络用 SGD 0.01 在 {n:,} 步后为 "
            "{short:.3f}，{m:,} 步后为 {long:.3f}；只有一个隐藏层时为 {shallow:.2f}，"
            "使用 Adam 时为 {adam:.2f}。",
        ).format(
            n=steps,
            m=4 * steps,
            short=loss["relu 0.01"].mean(),
            long=long.mean(),
            shallow=loss["shallow"].mean(),
            adam=loss["Adam"].mean(),
        ),
    ]
    for activation, called in NAMES.items():
        sentences.append(
            Text(
                "{name}: Xavier {x:.3g} and He {h:.3g} at lr {lr:g}; Xavier {bx:.3g} (lr {rx:g}) "
                "and He {bh:.3g} (lr {rh:g}) each at its best, after {n:,} steps.",
                "{name}：学习率 {lr:g} 时 Xavier 为 {x:.3g}，He 为 {h:.3g}；"
                "各用最佳学习率、{n:,} 步后 Xavier 为 {bx:.3g}（学习率 {rx:g}），He 为 "
                "{bh:.3g}（学习率 {rh:g}）。",
            ).format(
                name=called,
                lr=RATES[activation],
                x=loss[f"{activation} Xavier"].mean(),
                h=loss[f"{activation} He"].mean(),
                bx=np.nanmean(best[f"{activation} Xavier"]),
                bh=np.nanmean(best[f"{activation} He"]),
                rx=rates[f"{activation} Xavier"],
                rh=rates[f"{activation} He"],
                n=steps // 2,
            )
        )
    edges = [arm.arm for arm in tuned.tuning.arms if arm.edges] if tuned.tuning else []
    if edges:
        sentences.append(AT_EDGE.format(names=listed(edges)))
    if setting.comparable:
        sentences.append(
            Text(
                "The book's single run had 0.38 with Xavier and 0.29 with He at step 1900; our "
                "seeds lie from {a:.2f} to {b:.2f} and from {c:.2f} to {d:.2f} at step {n:,}, "
                "averaged over 100 batches.",
                "书中的单次运行在第 1900 步为 Xavier 0.38、He 0.29；"
                "我们的各种子在第 {n:,} 步（100 个小批量的平均）"
                "分别在 {a:.2f} 到 {b:.2f} 和 {c:.2f} 到 {d:.2f} 之间。",
            ).format(
                a=loss["relu Xavier"].min(),
                b=loss["relu Xavier"].max(),
                c=loss["relu He"].min(),
                d=loss["relu He"].max(),
                n=steps,
            )
        )
    return Judged(
        findings,
        joined(sentences),
        numbers={
            "steps": steps,
            "loss": loss | {"relu 0.01, long": long},
            "loss_tuned": best,
            "learning_rates_tuned": rates,
        },
    )


def _both(first: Text, second: Text) -> Text:
    return Text(first.en + second.en, first.zh + second.zh)


CLAIM = Claim(
    name="init",
    number=2,
    statement=Text(
        "First weights of standard deviation 0.01 cannot learn in 2000 steps; He's beat “Xavier” "
        "for ReLU; Xavier suits sigmoid and tanh.",
        "标准差 0.01 的初始权重在 2000 步内学不动；对 ReLU，He 优于“Xavier”；"
        "Xavier 适合 sigmoid 和 tanh。",
    ),
    question=Text(
        "Four hidden layers of 100 units, SGD, batches of 128; the book's “Xavier” is 1/√n. "
        "Not learning: the loss ends within a tenth of log 10, where a network that knows nothing "
        "stands; also with four times the steps, with one hidden layer and with Adam. He and "
        "Xavier are compared by the training loss after 2000 steps at lr 0.01 (sigmoid: 1, for at "
        "0.01 no init learns), and after 1000 with the best of three learning rates for each.",
        "四个各含 100 个单元的隐藏层，SGD，批大小 128；书中的“Xavier”为 1/√n。学不动："
        "结束时的损失与 log 10（一无所知的网络的损失）之差不到其十分之一；另用四倍步数、"
        "单个隐藏层和 Adam 检验。He 与 Xavier 按训练损失比较：学习率 0.01（sigmoid 为 1，"
        "因为 0.01 时任何初始值都学不动）下 2000 步后，以及各用三个学习率中最佳者 1000 步后。",
    ),
    code=recipes,
    study=study,
)
