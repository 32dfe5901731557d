"""PyTorch with all members at once: their parameters stacked, the first axis counts members.

Two ways, both as the library's own guides write them:

- *baddbmm*: bias and product of all members of a layer in one call, autograd for the rest;
- *torch.func*: `stack_module_state`, and `vmap(grad_and_value(...))` over the members.

Both update by hand, in place, with a column of learning rates and decays (fused Adam where members
share its numbers). Members go in pieces of a size that a short trial run chose, for either way and
number of threads. Compiled: `torch.compile` with fixed shapes, of losses, their gradients, updates
of SGD, and evaluations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import shoal
from benchmarks import stacks
from benchmarks.compiling import Compiled, compile_with, tried
from benchmarks.harness import Contestant, Timed, nothing
from benchmarks.machine import has, named, processors
from benchmarks.processes import in_processes
from benchmarks.stacks import Stack
from benchmarks.with_torch import PIECE, network_of, tensors
from benchmarks.work import Outcome, Training, contestant


@dataclass
class _Piece:
    """Members that train at once, ready.

    Attributes:
        gradients: (x, y) to losses and gradients.
        outputs: x to (members, rows, classes).
        update: takes gradients.
        batches: rows of every step.
    """

    parameters: list[Any]
    gradients: Callable[..., Any]
    outputs: Callable[..., Any]
    update: Callable[..., None]
    batches: list[Any]


def start(training: Training, threads: int, way: str, size: int, compiled: bool = False) -> Timed:
    """Make tensors and functions ready; the timed part trains piece after piece.

    Args:
        training: what is trained.
        threads: of PyTorch.
        way: "baddbmm" or "torch.func".
        size: members of a piece.
        compiled: whether by `torch.compile`; the compiling is done here.
    """
    import torch

    torch.set_num_threads(threads)
    x, y = tensors(torch, *training.flat("train"))
    parts = {part: tensors(torch, *rows) for part, rows in training.evaluated.items()}
    ready = [
        _piece(torch, piece, way, compile_with(torch, compiled))
        for piece in stacks.pieces(training, size)
    ]
    if compiled:
        _compile(torch, ready, x, y, parts)

    def run() -> Outcome:
        torch.set_num_threads(threads)
        done = [_train(torch, training, piece, x, y, parts) for piece in ready]
        metrics, losses = zip(*done, strict=True)
        return stacks.outcome(training, metrics, losses)

    return run


def _train(torch: Any, training: Training, piece: _Piece, x: Any, y: Any, parts: Any) -> Any:
    """Metrics of every evaluation, and losses of every step."""
    evaluate_at = set(training.evaluated_at)
    losses: list[Any] = []
    metrics: dict[str, list[Any]] = {}
    for step, rows in enumerate(piece.batches, start=1):
        loss, gradients = piece.gradients(x[rows], y[rows])
        piece.update(gradients)
        losses.append(loss)
        if step in evaluate_at:
            for part, (px, py) in parts.items():
                loss, accuracy = _evaluate(torch, piece.outputs, px, py)
                metrics.setdefault(f"{part}_loss", []).append(loss)
                metrics.setdefault(f"{part}_accuracy", []).append(accuracy)
    stacked = {name: torch.stack(values, 1).double().numpy() for name, values in metrics.items()}
    return stacked, torch.stack(losses, 1).double().numpy()


def _evaluate(torch: Any, outputs: Callable[..., Any], x: Any, y: Any) -> tuple[Any, Any]:
    """Loss and accuracy of every member."""
    with torch.no_grad():
        loss = correct = 0.0
        for px, py in zip(x.split(PIECE), y.split(PIECE), strict=True):
            out = outputs(px)
            loss = loss + _losses(torch, out, py) * len(px)
            correct = correct + (out.argmax(2) == py).sum(1)
        return loss / len(x), correct / len(x)


def _losses(torch: Any, out: Any, y: Any) -> Any:
    """The mean over the batch, for every member."""
    members, rows, classes = out.shape
    flat, labels = out.reshape(-1, classes), y.expand(members, rows).reshape(-1)
    each = torch.nn.functional.cross_entropy(flat, labels, reduction="none")
    return each.view(members, rows).mean(1)


def _compile(torch: Any, pieces: Sequence[_Piece], x: Any, y: Any, parts: Any) -> None:
    """Go once through all shapes, and leave the members as they were."""
    for piece in pieces:
        before = [parameter.detach().clone() for parameter in piece.parameters]
        for rows in {rows.shape[-1]: rows for rows in piece.batches}.values():
            _, gradients = piece.gradients(x[rows], y[rows])
        if not isinstance(piece.update, _Adam):
            piece.update(gradients)
        for px, py in parts.values():
            _evaluate(torch, piece.outputs, px, py)
        with torch.no_grad():
            for parameter, value in zip(piece.parameters, before, strict=True):
                parameter.copy_(value)


def _piece(torch: Any, training: Training, way: str, compiled: Compiled) -> _Piece:
    stack = stacks.stack(training)
    ready = {"baddbmm": _baddbmm, "torch.func": _func}[way]
    weights, biases, gradients, outputs = ready(torch, training, stack, compiled)
    rule = (_Adam if isinstance(stack.rule, shoal.Adam) else _SGD)(torch, stack, weights, biases)
    if isinstance(rule, _SGD):
        rule.apply = compiled(rule.apply)
    batches = [torch.tensor(rows) for rows in stacks.batches(training)]
    return _Piece(weights + biases, gradients, outputs, rule, batches)


def _baddbmm(torch: Any, training: Training, stack: Stack, compiled: Compiled) -> Any:
    """Products of all members in one call; weights are (members, fan_in, fan_out)."""
    weights = [torch.tensor(array, requires_grad=True) for array in stack.weights]
    biases = [torch.tensor(array[:, None], requires_grad=True) for array in stack.biases]

    def network(weights: list[Any], biases: list[Any], x: Any) -> Any:
        h = x.expand(len(weights[0]), *x.shape[-2:])
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            h = torch.relu(torch.baddbmm(bias, h, weight))
        return torch.baddbmm(biases[-1], h, weights[-1])

    def loss(weights: list[Any], biases: list[Any], x: Any, y: Any) -> Any:
        return _losses(torch, network(weights, biases, x), y)

    losses, outputs = compiled(loss), compiled(network)

    def gradients(x: Any, y: Any) -> Any:
        found = losses(weights, biases, x, y)
        return found.detach(), torch.autograd.grad(found.sum(), weights + biases)

    return weights, biases, gradients, lambda x: outputs(weights, biases, x)


def _func(torch: Any, training: Training, stack: Stack, compiled: Compiled) -> Any:
    """The functions of one network, mapped; weights are (members, fan_out, fan_in)."""
    from torch import func

    models = [network_of(torch, training, member, []).model for member in training.members]
    state = {name: value.detach() for name, value in func.stack_module_state(models)[0].items()}
    weights = [name for name in state if name.endswith("weight")]
    biases = [name for name in state if name.endswith("bias")]

    def network(values: Any, x: Any) -> Any:
        return func.functional_call(models[0], values, (x,))

    def loss(values: Any, x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(network(values, x), y)

    own = 0 if len({member.seed for member in training.members}) > 1 else None
    mapped = compiled(func.vmap(func.grad_and_value(loss), in_dims=(0, own, own)))
    outputs = compiled(func.vmap(network, in_dims=(0, None)))

    def gradients(x: Any, y: Any) -> Any:
        found, losses = mapped(state, x, y)
        return losses, [found[name] for name in weights + biases]

    of = state.__getitem__
    return [*map(of, weights)], [*map(of, biases)], gradients, lambda x: outputs(state, x)


class _SGD:
    """W ← (1 - lr λ) W - lr g and b ← b - lr g, in place, each member with its own numbers."""

    def __init__(self, torch: Any, stack: Stack, weights: list[Any], biases: list[Any]) -> None:
        self.torch, self.weights, self.biases = torch, weights, biases
        self.rate = -torch.tensor(stack.lr)
        self.keep = 1 - torch.tensor(stack.lr * stack.decay) if stack.decay.any() else None

    def __call__(self, gradients: Sequence[Any]) -> None:
        with self.torch.no_grad():
            self.apply(self.weights, self.biases, gradients, self.rate, self.keep)

    @staticmethod
    def apply(weights: Any, biases: Any, gradients: Any, rate: Any, keep: Any) -> None:
        """A function of arrays, so that it can be compiled."""
        for k, parameter in enumerate([*weights, *biases]):
            column = (-1,) + (1,) * (parameter.ndim - 1)
            if k < len(weights) and keep is not None:
                parameter.mul_(keep.view(column))
            parameter.addcmul_(gradients[k], rate.view(column))


class _Adam:
    """Fused, of all members; they share its numbers."""

    def __init__(self, torch: Any, stack: Stack, weights: list[Any], biases: list[Any]) -> None:
        rule, self.parameters = stack.rule, weights + biases
        assert isinstance(rule, shoal.Adam)
        numbers = rule.lr, (rule.beta1, rule.beta2), rule.eps
        self.optimizer = torch.optim.Adam(self.parameters, *numbers, fused=True)

    def __call__(self, gradients: Sequence[Any]) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        self.optimizer.step()


def contestants(
    training: Training, sizes: Sequence[int], quick: bool
) -> tuple[list[Contestant], dict[str, str]]:
    """Both ways with all threads, with a process per processor, and compiled; or why not.

    Args:
        training: what they train.
        sizes: of pieces, to try.
        quick: try one size only, and compile nothing.
    """
    if not has("torch"):
        return [], {"PyTorch, all members at once": "not installed; pip install torch"}
    reason = stacks.why_not(training)
    if reason:
        return [], {"PyTorch, all members at once": reason}
    made: list[Contestant] = []
    absent: dict[str, str] = {}
    for way in ("baddbmm", "torch.func"):
        peer = f"PyTorch {way}"
        of_threads = {
            threads: _fastest(training, threads, way, sizes[:1] if quick else sizes)
            for threads in {processors(), 1}
        }
        for compiled in (False, True):
            who = f"{peer} compiled" if compiled else peer
            if compiled and quick:
                absent[who] = "takes too long to compile for a quick run"
                continue
            size = of_threads[processors()]
            said = _settings(way, size)
            run = partial(start, threads=processors(), way=way, size=size, compiled=compiled)
            if compiled:
                seconds, failed = tried(partial(run, training))
                if failed:
                    absent[who] = failed
                    continue
                said += f"; torch.compile, its {seconds:.0f} s outside of the clock"
            one = contestant(named(who, processors()), said, run, training)
            made.append(replace(one, warm_up=nothing) if compiled else one)
            if not compiled:
                size = of_threads[1]
                run = partial(start, threads=1, way=way, size=size)
                made += in_processes(who, _settings(way, size), run, training)
    return made, absent


def _settings(way: str, size: int) -> str:
    ways = {
        "baddbmm": "stacked parameters, baddbmm, autograd",
        "torch.func": "stack_module_state, vmap(grad_and_value)",
    }
    return f"{ways[way]}, updates in place by columns of numbers; {size} members at once"


def _fastest(training: Training, threads: int, way: str, sizes: Sequence[int]) -> int:
    """The best size of a piece, from short runs."""
    if len(sizes) == 1:
        return sizes[0]

    few = replace(training.some(max(sizes)), steps=training.evaluated_at[0])

    def seconds(size: int) -> float:
        run = start(few, threads, way, size)
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return stacks.fastest(sizes, seconds)
