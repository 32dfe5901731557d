"""A convolutional network, and what its filters become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table, in_band
from shoal.book.few_images import NAMES, PARTS
from shoal.book.seeds import percent, spread
from shoal.book.text import Language, Text
from shoal.plot.style import LOOKS, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCHS = 20
SEEDS = 2
COLUMNS = 6
MOMENTS = (Text("Before training", "训练前"), Text("After training", "训练后"))

Filters = NDArray[np.float32]


def train(data: shoal.Dataset, epochs: int, seeds: int) -> tuple[shoal.Trainer, Filters]:
    """Train the network; returned with its filters of before, (size, size, 1, filters)."""
    network = shoal.convnet([30], size=5, pool=2, hidden=[100])
    recipe = shoal.Recipe(network, shoal.Adam(lr=0.001), init=0.01, batch_size=100)
    trainer = shoal.Trainer(recipe, data, epochs=epochs, seeds=seeds, callbacks=[shoal.Progress()])
    before = trainer.shoal.weights(0)[0]["W"]
    return trainer.run(), before


def run(setting: Setting) -> Findings:
    """Accuracy after every epoch, and the filters of the first network before and after."""
    data = setting.load(valid=0)
    trainer, before = train(data, setting.work(EPOCHS, 5), setting.seeds)
    after = trainer.shoal.weights(0)[0]["W"]
    history = trainer.history
    numbers: dict[str, Any] = {
        f"{part}_accuracy": np.array(
            [history.curve(i, f"{part}_accuracy").values for i in range(setting.seeds)]
        )
        for part in PARTS
    }
    numbers |= {
        "epoch": np.arange(1, trainer.epochs_done + 1),
        "steps_per_epoch": trainer.total_steps // trainer.epochs_done,
        "rows": {"train": len(data.train), "test": len(data.test)},
        "before": before,
        "after": after,
        "likeness": [float(likeness(filters).mean()) for filters in (before, after)],
        "moved": float(np.linalg.norm(after - before) / np.linalg.norm(before)),
    }
    first, last = numbers["test_accuracy"][:, 0], numbers["test_accuracy"][:, -1]
    return Findings(
        numbers=numbers,
        caption=Text(
            "After {steps} steps, the first epoch, the network has {first} of {rows:,} test images "
            "right, after {epochs} epochs {last}; of the training images {trained}.",
            "训练 {steps} 步（第一轮）后，网络在 {rows:,} 张测试图像上答对 {first}，"
            "{epochs} 轮后答对 {last}，在训练图像上答对 {trained}。",
        ).format(
            steps=numbers["steps_per_epoch"],
            first=percent(float(np.nanmean(first)), 2),
            rows=min(numbers["rows"]["test"], 10_000),
            epochs=trainer.epochs_done,
            last=percent(float(np.nanmean(last)), 2),
            trained=percent(float(np.nanmean(numbers["train_accuracy"][:, -1])), 2),
        )
        + what_became(numbers["likeness"], numbers["moved"])
        + few_seeds(setting.seeds),
        pictures={
            "": lambda language: draw_accuracy(numbers, language),
            "filters": lambda language: draw_filters(before, after, language),
        },
        table=Table(
            (
                Text("epoch", "轮次"),
                Text("training accuracy", "训练准确率"),
                Text("test accuracy", "测试准确率"),
            ),
            [
                (
                    f"{epoch}",
                    *(spread(numbers[f"{part}_accuracy"][:, epoch - 1], ".4f") for part in PARTS),
                )
                for epoch in sorted({1, 2, 5, 10, trainer.epochs_done})
                if epoch <= trainer.epochs_done
            ],
        ),
        published=[
            Published(
                Text("test accuracy after 600 steps", "600 步后的测试准确率"),
                "0.96",
                spread(first, ".4f"),
                in_band(float(np.mean(first)), 0.95, 0.97, setting),
            ),
            Published(
                Text("test accuracy after {n} epochs", "{n} 轮后的测试准确率").format(n=EPOCHS),
                "≈ 0.99",
                spread(last, ".4f"),
                in_band(float(np.mean(last)), 0.985, 0.995, setting),
            ),
        ],
        remark=Text(
            "The weights start with a standard deviation of 0.01, as in the published run. The "
            "bands are 0.95 to 0.97 and 0.985 to 0.995: one more digit than was published.",
            "权重的初始标准差为 0.01，与书中的运行相同。范围取 0.95 到 0.97 和 0.985 到 0.995："
            "比书中数值多一位。",
        ),
    )


def likeness(filters: Filters) -> NDArray[np.float64]:
    """How alike neighbouring weights of each filter are: mean product over mean square.

    About 0 for independent draws, 1 for a filter of equal weights, negative for a chessboard.

    >>> board = np.indices((5, 5)).sum(axis=0) % 2 * 2.0 - 1
    >>> likeness(np.stack([board, board**2], axis=-1)[:, :, None])
    array([-1.,  1.])
    """
    w = np.asarray(filters, np.float64)[:, :, 0]
    across, down = w[:, 1:] * w[:, :-1], w[1:] * w[:-1]
    product = (across.mean(axis=(0, 1)) + down.mean(axis=(0, 1))) / 2
    return np.asarray(product / (w**2).mean(axis=(0, 1)))


def what_became(alike: list[float], moved: float) -> Text:
    """What training did to the filters."""
    how = (
        Text("neighbouring weights have become more alike", "相邻权重变得更相似")
        if alike[1] > alike[0] + 0.1
        else Text(
            "neighbouring weights are hardly more alike than before", "相邻权重几乎没有变得更相似"
        )
    )
    return Text(
        "The filters moved by {moved:.1f} times their first length, and {how}: the mean product of "
        "neighbours, over the mean square, went from {before} to {after}.",
        "滤波器的变化量是其初始长度的 {moved:.1f} 倍，{how}：相邻权重乘积的平均与平方的平均之比"
        "从 {before} 变为 {after}。",
    ).format(moved=moved, how=how, before=signed(alike[0]), after=signed(alike[1]))


def signed(value: float) -> str:
    """A number with two digits and a true minus.

    >>> signed(-0.034)
    '−0.03'
    """
    return f"{value:.2f}".replace("-", "−")


def few_seeds(seeds: int) -> Text:
    """What so few repetitions cannot say."""
    return (
        Text(
            "With {n} seeds the spread is a glimpse, not an interval.",
            "只有 {n} 个随机种子，差异只能看个大概，算不上置信区间。",
        ).format(n=seeds)
        if 1 < seeds < 5
        else Text("", "")
    )


def draw_accuracy(numbers: Mapping[str, Any], language: Language) -> Figure:
    """Accuracy after every epoch, on images trained on and on others."""
    from matplotlib.ticker import MaxNLocator

    with pictures.sheet(5.6, 3.5) as (figure, axes):
        ax = axes[0, 0]
        for part, name, look in zip(PARTS, NAMES, LOOKS, strict=False):
            pictures.band(ax, numbers["epoch"], numbers[f"{part}_accuracy"], look, name[language])
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        pictures.percent_axis(ax)
        pictures.label(ax, language, pictures.EPOCH, pictures.ACCURACY)
        pictures.legend_above(figure, ax)
        foot = pictures.SEED_BAND.format(n=len(numbers["test_accuracy"])) + Text(
            "The axis does not begin at 0.", "纵轴不从 0 开始。"
        )
        pictures.footnote(figure, foot, language)
    return figure


def draw_filters(before: Filters, after: Filters, language: Language) -> Figure:
    """All filters before and after, each on its own scale around 0."""
    with pictures.sheet(7.4, 3.6, columns=2) as (figure, axes):
        for ax, filters, moment in zip(axes[0], (before, after), MOMENTS, strict=True):
            draw_mosaic(ax, filters)
            pictures.title(ax, moment, language)
        foot = Text(
            "The {n} filters of seed 0. Orange: positive weights, purple: negative, white: 0; "
            "each filter on its own scale.",
            "种子 0 的网络的 {n} 个滤波器。橙色：正权重，紫色：负权重，白色：0；"
            "每个滤波器用各自的尺度。",
        ).format(n=before.shape[-1])
        pictures.footnote(figure, foot, language)
    return figure


def draw_mosaic(axes: Axes, filters: Filters) -> None:
    """Filters in rows, a frame around each."""
    from matplotlib.patches import Rectangle

    height, width = filters.shape[:2]
    for k in range(filters.shape[-1]):
        row, column = divmod(k, COLUMNS)
        w = filters[:, :, 0, k]
        left, top = column * (width + 1), row * (height + 1)
        extent = (left, left + width, top + height, top)
        scale = float(np.abs(w).max()) or 1.0
        axes.imshow(w, cmap="PuOr_r", vmin=-scale, vmax=scale, extent=extent)
        axes.add_patch(Rectangle((left, top), width, height, fill=False, ec=RULE, lw=0.8))
    rows = -(-filters.shape[-1] // COLUMNS)
    axes.set(xlim=(-0.2, COLUMNS * (width + 1) + 0.6), ylim=(rows * (height + 1) - 0.8, -0.2))
    axes.axis("off")


EXPERIMENT = Experiment(
    name="convnet",
    title=Text("A convolutional network", "卷积神经网络"),
    line=Text("one convolution, its accuracy and its filters", "一层卷积：准确率与滤波器"),
    idea=Text(
        "A fully connected layer does not know which pixels are neighbours. A convolution looks "
        "through a small window that it moves over the image, with the same weights everywhere: "
        "what it has learned in one corner it knows in all others. Pooling then keeps the largest "
        "answer of each neighbourhood, so a stroke may lie one pixel further.",
        "全连接层不知道哪些像素相邻。卷积层透过一个小窗口看图像，并把窗口移遍全图，处处使用同样的权重："
        "在一个角落学到的东西，在其他地方同样适用。随后池化在每个小邻域里保留最大的响应，"
        "于是笔画偏移一个像素也无妨。",
    ),
    formula=(
        r"y_{ijf}=b_f+\sum_{u,v,c}W_{uvcf}\,x_{i+u,\,j+v,\,c}",
        r"z_{ijf}=\max_{0\leq u,v<2}\ \max(0,\,y_{2i+u,\,2j+v,\,f})",
    ),
    code=train,
    run=run,
    seeds=SEEDS,
)
