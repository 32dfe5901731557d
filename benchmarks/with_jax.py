"""JAX with all members at once: jit, vmap over members, scan over the steps of an epoch and epochs.

One call trains a piece of members from start to end, evaluations included: no Python in between.
XLA gives one product to all threads, but hardly two operations at a time; so JAX takes part twice,
with one device, its default, and with a device for each processor, each with its share of a piece
(`shard_map`). The size of a piece is the fastest of a few in a short trial run. Both are compiled
ahead of time, outside of the clock; and once more with the clock running.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

import shoal
from benchmarks import stacks
from benchmarks.harness import Contestant, Timed
from benchmarks.machine import has, processors
from benchmarks.work import Outcome, Training, contestant

INSTALL = "not installed; pip install jax"


@lru_cache(maxsize=1)
def _jax() -> Any:
    """JAX on processors, with a device for each; this can be said before its first use only."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", processors())
    return jax


def start(training: Training, devices: int, size: int, anew: bool = False) -> Timed:
    """Make arrays ready and compile; the timed part trains piece after piece.

    Args:
        training: what is trained.
        devices: of JAX; each has its share of the members.
        size: members of a piece; as many more as it takes for equal shares.
        anew: forget what is compiled, and compile within the clock.
    """
    jax = _jax()
    pieces = list(stacks.pieces(training, size))
    most = -(-max(len(piece.members) for piece in pieces) // devices) * devices
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:devices]), ("members",))
    own = len({member.seed for member in training.members}) > 1
    shared = _shared(training)
    ready = [_padded(jax, piece, most, own) for piece in pieces]
    split = {name: own or not name.endswith("rows") for name in ready[0]}
    shared = jax.device_put(shared, _spread(jax, mesh, False))
    everywhere = {name: _spread(jax, mesh, each) for name, each in split.items()}
    ready = [{name: jax.device_put(v, everywhere[name]) for name, v in p.items()} for p in ready]
    jax.block_until_ready((shared, ready))
    compile_it = partial(_compiled, jax, training, mesh, split, ready[0], shared)
    compiled = None if anew else compile_it()

    def run() -> Outcome:
        started = time.perf_counter()
        if anew:
            jax.clear_caches()
        train = compiled or compile_it()
        once = time.perf_counter() - started if anew else 0.0
        done = jax.block_until_ready([train(piece, shared) for piece in ready])
        metrics, losses = [], []
        for piece, (found, loss) in zip(pieces, done, strict=True):
            count = len(piece.members)
            metrics.append({name: np.asarray(v, np.float64)[:count] for name, v in found.items()})
            losses.append(np.asarray(loss, np.float64)[:count])
        return stacks.outcome(training, metrics, losses, once)

    return run


def _spread(jax: Any, mesh: Any, split: bool) -> Any:
    """Where an array lies: each device has its share of the members, or the whole."""
    from jax.sharding import NamedSharding, PartitionSpec

    return NamedSharding(mesh, PartitionSpec("members") if split else PartitionSpec())


def _shared(training: Training) -> dict[str, Any]:
    """What all members see: rows and classes, of training and of the parts evaluated."""
    found = dict(zip("xy", training.flat("train"), strict=True))
    for part, (x, y) in training.evaluated.items():
        found |= {f"{part} x": x, f"{part} y": y}
    return found


def _padded(jax: Any, training: Training, most: int, own: bool) -> dict[str, Any]:
    """Members of a piece, the last one repeated so that all pieces are equally large."""
    stack = stacks.stack(training)
    batches = stacks.batches(training)
    epoch = training.evaluated_at[0]
    if training.steps % epoch:
        raise ValueError(f"steps={training.steps} must be whole epochs of {epoch}")
    rows = [np.stack(batches[first::epoch], -2) for first in range(epoch)]
    full = [r for r in rows if r.shape[-1] == training.batch_size]
    piece = {
        "weights": stack.weights,
        "biases": stack.biases,
        "lr": stack.lr,
        "decay": stack.decay,
        "rows": np.stack(full, -2),  # (members if they differ, epochs, steps, batch)
    }
    if len(full) < len(rows):
        piece["last rows"] = rows[-1]
    at = np.minimum(np.arange(most), len(training.members) - 1)
    return {
        name: jax.tree.map(lambda array: array[at], value)
        if own or not name.endswith("rows")
        else value
        for name, value in piece.items()
    }


def _compiled(
    jax: Any, training: Training, mesh: Any, split: dict[str, bool], piece: Any, shared: Any
) -> Callable[..., Any]:
    """The whole training of a piece."""
    function = partial(_train, jax, stacks.stack(training.some(1)).rule, training.parts)
    mapped = jax.vmap(function, ({name: 0 if each else None for name, each in split.items()}, None))
    if mesh.size > 1:
        specs = {name: _spread(jax, mesh, each).spec for name, each in split.items()}
        everywhere, shares = _spread(jax, mesh, False).spec, _spread(jax, mesh, True).spec
        mapped = jax.shard_map(mapped, mesh=mesh, in_specs=(specs, everywhere), out_specs=shares)
    return jax.jit(mapped).lower(piece, shared).compile()


