"""Does an ensemble of five raise accuracy by several points?"""

from __future__ import annotations

import numpy as np

import shoal
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import Values, draw_sweep, percent
from shoal.book.claims.weigh import accuracy_part, told, weigh
from shoal.book.experiment import Setting
from shoal.book.text import Text
from shoal.book.watch import watched

SIZE = 5
SEVERAL = 0.02
"""Several points are two at least."""
AT_ALL = 0.0025
RAISES = Text("Five together gain more than {m:g} points", "五个网络一起提高 {m:g} 个百分点以上")
POINTS_MEANT = Text("how many points are meant", "“几个”指多少个百分点")
IMAGES = Text("the number of training images", "训练图像的数量")


def accuracies(data: shoal.Dataset, epochs: int, seeds: list[int]) -> Values:
    """Test accuracy of the first 1, 2, … of some networks together, by the mean of what they say.

    The first is the mean of all of them alone.
    """
    recipe = shoal.Recipe(shoal.mlp([100] * 4), shoal.Adam(lr=0.001), batch_size=100)
    trainer = shoal.Trainer(recipe, data, epochs=epochs, seeds=seeds, evaluate_every=10**6).run()
    says = trainer.shoal.probabilities(data.test.x)  # (members, rows, classes)
    alone = (says.argmax(axis=-1) == data.test.y).mean()
    together = [
        (says[:size].mean(axis=0).argmax(axis=-1) == data.test.y).mean()
        for size in range(2, len(seeds) + 1)
    ]
    return np.array([alone, *together])


def study(setting: Setting) -> Judged:
    """Ensembles that share no network, on few images and on all."""
    data = setting.load(valid=0)
    few, many = min(1000, len(data.train) // 2), len(data.train)
    lengths = {few: setting.work(50, 8), many: setting.work(5, 8)}
    found: dict[int, Values] = {}
    for rows, epochs in lengths.items():
        found[rows] = np.stack(
            [
                accuracies(
                    data.take(rows, seed=repeat), epochs, [SIZE * repeat + k for k in range(SIZE)]
                )
                for repeat in watched(range(setting.seeds), f"{rows:,} images, repetitions")
            ]
        )
    parts = [
        accuracy_part(
            RAISES.format(m=100 * margin),
            Text("{n:,} images", "{n:,} 张图像").format(n=rows),
            IMAGES,
            values[:, -1],
            values[:, 0],
            len(data.test),
            margin,
        )
        for margin in (AT_ALL, SEVERAL)
        for rows, values in found.items()
    ]
    findings = weigh(parts)
    words = told(findings)
    for rows, values in found.items():
        errors = 1 - values.mean(axis=0)
        words += Text(
            "With {n:,} images one network is right on {one} of the test images and five are on "
            "{five}: {gain:+.2f} points, {share:.0f} % fewer errors.",
            "使用 {n:,} 张图像时，单个网络的测试准确率为 {one}，五个一起为 {five}："
            "变化 {gain:+.2f} 个百分点，错误减少 {share:.0f} %。",
        ).format(
            n=rows,
            one=percent(values[:, 0], 2),
            five=percent(values[:, -1], 2),
            gain=100 * float((values[:, -1] - values[:, 0]).mean()),
            share=100 * (errors[0] - errors[-1]) / errors[0],
        )
    return Judged(
        findings,
        words,
        numbers={
            "rows": list(found),
            "epochs": list(lengths.values()),
            "accuracy_by_size": {str(rows): values for rows, values in found.items()},
        },
        pictures={
            "sizes": lambda language: draw_sweep(
                range(1, SIZE + 1),
                {
                    Text("{n:,} images", "{n:,} 张图像").format(n=rows): values - values[:, :1]
                    for rows, values in found.items()
                },
                Text("networks that answer together", "一起作答的网络数"),
                Text("Gain over one network", "相对单个网络的提升"),
                language,
                y=Text("test accuracy gained, points", "测试准确率提升（百分点）"),
                points=True,
                names=[str(size) for size in range(1, SIZE + 1)],
            )
        },
        captions={
            "sizes": Text(
                "Test accuracy of several networks together minus the mean of the five alone, in "
                "percentage points.",
                "多个网络一起作答的测试准确率，减去五个网络各自作答的平均值（百分点）。",
            )
        },
        between=POINTS_MEANT,
    )


CLAIM = Claim(
    name="ensemble",
    number=7,
    statement=Text(
        "An ensemble of five networks raises accuracy by several points.",
        "五个网络的集成使准确率提高几个百分点。",
    ),
    question=Text(
        "Five networks (four hidden layers of 100 units, Adam 0.001, batches of 100) that differ "
        "only in their seeds answer by the mean of their probabilities; measured is their test "
        "accuracy minus the mean accuracy of the five alone. Each repetition has five networks of "
        "its own. On 1000 images (50 epochs; another 1000 for each repetition) and on all (5 "
        "epochs). For the gain, a quarter of a point counts as too small; “several” is taken as "
        "two points at least.",
        "五个仅随机种子不同的网络（四个各含 100 个单元的隐藏层，Adam 0.001，批大小 100）"
        "以概率的平均值作答；测量其测试准确率与五个网络各自准确率的平均值之差。"
        "每次重复使用各自的五个网络。分别使用 1000 张图像（50 轮，每次重复抽取不同的 1000 张）"
        "和全部图像（5 轮）。提升不足四分之一个百分点视为可忽略；“几个”按至少两个百分点理解。",
    ),
    code=accuracies,
    study=study,
)
