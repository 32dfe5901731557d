"""Makes the pictures and figures of the README anew: `make docs`.

Runs the comparison that `shoal compare` runs by default, on MNIST if it is at hand, saves its
picture and report, and puts its table into README.md between two markers.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import shoal
from shoal.cli.compare import DEFAULT_STEPS
from shoal.comparison.recipes_file import default_recipes

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """Run the comparison and write what came out."""
    at_hand = {entry.name for entry in shoal.available() if entry.at_hand}
    data = shoal.load("mnist" if "mnist" in at_hand else "digits")
    comparison = shoal.compare(default_recipes().recipes, data, steps=DEFAULT_STEPS, seeds=5)
    comparison.facts["command"] = f"shoal compare --data {data.name} --steps {DEFAULT_STEPS}"
    IMAGES.mkdir(parents=True, exist_ok=True)
    comparison.plot(IMAGES / f"optimizers-{data.name}.png")
    comparison.report(ROOT / "runs" / "docs-report.html")
    replace_block(ROOT / "README.md", "optimizers", as_markdown(comparison))
    if data.name == "mnist":
        replace_block(ROOT / "docs" / "book.md", "bands", beside_the_book(comparison))
    print(comparison)


def as_markdown(comparison: shoal.Comparison) -> str:
    """The headline, the table, and where the numbers come from."""
    header, rows = comparison.table()
    lines = [f"> {comparison.headline}", ""]
    lines += [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    facts = comparison.facts
    lines += [
        "",
        f"Mean over {len(comparison.seeds)} seeds ± half of the 95 % interval; best is where the "
        f"validation part would stop. `{facts['command']}` printed this on {facts['date']} in "
        f"{facts['wall_seconds']:.0f} s ({facts['machine']}, Python {facts['python']}, "
        f"NumPy {facts['numpy']}).",
    ]
    return "\n".join(lines)


PUBLISHED = {"SGD": ".15 to .23", "Momentum": ".05", "AdaGrad": ".017", "Adam": ".03"}
"""Loss of one batch at step 1900 in unseeded runs of the textbook's code."""


def beside_the_book(comparison: shoal.Comparison) -> str:
    """The book's figures beside ours: losses of single batches around step 1900."""
    history, facts = comparison.history, comparison.facts
    lines = [
        "| arm | published | ours, mean | 5 % to 95 % of single batches |",
        "|---|---|---|---|",
    ]
    for name, published in PUBLISHED.items():
        curves = [history.curve(int(i), "loss").values[1850:1951] for i in comparison.members(name)]
        low, high = np.percentile(curves, [5, 95])
        lines.append(f"| {name} | {published} | {np.mean(curves):.3f} | {low:.3f} to {high:.3f} |")
    made = (
        f"`make docs` printed this on {facts['date']} ({facts['machine']}, NumPy {facts['numpy']})."
    )
    return "\n".join([*lines, "", made])


def replace_block(path: Path, name: str, text: str) -> None:
    """Put `text` between the markers <!-- begin name --> and <!-- end name -->."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    old = path.read_text("utf-8")
    new = re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: f"{begin}\n{text}\n{end}",
        old,
        flags=re.S,
    )
    path.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