def _train(jax: Any, rule: Any, parts: Sequence[str], member: Any, shared: Any) -> Any:
    """One member from start to end: metrics (epochs,) by name, and losses (steps,)."""
    jnp, lax = jax.numpy, jax.lax
    update, slots = _rule(jax, rule, member["lr"], member["decay"])

    def outputs(parameters: Any, x: Any) -> Any:
        *hidden, last = zip(*parameters, strict=True)
        for weight, bias in hidden:
            x = jax.nn.relu(x @ weight + bias)
        return x @ last[0] + last[1]

    def per_row(out: Any, y: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], 1)[:, 0]

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        return per_row(outputs(parameters, x), y).mean()

    def step(state: Any, rows: Any) -> Any:
        parameters, slots, t = state
        x, y = shared["x"][rows], shared["y"][rows]
        found, gradients = jax.value_and_grad(loss)(parameters, x, y)
        return (*update(parameters, gradients, slots, t + 1), t + 1), found

    def epoch(state: Any, rows: Any) -> Any:
        state, losses = lax.scan(step, state, rows[0])
        for last in rows[1:]:
            state, one = step(state, last)
            losses = jnp.append(losses, one)
        metrics = {}
        for part in parts:
            x, y = shared[f"{part} x"], shared[f"{part} y"]
            out = outputs(state[0], x)
            metrics[f"{part}_loss"] = per_row(out, y).mean()
            metrics[f"{part}_accuracy"] = (out.argmax(1) == y).mean()
        return state, (metrics, losses)

    parameters = member["weights"], member["biases"]
    rows = [member[name] for name in ("rows", "last rows") if name in member]
    state = parameters, slots(parameters), 0 * member["lr"]
    _, (metrics, losses) = lax.scan(epoch, state, tuple(rows))
    return metrics, losses.reshape(-1)


def _rule(jax: Any, rule: Any, lr: Any, decay: Any) -> tuple[Callable[..., Any], ...]:
    """The update of parameters (weights, biases) and slots, and the first slots."""
    jnp, of_each = jax.numpy, jax.tree.map

    def sgd(parameters: Any, gradients: Any, slots: Any, t: Any) -> Any:
        weights = of_each(lambda w, g: w - lr * (g + decay * w), parameters[0], gradients[0])
        return (weights, of_each(lambda b, g: b - lr * g, parameters[1], gradients[1])), slots

    def adam(parameters: Any, gradients: Any, slots: Any, t: Any) -> Any:
        a, b = rule.beta1, rule.beta2
        mean = of_each(lambda m, g: a * m + (1 - a) * g, slots[0], gradients)
        square = of_each(lambda v, g: b * v + (1 - b) * g * g, slots[1], gradients)
        rate, root = lr / (1 - a**t), jnp.sqrt(1 - b**t)
        moved = of_each(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + rule.eps), parameters, mean, square
        )
        return moved, (mean, square)

    if isinstance(rule, shoal.Adam):
        return adam, lambda parameters: (of_each(jnp.zeros_like, parameters),) * 2
    return sgd, lambda parameters: ()


def contestants(
    training: Training, sizes: Sequence[int], quick: bool
) -> tuple[list[Contestant], dict[str, str]]:
    """JAX with one device and with one per processor, each also with its compiling; or why not.

    Args:
        training: what they train.
        sizes: of pieces, to try.
        quick: try one size only.
    """
    if not has("jax"):
        return [], {"JAX": INSTALL}
    reason = stacks.why_not(training)
    if reason:
        return [], {"JAX": reason}
    made = []
    for devices in sorted({1, processors()}):
        size = _fastest(training, devices, sizes[:1] if quick else sizes)
        name = "JAX" if devices == 1 else "JAX shard_map"
        called = f"{devices} device{'s' if devices > 1 else ''}"
        said = f"jit, vmap over {size} members, scan over steps and epochs, {called}"
        run = partial(start, devices=devices, size=size)
        made.append((f"{name}, {called}", f"{said}; compiled outside of the clock", run))
        within = f"{said}; compiled within the clock, once for the whole work"
        made.append((f"{name} with compiling, {called}", within, partial(run, anew=True)))
    return [_contestant(*each, training) for each in made], {}


def _contestant(
    name: str, settings: str, run: Callable[..., Timed], training: Training
) -> Contestant:
    """Warmed up by a whole turn: other shapes would be compiled apart."""
    made = contestant(name, settings, run, training)
    return replace(made, warm_up=lambda: run(training)())


def _fastest(training: Training, devices: int, sizes: Sequence[int]) -> int:
    """The best size of a piece, from short runs; compiling does not count."""
    if len(sizes) == 1:
        return sizes[0]
    few = replace(training.some(max(sizes)), steps=training.evaluated_at[0])

    def seconds(size: int) -> float:
        run = start(few, devices, size)
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return stacks.fastest(sizes, seconds)
