"""Does weight decay narrow the gap between training and test accuracy, and raise the latter?"""

from __future__ import annotations

import numpy as np

import shoal
from shoal.book.claims.claim import Claim, Judged
from shoal.book.claims.sweeps import (
    TEST,
    TRAIN,
    Values,
    draw_sweep,
    gathered,
    on_samples,
    percent,
    where,
)
from shoal.book.claims.weigh import accuracy_part, told, weigh
from shoal.book.experiment import Setting
from shoal.book.text import Text

DECAYS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
BOOK = 0.1
PUBLISHED = (0.927, 0.721)
NARROWER = Text("The gap is narrower", "差距变小")
BELOW = Text("Training accuracy stays below 100 %", "训练准确率保持在 100 % 以下")
RISES = Text("Further: test accuracy rises", "附加问题：测试准确率上升")
STRENGTH = Text("the strength of the decay", "权重衰减的强度")


def decays(
    data: shoal.Dataset, strengths: tuple[float, ...], rows: int, epochs: int, seeds: int
) -> list[shoal.Comparison]:
    """The overfitting network of the book, with weight decay of several strengths."""
    network = shoal.mlp([100] * 6)
    recipes = {
        f"λ = {strength:g}": shoal.Recipe(
            network, shoal.SGD(lr=0.01), weight_decay=strength, batch_size=100
        )
        for strength in strengths
    }
    return on_samples(recipes, data, rows, seeds, epochs=epochs)


def study(setting: Setting) -> Judged:
    """Every strength against none."""
    data = setting.load(valid=0)
    epochs = setting.work(201, 20)
    done = decays(data, DECAYS, 300, epochs, setting.seeds)
    train, test = (gathered(done, f"{part}_accuracy") for part in ("train", "test"))
    plain, book = "λ = 0", f"λ = {BOOK:g}"
    gaps = {name: train[name] - test[name] for name in train}
    rows = len(data.test)
    some = [name for name in train if name in (book, "λ = 0.01", "λ = 0.03")]
    parts = [
        accuracy_part(NARROWER, says(book), STRENGTH, gaps[plain], gaps[book], rows),
        accuracy_part(BELOW, says(book), STRENGTH, np.ones(setting.seeds), train[book], 300),
        *(
            accuracy_part(RISES, says(n), STRENGTH, test[n], test[plain], rows, further=True)
            for n in some
        ),
    ]
    findings = weigh(parts)
    best = max(test, key=lambda name: float(test[name].mean()))
    return Judged(
        findings,
        told(findings)
        + Text(
            "Without decay the gap is {gap} ({train} in training, {test} on test images); with "
            "λ = 0.1 it is {gap_book} ({train_book}, {test_book}). Of the strengths tried, test "
            "accuracy is highest at {best}: {test_best}, {gain:+.1f} points from none. A narrow "
            "gap alone is no gain: with λ = 0.3 it is {gap_last}, and test accuracy {test_last}.",
            "不使用权重衰减时差距为 {gap}（训练 {train}，测试 {test}）；"
            "λ = 0.1 时为 {gap_book}（{train_book}，{test_book}）。在试过的强度中，"
            "{best} 的测试准确率最高：{test_best}，与不衰减相比变化 {gain:+.1f} 个百分点。"
            "差距小本身并不是收益：λ = 0.3 时差距为 {gap_last}，而测试准确率为 {test_last}。",
        ).format(
            gap=points(gaps[plain]),
            train=percent(train[plain]),
            test=percent(test[plain]),
            gap_book=points(gaps[book]),
            train_book=percent(train[book]),
            test_book=percent(test[book]),
            best=best,
            test_best=percent(test[best]),
            gain=100 * float(np.mean(test[best] - test[plain])),
            gap_last=points(gaps["λ = 0.3"]),
            test_last=percent(test["λ = 0.3"]),
        )
        + against_book(train[book], test[book], setting),
        numbers={
            "decay": DECAYS,
            "rows": 300,
            "epochs": epochs,
            "train_accuracy": train,
            "test_accuracy": test,
        },
        pictures={
            "strengths": lambda language: draw_sweep(
                DECAYS,
                {
                    TRAIN: np.stack(list(train.values()), axis=1),
                    TEST: np.stack(list(test.values()), axis=1),
                },
                Text("strength of weight decay λ", "权重衰减强度 λ"),
                Text("Accuracy at the end", "训练结束时的准确率"),
                language,
                mark=BOOK,
                names=[f"{strength:g}" for strength in DECAYS],
            )
        },
        captions={
            "strengths": Text(
                "Training and test accuracy after {epochs} epochs on 300 images, for every "
                "strength tried. Each seed draws its own images.",
                "在 300 张图像上训练 {epochs} 轮后，每个强度下的训练与测试准确率。"
                "每个随机种子抽取各自的图像。",
            ).format(epochs=epochs)
        },
    )


def says(name: str) -> Text:
    """An arm as a condition."""
    return Text(name, name)


def points(values: Values) -> Text:
    """A difference of accuracies in words."""
    mean = f"{round(100 * float(np.mean(values)), 1) + 0.0:.1f}"
    return Text(f"{mean} points", f"{mean} 个百分点")


def against_book(train: Values, test: Values, setting: Setting) -> Text:
    """The book's single run beside the spread of ours."""
    if not setting.comparable:
        return Text("", "")
    return Text(
        "The book's single run ended at 92.7 % in training, {first} our seeds ({a} to {b}), and "
        "at 72.1 % on test images, {second} them ({c} to {d}).",
        "书中的单次运行训练准确率为 92.7 %，{first}（{a} 到 {b}）；测试准确率为 72.1 %，"
        "{second}（{c} 到 {d}）。",
    ).format(
        first=where(PUBLISHED[0], train),
        second=where(PUBLISHED[1], test),
        a=percent(train.min()),
        b=percent(train.max()),
        c=percent(test.min()),
        d=percent(test.max()),
    )


CLAIM = Claim(
    name="weight-decay",
    number=5,
    statement=Text(
        "Weight decay 0.1 narrows the gap between training and test accuracy, and training "
        "accuracy stays below 100 %.",
        "权重衰减 0.1 会缩小训练准确率与测试准确率之间的差距，并使训练准确率保持在 100 % 以下。",
    ),
    question=Text(
        "300 images, six hidden layers of 100 units, SGD 0.01, batches of 100, 201 epochs, with "
        "decay from 0 to 0.3. The gap and the training accuracy are measured at the end against "
        "no decay, with the same weights, images and batches for each seed. And, what the book "
        "leaves open: does test accuracy rise, and at which strength? A gap that narrows only "
        "because training gets worse refutes nothing here, but is said.",
        "300 张图像，六个各含 100 个单元的隐藏层，SGD 0.01，批大小 100，训练 201 轮，"
        "衰减强度从 0 到 0.3。在训练结束时测量差距和训练准确率，并与不衰减时相比；"
        "同一随机种子使用相同的初始权重、图像和小批量。此外还问书中没有回答的问题："
        "测试准确率是否上升，在哪个强度下上升？若差距变小只是因为训练变差，并不推翻论断，"
        "但会指出。",
    ),
    code=decays,
    study=study,
    seeds=10,
)
