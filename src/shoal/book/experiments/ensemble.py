"""Several networks that answer together, and what makes them worth more than one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.experiment import Experiment, Findings, Published, Setting, Table, in_band
from shoal.book.seeds import percent, points
from shoal.book.text import Language, Text
from shoal.plot.style import INK, LOOKS, PAGE, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 5
FEW = {"mnist": 1000, "digits": 100}
MLP = shoal.mlp([100, 100])
BASE = shoal.Recipe(MLP, shoal.Adam(lr=0.001), init="he", batch_size=100)
INITS = {
    f"init {init}": BASE.replace({"init": init}) for init in ("he", "xavier", "lecun", 0.05, 0.1)
}
RECIPES = {
    "ReLU": BASE,
    "tanh": BASE.replace({"network.activation": "tanh", "init": "xavier"}),
    "Momentum": replace(BASE, optimizer=shoal.Momentum(lr=0.05)),
    "batch norm": replace(BASE, network=shoal.mlp([100, 100], batch_norm=True)),
    "dropout": replace(BASE, network=shoal.mlp([100, 100], dropout=0.2)),
}
KINDS = {
    "seeds": Text("same recipe, other seeds", "同一配方，不同种子"),
    "inits, one seed": Text("other inits, same seed", "不同初始值，同一种子"),
    "inits and seeds": Text("other inits, other seeds", "不同初始值，不同种子"),
    "recipes, one seed": Text("other recipes, same seed", "不同配方，同一种子"),
    "recipes and seeds": Text("other recipes, other seeds", "不同配方，不同种子"),
}
SEVERAL = (0.02, 0.10)
SUBSETS = Text(
    "Curve: mean over subsets of the networks; band: lowest to highest subset; dashes: each "
    "network alone. {rows:,} test images.",
    "曲线：网络各子集的平均；色带：最低到最高的子集；短横：单个网络。测试图像 {rows:,} 张。",
)
DOTS = Text(
    "Dot: one ensemble; bar: their mean. All rows with recipes are the same networks, put together "
    "differently; so are both rows with inits.",
    "点：一个集成；竖线：它们的平均。含“配方”的各行用的是同样的网络，只是组合方式不同；"
    "含“初始值”的两行也是如此。",
)


def average(data: shoal.Dataset, epochs: int, count: int) -> shoal.Ensemble:
    """Train networks that differ in nothing but their seed, and let them answer together."""
    recipe = shoal.Recipe(shoal.mlp([100, 100]), shoal.Adam(lr=0.001), init="he", batch_size=100)
    trainer = shoal.Trainer(
        recipe,
        data,
        epochs=epochs,
        seeds=count,
        evaluate_every=epochs,
        callbacks=[shoal.Progress()],
    )
    return trainer.run().shoal.ensemble()


def square(
    recipes: Mapping[str, shoal.Recipe], data: shoal.Dataset, epochs: int, side: int
) -> tuple[shoal.Shoal, NDArray[np.int64]]:
    """As many recipes as seeds, each with each.

    Returns:
        The networks, and their numbers (recipes, seeds).
    """
    members = [
        shoal.Member(recipe, seed, name)
        for name, recipe in list(recipes.items())[:side]
        for seed in range(side)
    ]
    trainer = shoal.Trainer(
        members, data, epochs=epochs, evaluate_every=epochs, callbacks=[shoal.Progress()]
    )
    trained = trainer.run().shoal
    return trained, np.arange(side * side).reshape(side, side)


def three_ways(numbers: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The same networks, each used once, put together in three ways (ensembles, members).

    Rows of the square share the recipe, columns the seed; broken diagonals share neither.

    >>> three_ways(np.arange(4).reshape(2, 2))["neither"]
    array([[0, 3],
           [1, 2]])
    """
    side = np.arange(len(numbers))
    diagonals = numbers[side, (side + side[:, None]) % len(side)]
    return {"same recipe": numbers, "same seed": numbers.T, "neither": diagonals}


def measured(trained: shoal.Shoal, ensembles: NDArray[np.int64]) -> dict[str, Any]:
    """Accuracy of each ensemble, of its members on average, and how often two members differ."""
    made = [trained.ensemble(row.tolist()) for row in ensembles]
    scores = [ensemble.evaluate("test") for ensemble in made]
    together = np.array([score.ensemble["accuracy"] for score in scores])
    alone = np.array([score.mean["accuracy"] for score in scores])
    return {
        "accuracy": together,
        "members": alone,
        "gain": together - alone,
        "disagreement": np.array([each.diversity("test").disagreement for each in made]),
        "diverged": sum(each.diverged for each in made),
    }


def sized(data: shoal.Dataset, epochs: int, count: int) -> dict[str, Any]:
    """Test accuracy against the number of members, over subsets of so many networks."""
    sizes = average(data, epochs, count).sizes("test")
    kept = ("mean", "low", "high", "subsets", "members")
    return {
        "images": len(data.train),
        "test_rows": sizes.rows,
        "epochs": epochs,
        "size": sizes.sizes,
        **{name: getattr(sizes, name) for name in kept},
    }


