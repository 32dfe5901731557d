"""What the report says: every sentence is written from the data, and says what not to conclude."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoal.comparison import Metric
from shoal.comparison.words import signed
from shoal.plot.axes import capital
from shoal.plot.caption import zone
from shoal.plot.sensitivity import tuned_settings

if TYPE_CHECKING:
    from shoal.comparison import Comparison, Pair

FEW_SEEDS = 5


def heading(comparison: Comparison) -> str:
    """The title of the page."""
    data = comparison.facts.get("data", {}).get("name", "the data")
    count = len(comparison.names)
    return f"One way of training on {data}" if count == 1 else f"{count} ways of training on {data}"


def compared(comparison: Comparison) -> str:
    """What was compared, in three sentences."""
    facts = comparison.facts
    parts = []
    data = facts.get("data")
    if data:
        shape = " × ".join(f"{size:,}" for size in data["in_shape"])
        inputs = f"{shape} inputs" if len(data["in_shape"]) > 1 else _count(shape, "input")
        noun = {"classification": "class", "multilabel": "label"}.get(data["task"], "target")
        rows = data["rows"]
        kinds = (("train", "rows to train on"), ("valid", "to choose by"), ("test", "to judge by"))
        given = [f"{rows[part]:,} {what}" for part, what in kinds if rows[part]]
        named = (("valid", "validation"), ("test", "test"))
        absent = [name for part, name in named if not rows[part]]
        without = f", and no {' or '.join(absent)} part" if absent else ""
        parts.append(
            f"The data is {data['name']} ({inputs}, {_count(data['outputs'], noun)}), with "
            f"{listed(given)}{without}."
        )
    batches = sorted({recipe.batch_size for recipe in comparison.recipes.values()})
    drawn = " drawn with replacement" if facts.get("sampling") == "replacement" else ""
    parts.append(
        f"Every network took {_length(comparison)}, each on "
        f"{' or '.join(f'{size:,}' for size in batches)} rows{drawn}."
    )
    seeds = comparison.seeds
    if len(comparison.names) > 1:
        share = "Arms that share a seed share the draws of their first weights, and their batches"
        share += " where the batch size is the same" if len(batches) > 1 else ""
        parts.append(f"Each of the {len(comparison.names)} arms ran with {_seeds(seeds)}. {share}.")
    else:
        parts.append(f"It ran with {_seeds(seeds)}.")
    return " ".join(parts)


def notes(comparison: Comparison) -> list[str]:
    """The warnings as sentences; the name of an arm keeps its first letter."""
    return [
        f"{line}." if line.startswith(tuple(comparison.names)) else f"{capital(line)}."
        for line in comparison.warnings
    ]


def verdict(comparison: Comparison) -> tuple[str, str]:
    """The headline in two parts: who is best, and how the others stand to it."""
    lead, found, rest = comparison.headline.partition("): ")
    lead = lead.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")
    return (f"{lead}).", capital(rest)) if found else (comparison.headline, "")


def table_caption(comparison: Comparison) -> str:
    """Beneath the table."""
    parts = []
    if len(comparison.seeds) > 1:
        parts.append(f"Mean over {len(comparison.seeds)} seeds ± half of its 95 % interval.")
        if len(comparison.names) > 1:
            parts.append(
                "Two arms whose intervals overlap may still differ: "
                "verdicts come from differences seed by seed."
            )
    else:
        parts.append("One seed: nothing here says how much chance had its hand in it.")
    measure = f"valid_{comparison.metric.measure}"
    if comparison.metric.name != "loss" and measure in comparison.history.metrics:
        parts.append("Best: at the evaluation that the validation part would choose.")
    if math.isfinite(comparison.target):
        parts.append(
            f"Steps: until the training loss, smoothed, was at most {comparison.target:.3g}."
        )
    parts.append("Seconds: of one processor, for one network, trained in company.")
    gone = sum(arm.diverged for arm in comparison.arms)
    if gone:
        parts.append(
            f"{gone} of {len(comparison.history.members)} runs diverged; no mean contains them, "
            "so an arm of which some diverged looks better than it is."
        )
    return " ".join(parts)


def curves_caption(comparison: Comparison, quantity: str) -> str:
    """Beneath the learning curves."""
    seeds = len(comparison.seeds)
    parts = [
        f"Lines are means over {seeds} seeds, bands reach from the lowest to the highest."
        if seeds > 1
        else "There is one seed, so there are no bands."
    ]
    if seeds > 1 and len(comparison.names) > 1:
        parts.append("Overlapping bands do not mean that two arms are equal.")
    metric = Metric(quantity)
    ends = [(arm.name, arm.final.mean) for arm in comparison.arms if arm.final.n]
    if quantity == comparison.metric.name and ends:
        sign = 1 if metric.higher_is_better else -1
        ends.sort(key=lambda end: -sign * end[1])
        (best, top), (worst, low) = ends[0], ends[-1]
        other = f" and {worst} at {value(metric, low)}" if worst != best else ""
        parts.append(
            f"At the end {best} stands at {value(metric, top)}{other} ({metric.label}, on average)."
        )
    gone = int((comparison.history.diverged >= 0).sum())
    if gone:
        parts.append(
            f"A cross marks where a run diverged ({gone} of {len(comparison.history.members)}); "
            "its thin line is part of no mean and no band."
        )
    if len(comparison.names) > 8:
        parts.append("The eight best have a colour, all others are grey.")
    parts.append(
        "The training loss is that of the batches, measured in training: "
        "a low one says nothing about new data."
    )
    return " ".join(parts)


def differences_caption(comparison: Comparison, pairs: Sequence[Pair], metric: Metric) -> str:
    """Beneath the differences of one metric; `pairs` are those of the first arm."""
    first = pairs[0].a
    every = math.comb(len(comparison.names), 2)
    parts = [f"{capital(metric.label)} of {first} minus that of each other arm, seed by seed."]
    known = [pair for pair in pairs if pair.difference.n > 1]
    if known:
        adjusted = f", adjusted for all {every} pairs (Holm)" if every > 1 else ""
        parts.append(f"Dots are means, lines 95 % intervals{adjusted}.")
        far = max(known, key=lambda pair: abs(pair.difference.mean))
        low, high = signed(metric, far.difference.low, far.difference.high)
        unit = " percentage points" if metric.measure == "accuracy" else ""
        parts.append(f"The largest, to {far.b}, is somewhere between {low} and {high}{unit}.")
    if any(pair.difference.n for pair in pairs):
        parts.append(f"Shaded is what is taken as too small to matter, {zone(pairs, metric)}.")
    unsure = [pair for pair in pairs if pair.verdict == "undecided"]
    if not any(pair.difference.n for pair in pairs):
        parts.append("No seed has a value in both arms, so there is nothing to subtract.")
    elif unsure:
        parts.append(
            f"Hollow, {len(unsure)} of {len(pairs)}: undecided. "
            "These seeds cannot tell, which does not mean that there is no difference."
        )
    if 1 < len(comparison.seeds) < FEW_SEEDS:
        parts.append(f"{len(comparison.seeds)} seeds are few; only large differences can show.")
    if metric.name == "loss":
        parts.append("A lower training loss is no evidence of better results on new data.")
    return " ".join(parts)


def diagnosis(comparison: Comparison) -> str:
    """How many findings there are, and what no finding means."""
    findings = comparison.diagnosis
    looked = (
        "outputs, gradients and updates of every layer"
        if comparison.history.instruments
        else "losses and evaluations alone (there were no instruments)"
    )
    if not findings:
        return f"Nothing conspicuous in {looked}. That is no proof that training went well."
    arms = list(dict.fromkeys(finding.arm for finding in findings))
    where = f"in {_count(len(arms), 'arm')} of {len(comparison.names)}"
    return (
        f"{_count(len(findings), 'finding')} {where}, from {looked}. "
        "What to try is a suggestion, to be tested like anything else."
    )


def sensitivity_caption(comparison: Comparison) -> str:
    """Beneath the sensitivity curves: the budget, and what not to make of it."""
    tuning = comparison.tuning
    assert tuning is not None
    points, seeds = len(tuning.arms[0].points), len(tuning.seeds)
    settings = tuned_settings(comparison)
    tried = f"{_count(points, 'setting')} of {listed(settings)}" if settings else "one setting"
    parts = [
        f"Before the comparison every arm had the same budget: {tuning.budget} trainings, "
        f"{tried} × {_count(seeds, 'seed')}, "
        f"judged by {tuning.metric.label} alone. A ring marks what was chosen."
    ]
    if seeds > 1:
        parts.append("Bands reach from the lowest to the highest seed.")
    if len(settings) > 1:
        parts.append("Each value is shown with the best values of the other settings.")
    lost = sum(any(map(math.isnan, row)) for arm in tuning.arms for row in arm.values)
    if lost:
        parts.append(
            f"A cross marks settings with which a seed diverged "
            f"({lost} of {points * len(tuning.arms)}); they could not be chosen."
        )
    parts.append(
        "A chosen value was the luckiest of those tried, so its height here flatters; the "
        "comparison was made anew, on other seeds. Other ranges, or longer training, may choose "
        "other values."
    )
    return " ".join(parts)


def value(metric: Metric, mean: float) -> str:
    """One value of a metric.

    >>> value(Metric("test_accuracy"), 0.98054), value(Metric("loss"), 0.0123456)
    ('98.05 %', '0.0123')
    """
    return f"{100 * mean:.2f} %" if metric.measure == "accuracy" else f"{mean:.3g}"


def listed(words: Sequence[str]) -> str:
    """Words as a list.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed([])
    ('a, b and c', 'a', '')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _count(count: int | str, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{count} {noun}{'' if str(count) == '1' else plural}"


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"one seed ({seeds[0]})"
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]})"
    return f"{len(seeds)} seeds ({', '.join(map(str, seeds))})"


def _length(comparison: Comparison) -> str:
    """How long was trained."""
    facts = comparison.facts
    done, total = facts.get("steps", 0), facts.get("total_steps", 0)
    if not comparison.complete:
        return f"{done:,} of {total:,} steps before the run was interrupted"
    rows = facts.get("data", {}).get("rows", {}).get("train", 0)
    sizes = {recipe.batch_size for recipe in comparison.recipes.values()}
    if facts.get("epochs"):
        steps = f" ({total:,} steps)" if len(sizes) == 1 else ""
        return f"{_count(facts['epochs'], 'epoch')}{steps}"
    text = _count(f"{total:,}", "step")
    if rows and len(sizes) == 1:
        text += f" ({total / math.ceil(rows / sizes.pop()):.3g} epochs)"
    return text
