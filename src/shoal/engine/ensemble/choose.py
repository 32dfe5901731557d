"""Who is in an ensemble: all members, some by number, by arm, or the best by validation."""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.member import Member
from shoal.errors import ShoalError, check_number, unknown

Index = NDArray[np.int64]


def candidates(
    members: Sequence[Member], which: Sequence[int] | None, arms: str | Sequence[str] | None
) -> Index:
    """Numbers of the members asked for, in their order; all if nothing is asked.

    Args:
        members: of the shoal.
        which: by number; or
        arms: by the name of one arm or of several.

    Raises:
        ShoalError: no such member or arm, one twice, none at all, or both ways of choosing.

    >>> from shoal import SGD, Recipe, mlp
    >>> recipe = Recipe(mlp([2]), SGD())
    >>> members = [Member(recipe, seed, arm) for arm in ("a", "b") for seed in (0, 1)]
    >>> candidates(members, None, "b")
    array([2, 3])
    """
    if which is not None and arms is not None:
        raise ShoalError("give members or arms, one of the two")
    if which is not None:
        return _numbered(which, len(members))
    if arms is not None:
        return _of_arms(members, [arms] if isinstance(arms, str) else list(arms))
    return np.arange(len(members))


def _numbered(which: Sequence[int], count: int) -> Index:
    listed: list[Any] = list(which) if isinstance(which, Iterable) else [which]
    if not listed:
        raise ShoalError("members=[] is empty; give the number of at least one member")
    for member in listed:
        whole = isinstance(member, numbers.Integral) and not isinstance(member, bool)
        if not whole or not 0 <= member < count:
            raise ShoalError(f"member={member!r} must be a number from 0 to {count - 1}")
    if len(set(listed)) < len(listed):
        raise ShoalError(f"members={[int(m) for m in listed]} must name each member once")
    return np.array(sorted(listed), np.int64)


def _of_arms(members: Sequence[Member], arms: Sequence[str]) -> Index:
    known = list(dict.fromkeys(member.arm for member in members))
    if not arms:
        raise ShoalError(f"arms=[] is empty; give at least one of {', '.join(known)}")
    for arm in arms:
        if arm not in known:
            raise unknown("arm", arm, known)
    if len(set(arms)) < len(arms):
        raise ShoalError(f"arms={list(arms)} must name each arm once")
    return np.array([i for i, member in enumerate(members) if member.arm in arms])


def the_best(live: Index, count: int, valid: Mapping[str, NDArray[np.float64]]) -> Index:
    """The `count` members that did best on the validation part; among equals the lower loss.

    Args:
        live: who can be chosen.
        count: how many.
        valid: metrics of all members on the validation part at the last evaluation; accuracy is
            what counts for classes, RMSE for numbers.

    Raises:
        ShoalError: fewer members than asked for, or no validation part was evaluated.

    >>> loss = np.array([0.3, 0.2, 0.1])
    >>> the_best(np.arange(3), 2, {"valid_accuracy": np.array([0.9, 0.8, 0.9]), "valid_loss": loss})
    array([0, 2])
    """
    _check_count("best", count, live)
    worse = -valid["valid_accuracy"] if "valid_accuracy" in valid else valid.get("valid_rmse", None)
    if worse is None:
        raise ShoalError(
            f"best={count} needs a validation part to choose by; load the data with valid=0.2, "
            "say, and let the trainer evaluate it"
        )
    if not np.isfinite(worse[live]).all():
        raise ShoalError(f"best={count} needs an evaluation, and there was none yet; train first")
    order = np.lexsort((valid["valid_loss"][live], worse[live]))
    return np.sort(live[order[:count]])


def spread_over_seeds(members: Sequence[Member], asked: Index, live: Index, count: int) -> Index:
    """`count` members, equally many of each arm, with different seeds as far as possible.

    Members with one seed share weights' draws, batches and masks, whatever their arm; two of them
    err together more than they need to. Arms take turns, the one with the fewest members to choose
    from first, and each takes the seed that was taken least. Where `count` is not a multiple of the
    number of arms, the first arms have one more.

    Args:
        members: of the shoal.
        asked: who was asked for; their arms share the places.
        live: who of them can be chosen.
        count: how many.

    Raises:
        ShoalError: an arm with fewer members than its share.

    >>> from shoal import SGD, Recipe, mlp
    >>> recipe = Recipe(mlp([2]), SGD())
    >>> members = [Member(recipe, seed, arm) for arm in "ab" for seed in range(3)]
    >>> chosen = spread_over_seeds(members, np.arange(6), np.arange(6), 3)
    >>> [(members[i].arm, members[i].seed) for i in chosen]
    [('a', 0), ('a', 2), ('b', 1)]
    """
    _check_count("size", count, live)
    left: dict[str, list[int]] = {members[i].arm: [] for i in asked}
    for i in live.tolist():
        left[members[i].arm].append(i)
    each, more = divmod(count, len(left))
    shares = {arm: each + (k < more) for k, arm in enumerate(left)}
    for arm, share in shares.items():
        if len(left[arm]) < share:
            raise ShoalError(
                f"size={count} needs {share} of arm {arm!r}, of which {len(left[arm])} did not "
                "diverge; take a smaller size, other arms, or more seeds"
            )
    turns = sorted(left, key=lambda arm: len(left[arm]))
    taken: Counter[int] = Counter()
    chosen = []
    for turn in range(max(shares.values())):
        for arm in turns:
            if turn < shares[arm]:
                i = min(left[arm], key=lambda i: taken[members[i].seed])
                left[arm].remove(i)
                taken[members[i].seed] += 1
                chosen.append(i)
    return np.array(sorted(chosen))


def _check_count(name: str, count: int, live: Index) -> None:
    check_number(name, count, least=1, whole=True)
    if count > len(live):
        raise ShoalError(
            f"{name}={count} must be at most {len(live)}: so many members can be chosen from"
        )
