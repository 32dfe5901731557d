"""PyTorch, eager: one network after another, written as its users would who care for speed.

- data, batches' rows and first weights are tensors before the clock runs;
- `fused` optimizers where they exist (faster here than `foreach` and than the default);
- `zero_grad(set_to_none=True)`, losses are kept as tensors: no `.item()` in a step;
- evaluations under `inference_mode`, in pieces that fit the cache;
- it takes no gradient norms, which Shoal does.

Compiled: network and loss by `torch.compile` with fixed shapes, so forward and backward pass are
fused; the optimizer is the same fused one, and evaluations go through the compiled network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import shoal
from benchmarks.compiling import compile_with, tried
from benchmarks.harness import Contestant, Timed, nothing
from benchmarks.machine import has, named, thread_counts
from benchmarks.processes import in_processes
from benchmarks.work import Outcome, Training, contestant, keys, padded, rates
from shoal import Member

PIECE = 1000
"""Rows of an evaluation that go through the network at once."""

COMPILED = "torch.compile of network and loss, one network after another, fused optimizers"
SETTINGS = "eager, one network after another, fused optimizers, inference_mode"


@dataclass
class _One:
    """One network, ready to train."""

    model: Any
    optimizer: Any
    batches: list[Any]
    rates: dict[int, float]


def start(training: Training, threads: int, compiled: bool = False) -> Timed:
    """Make tensors, networks and optimizers ready; the timed part trains one after another.

    Args:
        training: what is trained.
        threads: of PyTorch.
        compiled: whether by `torch.compile`; the compiling is done here.
    """
    import torch

    torch.set_num_threads(threads)
    x, y = tensors(torch, *training.flat("train"))
    parts = {part: tensors(torch, *rows) for part, rows in training.evaluated.items()}
    batches = {
        seed: [torch.tensor(rows) for rows in training.batches(seed)]
        for seed in {member.seed for member in training.members}
    }
    ready = [
        network_of(torch, training, member, batches[member.seed]) for member in training.members
    ]
    if compiled:
        for one in ready:
            one.model = compile_with(torch, compiled)(one.model)
            _go_once_through(torch, one, x, y, parts)

    def run() -> Outcome:
        torch.set_num_threads(threads)
        trained = [_train(torch, training, one, x, y, parts) for one in ready]
        evaluations = len(training.evaluated_at)
        metrics = {
            name: np.stack([padded(m[name], evaluations) for _, m in trained])
            for name in trained[0][1]
        }
        losses = [loss.numpy() for loss, _ in trained]
        return Outcome(
            keys(training.members),
            metrics,
            tuple(len(loss) for loss in losses),
            np.stack([padded(loss, training.steps) for loss in losses]),
        )

    return run


def _train(torch: Any, training: Training, one: _One, x: Any, y: Any, parts: Any) -> Any:
    """Losses of every step, and metrics of every evaluation; a diverged network stops there."""
    cross_entropy = torch.nn.functional.cross_entropy
    model, optimizer = one.model, one.optimizer
    evaluate_at = set(training.evaluated_at)
    losses: list[Any] = []
    metrics: dict[str, list[float]] = {}
    model.train()
    for step, rows in enumerate(one.batches, start=1):
        if step - 1 in one.rates:
            for group in optimizer.param_groups:
                group["lr"] = one.rates[step - 1]
        optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if step in evaluate_at:
            model.eval()
            for part, (px, py) in parts.items():
                loss, accuracy = evaluate(torch, model, px, py)
                metrics.setdefault(f"{part}_loss", []).append(loss)
                metrics.setdefault(f"{part}_accuracy", []).append(accuracy)
            model.train()
            if not np.isfinite(loss) or training.reached(accuracy):
                break
    return torch.stack(losses), metrics


def _go_once_through(torch: Any, one: _One, x: Any, y: Any, parts: Any) -> None:
    """All shapes, forward and backward, so that all is compiled; no weight changes.

    Batch norm's running averages would; so networks with it are not compiled here.
    """
    one.model.train()
    for rows in {len(rows): rows for rows in one.batches}.values():
        torch.nn.functional.cross_entropy(one.model(x[rows]), y[rows]).backward()
    one.model.eval()
    for px, py in parts.values():
        evaluate(torch, one.model, px, py)


def evaluate(torch: Any, model: Any, x: Any, y: Any) -> tuple[float, float]:
    """Loss and accuracy."""
    with torch.inference_mode():
        loss = correct = 0.0
        for px, py in zip(x.split(PIECE), y.split(PIECE), strict=True):
            outputs = model(px)
            loss += torch.nn.functional.cross_entropy(outputs, py, reduction="sum")
            correct += (outputs.argmax(1) == py).sum()
        return float(loss) / len(x), float(correct) / len(x)


def tensors(torch: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Rows and their classes."""
    return torch.tensor(x), torch.tensor(y)


