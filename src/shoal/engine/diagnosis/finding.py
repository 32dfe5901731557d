"""Findings: what a rule found in the members of an arm, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Symptom:
    """What a rule found in one member.

    Attributes:
        value: what was seen, as a number that the rule's words speak of.
        step: from which step on; at step 0 it was there before the first update.
        layers: names of the layers in which, such as "2 ReLU"; empty for the whole network.
        measure: of what the value is a difference, "accuracy" or "r2".
    """

    value: float
    step: int
    layers: tuple[str, ...] = ()
    measure: str = ""


@dataclass(frozen=True)
class Finding:
    """What went wrong in an arm.

    Attributes:
        rule: name of the rule, such as "dead units"; see docs/diagnosis.md.
        arm: name of the arm.
        seeds: seeds of the members affected.
        members: how many members the arm has.
        layers: in which layers, such as ("2 ReLU", "4 ReLU"); empty for the whole network.
        step: the first reading from which on it was seen in any of them, as updates done.
        value: what was seen: the median over the members affected.
        seen: the same in words.
        advice: what to try.
    """

    rule: str
    arm: str
    seeds: tuple[int, ...]
    members: int
    layers: tuple[str, ...]
    step: int
    value: float
    seen: str
    advice: str

    @property
    def where(self) -> str:
        """The layers in words; empty for the whole network."""
        return layer_words(self.layers)

    @property
    def affected(self) -> str:
        """How many members, in words."""
        if self.members == 1:
            return "its only seed"
        if len(self.seeds) == self.members:
            return "both seeds" if self.members == 2 else f"all {self.members} seeds"
        return f"{len(self.seeds)} of {self.members} seeds"

    def __str__(self) -> str:
        where = f"{self.where}: " if self.layers else ""
        return f"{self.arm}: {where}{self.seen} ({self.affected}); try {self.advice}"


def layer_words(layers: Sequence[str]) -> str:
    """Layers in a sentence.

    >>> layer_words(["2 ReLU"]), layer_words(["2 ReLU", "4 ReLU", "6 ReLU"])
    ('layer 2 (ReLU)', 'layers 2, 4 and 6 (ReLU)')
    >>> layer_words(["1 Affine", "2 Tanh"])
    'layers 1 (Affine) and 2 (Tanh)'
    """
    pairs = [layer.split(" ", 1) for layer in layers]
    if not pairs:
        return ""
    kinds = {kind for _, kind in pairs}
    one = len(kinds) == 1
    names = [number if one else f"{number} ({kind})" for number, kind in pairs]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    noun = "layer" if len(pairs) == 1 else "layers"
    return f"{noun} {listed}" + (f" ({kinds.pop()})" if one else "")
