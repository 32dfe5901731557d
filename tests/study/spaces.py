"""Hypothesis strategies for recipes with distributions anywhere."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from shoal import (
    Affine,
    BatchNorm,
    Constant,
    Conv2D,
    Cosine,
    Dropout,
    Equal,
    Exponential,
    Flatten,
    InverseTime,
    Network,
    OneCycle,
    Recipe,
    ReLU,
    StepDecay,
    Tanh,
    WarmUp,
    choice,
    convnet,
    int_range,
    log_uniform,
    mlp,
    one_minus_log_uniform,
    repeat,
    uniform,
)
from shoal.optim import OPTIMIZERS


def _ordered(numbers: st.SearchStrategy, make: Any, gap: float = 0.0) -> st.SearchStrategy:
    pairs = st.tuples(numbers, numbers).filter(lambda p: abs(p[0] - p[1]) > gap)
    return pairs.map(lambda p: make(min(p), max(p)))


def _or_choice(fixed: st.SearchStrategy, *ranges: st.SearchStrategy) -> st.SearchStrategy:
    """A value, a range, or a choice among values and ranges."""
    options = st.lists(st.one_of(fixed, *ranges), min_size=1, max_size=3, unique_by=repr)
    return st.one_of(fixed, *ranges, options.filter(_different).map(choice))


def _different(options: list[Any]) -> bool:
    return not any(options[i] in options[:i] for i in range(len(options)))


positive = st.floats(-6, 1).map(lambda p: 10.0**p)
rates = _or_choice(positive, _ordered(positive, log_uniform), _ordered(positive, uniform))
shares = st.floats(0, 0.9)
parts = _or_choice(
    shares, _ordered(shares, uniform, 1e-3), _ordered(shares, one_minus_log_uniform, 1e-3)
)
small = st.integers(1, 6)
wholes = _or_choice(
    small, _ordered(small, int_range), _ordered(small, lambda a, b: int_range(a, b, log=True))
)
only_ranges = st.one_of(small, _ordered(small, int_range))
flags = st.one_of(st.booleans(), st.just(choice([True, False])))
activations = _or_choice(st.sampled_from(["relu", "tanh", "sigmoid", "gelu"]))
hidden = st.one_of(
    st.lists(wholes, max_size=3),
    st.builds(repeat, only_ranges, only_ranges),
    st.just(choice([[4], [4, 4], []])),
)
one_network = st.one_of(
    st.builds(mlp, hidden, activations, batch_norm=flags, dropout=parts),
    st.builds(
        convnet,
        st.lists(wholes, min_size=1, max_size=2),
        _or_choice(st.sampled_from([1, 3])),
        st.just(1),
        hidden,
        padding=st.just("same"),
        dropout=parts,
    ),
    st.builds(
        lambda units, layer, rate: Network(
            [Flatten(), Affine(units), layer, Dropout(rate), Affine()]
        ),
        wholes,
        st.sampled_from([ReLU(), BatchNorm(), choice([ReLU(), Tanh()])]),
        parts,
    ),
    st.builds(lambda count: Network([Conv2D(count, 3), Flatten(), Affine()]), wholes),
)
networks = _or_choice(one_network)
one_rule = st.one_of(
    [
        st.builds(
            kind,
            **{
                f.name: rates if f.name in ("lr", "eps") else parts
                for f in dataclasses.fields(kind)
            },
        )
        for kind in OPTIMIZERS.values()
    ]
)
rules = _or_choice(one_rule)
decays = st.floats(0.1, 0.9)
simple = st.one_of(
    st.builds(Constant),
    st.builds(Cosine, end=parts),
    st.builds(StepDecay, every=wholes, gamma=_or_choice(decays, _ordered(decays, uniform))),
    st.builds(Exponential, gamma=decays, every=wholes),
    st.builds(InverseTime, rate=rates),
    st.builds(OneCycle, peak=_or_choice(decays)),
)
one_schedule = st.one_of(simple, st.builds(WarmUp, wholes, _or_choice(simple)))
schedules = _or_choice(one_schedule)
starts = _or_choice(
    st.sampled_from(["he", "lecun", 0.5]), _ordered(positive, log_uniform), st.builds(Equal, rates)
)

anywhere = st.builds(
    Recipe,
    networks,
    rules,
    schedule=st.none() | schedules,
    init=starts,
    weight_decay=rates,
    batch_size=wholes,
    clip_norm=st.none() | rates,
)
"""Recipes that may have distributions in any place; some have none."""
spaces = anywhere.filter(lambda recipe: recipe.is_space)