def network_of(torch: Any, training: Training, member: Member, batches: list[Any]) -> _One:
    """The network of a member with Shoal's first weights, and its optimizer."""
    data, recipe = training.data, member.recipe
    bound = recipe.network.bind(data.in_shape, data.outputs)
    values = bound.init(member.seed, data.in_shape, recipe.init)
    modules = []
    image: tuple[int, ...] = ()
    for layer, shape, arrays in zip(
        bound.layers, bound.shapes(data.in_shape), values, strict=False
    ):
        if isinstance(layer, shoal.Affine) and image:
            arrays = arrays | {"W": _channels_first(arrays["W"], image)}
        image = shape if isinstance(layer, shoal.Flatten) and len(shape) == 3 else ()
        modules.append(_module(torch, layer, shape, arrays))
    model = torch.nn.Sequential(*[module for module in modules if module is not None])
    optimizer = _optimizer(torch, member, model)
    return _One(model, optimizer, batches, rates(recipe, training.steps))


def _channels_first(weights: Any, image: tuple[int, ...]) -> Any:
    """Weights of numbers of an image (height, width, channels) in PyTorch's order of them."""
    units = weights.shape[1]
    return weights.reshape(*image, units).transpose(2, 0, 1, 3).reshape(-1, units)


def _module(torch: Any, layer: Any, shape: tuple[int, ...], arrays: dict[str, Any]) -> Any:
    nn = torch.nn
    match layer:
        case shoal.Flatten():
            # the rows are flat already, unless they are images; then channels come first there
            return nn.Flatten() if len(shape) == 3 else None
        case shoal.Conv2D(filters, size):
            module = nn.Conv2d(shape[2] if len(shape) == 3 else 1, filters, size)
            with torch.no_grad():
                module.weight.copy_(torch.tensor(arrays["W"].transpose(3, 2, 0, 1).copy()))
                module.bias.copy_(torch.tensor(arrays["b"]))
            flat = len(shape) == 2  # a grey image, a row of numbers so far
            return nn.Sequential(nn.Unflatten(1, (1, *shape)), module) if flat else module
        case shoal.MaxPool2D(size):
            return nn.MaxPool2d(size)
        case shoal.Affine(units):
            module = nn.Linear(shape[0], units)
            with torch.no_grad():
                module.weight.copy_(torch.tensor(arrays["W"].T.copy()))
                module.bias.copy_(torch.tensor(arrays["b"]))
            return module
        case shoal.BatchNorm():
            return nn.BatchNorm1d(shape[0], eps=layer.eps, momentum=layer.momentum)
        case shoal.ReLU():
            return nn.ReLU()
    raise NotImplementedError(f"no PyTorch module for {layer!r} here yet")


def _optimizer(torch: Any, member: Member, model: Any) -> Any:
    """The same rule with the same numbers; weights decay, biases, γ and β do not."""
    rule, decay = member.recipe.optimizer, member.recipe.weight_decay
    parameters: list[Any] = list(model.parameters())
    if decay:
        parameters = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
    optim, lr = torch.optim, rule.lr
    match rule:
        case shoal.SGD():
            return optim.SGD(parameters, lr, fused=True)
        case shoal.Momentum():  # and Nesterov, which is a Momentum
            nesterov = isinstance(rule, shoal.Nesterov)
            return optim.SGD(parameters, lr, rule.momentum, nesterov=nesterov, fused=True)
        case shoal.AdaGrad():
            return optim.Adagrad(parameters, lr, eps=rule.eps, fused=True)
        case shoal.RMSprop():
            return optim.RMSprop(parameters, lr, rule.decay, rule.eps)
        case shoal.Adam():
            return optim.Adam(parameters, lr, (rule.beta1, rule.beta2), rule.eps, fused=True)
    raise NotImplementedError(f"no PyTorch optimizer for {rule!r} here yet")


def contestants(
    training: Training, quick: bool, compiled: bool = False
) -> tuple[list[Contestant], dict[str, str]]:
    """PyTorch with each thread count, and with a process per processor; or why there is none.

    Args:
        training: what they train.
        quick: with one thread only, and compile nothing.
        compiled: whether `torch.compile` takes part too.
    """
    if not has("torch"):
        return [], {"PyTorch": "not installed"}
    made = []
    for threads in thread_counts(quick):
        name = named("PyTorch", threads)
        made.append(contestant(name, SETTINGS, partial(start, threads=threads), training))
    made += in_processes("PyTorch", SETTINGS, partial(start, threads=1), training)
    if not compiled:
        return made, {}
    if quick:
        return made, {"PyTorch compiled": "takes too long to compile for a quick run"}
    seconds, failed = tried(partial(start, training.some(1), threads=1, compiled=True))
    if failed:
        return made, {"PyTorch compiled": failed}
    said = f"{COMPILED}, its {seconds:.0f} s outside of the clock"
    for threads in thread_counts():
        run = partial(start, threads=threads, compiled=True)
        one = contestant(named("PyTorch compiled", threads), said, run, training)
        made.append(replace(one, warm_up=nothing))  # it is made ready with all shapes
    return made, {}
