"""What the experiments on overfitting share: 300 images, the gap of two accuracies, its picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import shoal
from shoal.book import pictures
from shoal.book.experiment import Setting, Table
from shoal.book.seeds import changed, curves, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 300
PARTS = ("train", "test")
NAMES = (Text("images trained on", "参与训练的图像"), Text("other images", "其余图像"))
MEASURED = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
TRAINING, TEST = Text("training accuracy", "训练准确率"), Text("test accuracy", "测试准确率")
GAP = Text("the gap", "两者的差值")
SAME_IMAGES = Text(
    "All seeds here learn from the same {n} images, so their spread does not show how much depends "
    "on which images these are.",
    "这里所有种子用的是同样的 {n} 张图像，所以种子之间的差异并不反映换一批图像会带来多大变化。",
).format(n=IMAGES)

Numbers = Mapping[str, Any]


def first_images(setting: Setting) -> shoal.Dataset:
    """The data set with only its first 300 images to train on, as in the published runs."""
    data = setting.load(valid=0)
    return replace(data, train=data.train.rows(slice(IMAGES)))


def measured(comparison: shoal.Comparison, arm: str) -> dict[str, Any]:
    """Accuracies and losses of an arm over training (seeds, points), at the end, and the gap."""
    ends = {name: comparison.values(name)[arm] for name in MEASURED}
    return {
        "epoch": curves(comparison, arm, MEASURED[0])[0],
        **{f"{name}_curve": curves(comparison, arm, name)[1] for name in MEASURED},
        **ends,
        "gap": ends["train_accuracy"] - ends["test_accuracy"],
        "rows": comparison.facts["data"]["rows"],
    }


def ends_table(arms: Mapping[str, Numbers], names: Mapping[str, Text]) -> Table:
    """Both accuracies of every arm at the end, and the gap."""
    return Table(
        (Text("at the end", "结束时"), TRAINING, TEST, Text("gap", "差距")),
        [
            (names[arm], *(spread(n[q]) for q in ("train_accuracy", "test_accuracy", "gap")))
            for arm, n in arms.items()
        ],
    )


def against(some: Numbers, other: Numbers) -> Text:
    """What training accuracy, test accuracy and the gap of one arm are, beside another's."""
    test_row = 1 / min(some["rows"]["test"], 10_000)
    train_row = 1 / some["rows"]["train"]
    steps = {"train_accuracy": train_row, "test_accuracy": test_row, "gap": train_row}
    train, test, gap = (
        changed(what, shoal.paired_difference(some[q], other[q], step=step))
        for what, (q, step) in zip((TRAINING, TEST, GAP), steps.items(), strict=True)
    )
    return Text("{train}, {test}, and {gap}.", "{train}，{test}，{gap}。").format(
        train=train, test=test, gap=gap
    )


def draw_arms(arms: Mapping[str, Numbers], names: Mapping[str, Text], language: Language) -> Figure:
    """Training and test accuracy of each arm, side by side."""
    width = 4.8 + 1.2 * len(arms)
    with pictures.sheet(width, 3.4, columns=len(arms), sharey=True) as (figure, grid):
        for ax, (arm, numbers) in zip(grid[0], arms.items(), strict=True):
            for part, name, look in zip(PARTS, NAMES, LOOKS, strict=False):
                values = numbers[f"{part}_accuracy_curve"]
                pictures.band(ax, numbers["epoch"], values, look, name[language])
            pictures.title(ax, names[arm], language)
            pictures.label(ax, language, pictures.EPOCH)
        grid[0, 0].set_ylim(0, 1.04)
        pictures.percent_axis(grid[0, 0])
        pictures.label(grid[0, 0], language, y=pictures.ACCURACY)
        pictures.legend_above(figure, grid[0, 0])
        pictures.footnote(figure, drawn_on(next(iter(arms.values()))), language)
    return figure


def drawn_on(numbers: Numbers) -> Text:
    """What the curves were measured on, for the foot of a picture."""
    rows, seeds = numbers["rows"], len(numbers["gap"])
    return pictures.SEED_BAND.format(n=seeds) + Text(
        "Measured on {train} training and {test:,} test images.",
        "在 {train} 张训练图像和 {test:,} 张测试图像上计算。",
    ).format(train=rows["train"], test=min(rows["test"], 10_000))