def kinds(data: shoal.Dataset, epochs: int, side: int) -> dict[str, Any]:
    """Five kinds of ensembles of `side` members, each network used once in each kind."""
    inits, recipes = (square(arms, data, epochs, side) for arms in (INITS, RECIPES))
    init_ways, recipe_ways = three_ways(inits[1]), three_ways(recipes[1])
    return {
        "seeds": measured(recipes[0], recipe_ways["same recipe"]),
        "inits, one seed": measured(inits[0], init_ways["same seed"]),
        "inits and seeds": measured(inits[0], init_ways["neither"]),
        "recipes, one seed": measured(recipes[0], recipe_ways["same seed"]),
        "recipes and seeds": measured(recipes[0], recipe_ways["neither"]),
    }


def run(setting: Setting) -> Findings:
    """Accuracy against members, on all images and on few; on few, five kinds of ensembles.

    `setting.seeds`, from 2 to 5, is the number of networks in an ensemble of these kinds.
    """
    side = min(max(setting.seeds, 2), SIDE)
    data = setting.load(valid=0)
    few = replace(data, train=data.train.rows(slice(FEW[setting.data])))
    sizes = {
        "few": sized(few, setting.work(30, 5), 2 * side),
        "all": sized(data, setting.work(5, 2), 2 * side),
    }
    ways = kinds(few, setting.work(30, 5), side)
    gains = {name: float(n["mean"][side - 1] - n["mean"][0]) for name, n in sizes.items()}
    best = max(ways, key=lambda kind: float(ways[kind]["gain"].mean()))
    return Findings(
        numbers=sizes | {"kinds": ways, "side": side, "gain": gains},
        caption=what_sizes_give(sizes["few"], side)
        + what_sizes_give(sizes["all"], side)
        + Text(
            "With {images:,} images, {side} networks of one recipe and other seeds gain {seeds} "
            "points over their mean; most is gained by {best}: {most} points.",
            "在 {images:,} 张图像上，同一配方、不同种子的 {side} 个网络一起作答，"
            "比各自的平均高 {seeds} 个百分点；提升最多的是“{best}”：{most} 个百分点。",
        ).format(
            images=sizes["few"]["images"],
            side=side,
            seeds=points(ways["seeds"]["gain"].mean()).lstrip("+"),
            best=KINDS[best],
            most=points(ways[best]["gain"].mean()).lstrip("+"),
        )
        + Text(
            "All is measured on one test set of {rows:,} images, and the subsets of {count} "
            "networks share members: the bands say how much depends on who is in, not how sure "
            "the gain is.",
            "以上都在同一个 {rows:,} 张图像的测试集上计算，"
            "而且 {count} 个网络的各子集有共同的成员："
            "色带说明结果在多大程度上取决于由谁组成，并不说明提升有多可靠。",
        ).format(rows=sizes["all"]["test_rows"], count=2 * side),
        pictures={
            "": lambda language: draw_sizes(sizes, language),
            "diversity": lambda language: draw_kinds(ways, sizes["few"]["images"], side, language),
        },
        table=Table(
            (
                Text("{n} networks, {images:,} images", "{n} 个网络，{images:,} 张图像").format(
                    n=side, images=sizes["few"]["images"]
                ),
                Text("single", "单个"),
                Text("together", "集成"),
                Text("gain in points", "提升（百分点）"),
                Text("two differ on", "两两不同的比例"),
            ),
            [
                (
                    KINDS[kind],
                    percent(float(n["members"].mean())),
                    percent(float(n["accuracy"].mean())),
                    f"{points(n['gain'].mean())} ({points(n['gain'].min())} … "
                    f"{points(n['gain'].max())})",
                    percent(float(n["disagreement"].mean())),
                )
                for kind, n in ways.items()
            ],
        ),
        published=[
            Published(
                Text(
                    "gain of {n} in points, {images:,} images",
                    "{n} 个网络的提升（百分点），{images:,} 张图像",
                ).format(n=side, images=n["images"]),
                Text("several", "几个百分点"),
                gains_words(n, side),
                in_band(gains[name], *SEVERAL, setting),
            )
            for name, n in sizes.items()
        ],
        remark=Text(
            '"Several" counts here as {low:.0f} to {high:.0f}. An ensemble cannot win back more '
            "than single networks lose: with {images:,} images they err on {err} of the test "
            "images. And it can change an answer only where its members differ: with {few:,} "
            "images single networks err on {few_err}, and two of one recipe differ on {differ}.",
            "这里把 {low:.0f} 到 {high:.0f} 算作“几个”。集成能挽回的不会多于单个网络所失的："
            "用 {images:,} 张图像训练时，单个网络在 {err} 的测试图像上出错。"
            "而且只有在成员意见不同之处，集成才能改变答案：用 {few:,} 张图像训练时，"
            "单个网络在 {few_err} 上出错，同一配方的两个网络在 {differ} 上意见不同。",
        ).format(
            low=100 * SEVERAL[0],
            high=100 * SEVERAL[1],
            images=sizes["all"]["images"],
            err=percent(float(1 - sizes["all"]["mean"][0])),
            few=sizes["few"]["images"],
            few_err=percent(float(1 - sizes["few"]["mean"][0])),
            differ=percent(float(ways["seeds"]["disagreement"].mean())),
        ),
    )


def gains_words(found: Mapping[str, Any], side: int) -> str:
    """What so many networks gain over one on average, and from the lowest to the highest subset."""
    low, mean, high = (
        points(float(found[name][side - 1] - found["mean"][0])) for name in ("low", "mean", "high")
    )
    return f"{mean} ({low} … {high})"


def what_sizes_give(found: Mapping[str, Any], side: int) -> Text:
    """What one network, some and all together reach."""
    return Text(
        "Trained on {images:,} images, one network has {one} of the test images right on "
        "average, {side} together {some} and {count} together {all}.",
        "用 {images:,} 张图像训练时，单个网络平均答对 {one} 的测试图像，"
        "{side} 个一起答对 {some}，{count} 个一起答对 {all}。",
    ).format(
        images=found["images"],
        side=side,
        count=len(found["members"]),
        one=percent(float(found["mean"][0]), 2),
        some=percent(float(found["mean"][side - 1]), 2),
        all=percent(float(found["mean"][-1]), 2),
    )


def draw_sizes(sizes: Mapping[str, Any], language: Language) -> Figure:
    """Accuracy against the number of members, on few images and on all, each on its own scale."""
    from matplotlib.ticker import MaxNLocator

    with pictures.sheet(7.4, 3.5, columns=2) as (figure, axes):
        for ax, n, look in zip(axes[0], sizes.values(), LOOKS, strict=False):
            ax.fill_between(n["size"], n["low"], n["high"], color=look.colour, alpha=0.15, lw=0)
            one = np.ones(len(n["members"]))
            ax.plot(one, n["members"], "_", color=look.colour, markersize=9, alpha=0.6)
            pictures.band(ax, n["size"], n["mean"], replace(look, marker=""))
            ax.plot(
                n["size"],
                n["mean"],
                look.marker,
                color=look.colour,
                markersize=look.size,
                markeredgecolor=PAGE,
                markeredgewidth=0.6,
                zorder=4,
            )
            what = Text("Trained on {n:,} images", "用 {n:,} 张图像训练").format(n=n["images"])
            pictures.title(ax, what, language)
            pictures.label(ax, language, Text("networks that answer together", "一起作答的网络数"))
            ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
            ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10], min_n_ticks=4))
            pictures.percent_axis(ax)
        pictures.label(axes[0, 0], language, y=Text("test accuracy", "测试准确率"))
        pictures.footnote(figure, SUBSETS.format(rows=n["test_rows"]), language)
    return figure


def draw_kinds(ways: Mapping[str, Any], images: int, side: int, language: Language) -> Figure:
    """What each kind of ensemble gains over its members: each ensemble, and their mean."""
    with pictures.sheet(7.4, 3.1) as (figure, axes):
        ax = axes[0, 0]
        places = np.arange(len(ways))[::-1]
        for place, n, look in zip(places, ways.values(), LOOKS, strict=False):
            gain = 100 * n["gain"]
            ax.plot(gain, np.full(len(gain), place), "o", color=look.colour, alpha=0.45, ms=5)
            ax.plot([gain.mean()], [place], "|", color=look.colour, ms=20, mew=2.5)
        ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
        ax.set_yticks(places, [plain(KINDS[kind][language]) for kind in ways])
        ax.tick_params(axis="y", labelcolor=INK)
        ax.grid(axis="y", visible=False)
        ax.set_ylim(-0.6, len(ways) - 0.4)
        pictures.title(
            ax,
            Text(
                "What {side} networks gain over their mean, {n:,} images",
                "{side} 个网络一起作答比各自的平均高多少，{n:,} 张图像",
            ).format(side=side, n=images),
            language,
        )
        pictures.label(
            ax, language, Text("percentage points of test accuracy", "测试准确率，百分点")
        )
        pictures.footnote(figure, DOTS, language)
    return figure


EXPERIMENT = Experiment(
    name="ensemble",
    title=Text("Ensembles", "集成"),
    line=Text("networks that answer together", "多个网络一起作答"),
    idea=Text(
        "Several networks, trained apart, are asked together: their probabilities are averaged. "
        "Where they err for the same reason nothing is gained; where each errs in its own way the "
        "others outvote it. So it matters how the networks differ. Here every recipe is trained "
        "with every seed and the same networks are put together in several ways, so that only "
        "the company changes.",
        "把分别训练的几个网络放在一起作答：对它们给出的概率取平均。"
        "如果它们因同样的原因出错，就没有收获；如果各错各的，多数便会纠正少数。"
        "所以网络之间如何不同很重要。这里每种配方都用每个种子训练，再把同样的网络以几种方式组合，"
        "变化的只是谁与谁在一起。",
    ),
    formula=(r"\bar p=\frac{1}{K}\sum_{k=1}^{K}\mathrm{softmax}(z_k)",),
    code=average,
    run=run,
)
