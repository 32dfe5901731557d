"""The reference engine: a step of several members at once, in NumPy, as the equations say it.

What other engines do faster must give these numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shoal.data.batching import batch_rows
from shoal.engine.instruments import channels, read
from shoal.engine.layout import Layout, Matrix, layout_of
from shoal.engine.task import Rows, Steps, Task
from shoal.nn.arrays import Array
from shoal.optim.clipping import row_norms


class Reference:
    """Takes steps by the functions of `nn` and `optim`; a `Stepper` (see `chunk`).

    Args:
        task: what to do.
        home: the state of all its members.
    """

    def __init__(self, task: Task, home: Rows) -> None:
        self.task, self.home = task, home
        self.data = task.data.get()
        self.layout: Layout = layout_of(task.program.network, task.program.in_shape)

    def steps(
        self, live: NDArray[np.int64], first: int, last: int, readings: Matrix | None = None
    ) -> Steps:
        """Let some members take the steps first, …, last - 1.

        Args:
            live: which rows, rising.
            first, last: within the task.
            readings: where to put what the instruments read in every step, (members, channels);
                None to read nothing.
        """
        done = Steps.none(len(live), last - first)
        going, step = np.arange(len(live)), first
        self._bind(live)
        while step < last and len(going):
            outputs: list[Array] | None = None if readings is None else []
            loss, norm = self._gradient(step, outputs)
            finite = np.isfinite(loss)
            done.loss[going, step - first] = loss
            if not finite.all():
                done.diverged[going[~finite]] = step
                going = going[finite]
                self._store()
                self._bind(live[going])
                continue  # the others take this step without them
            done.gradient_norm[going, step - first] = norm
            if outputs is None or readings is None:
                self._update(step)
            else:
                readings[going] = self._watched_update(step, outputs)
            step += 1
        self._store()
        return done

    def outputs(self, live: NDArray[np.int64], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """What some members say of rows of data, in evaluation, (members, rows, outputs)."""
        rows = self.home if len(live) == len(self.home.theta) else self.home[live]
        params = self.layout.split(rows.theta, rows.running)
        said: NDArray[np.float32] = self.task.program.network.forward(params, x[None])[0]
        return said

    def _bind(self, live: NDArray[np.int64]) -> None:
        """Lay the views of the layers over the rows of some members."""
        program, home = self.task.program, self.home
        # all of them are taken as they are; some are copied, and stored when they are through
        self.live, self.rows = live, home if len(live) == len(home.theta) else home[live]
        self.numbers = numbers = self.task.numbers[live]
        self.seeds, self.seed_index = np.unique(numbers.seeds, return_inverse=True)
        self.params = self.layout.split(self.rows.theta, self.rows.running)
        shapes = program.network.shapes(program.in_shape)
        for (layer, name), value in numbers.layers.items():
            ones = (1,) * (1 + len(shapes[layer]))
            self.params[layer][name] = value.reshape(-1, *ones).astype(np.float32)
        self.rule = {name: value[:, None] for name, value in numbers.rule.items()}
        self.gradients = np.empty_like(self.rows.theta)

    def _store(self) -> None:
        """Write the state back to where it came from, if it lies elsewhere."""
        if self.rows is not self.home:
            self.home[self.live] = self.rows

    def _gradient(self, step: int, seen: list[Array] | None) -> tuple[Array, Array]:
        """Loss of the step's batch, and the norm of its gradient, which lies in `gradients`.

        What each layer puts out is appended to `seen`, if there is such a list.
        """
        program, network = self.task.program, self.task.program.network
        part = self.data.train
        batches = [
            batch_rows(int(seed), len(part), program.batch_size, step, self.task.replacement)
            for seed in self.seeds
        ]
        x = self._per_member([part.inputs(rows) for rows in batches])
        y = self._per_member([part.y[rows] for rows in batches])
        weights = None
        if part.weights is not None:
            weights = self._per_member([part.weights[rows] for rows in batches])
        noise = self._noise(step, x.shape[1])
        outputs, caches = network.forward(self.params, x, training=True, noise=noise, outputs=seen)
        loss, cache = program.loss.forward(outputs, y, weights)
        _, grads = network.backward(self.params, caches, program.loss.backward(cache, weights))
        self.layout.join(grads, self.gradients)
        self.new_running = network.running(self.params, caches) if self.layout.running else []
        self.norm = row_norms(self.gradients)
        return loss, self.norm

    def _update(self, step: int) -> None:
        """Clip, decay and apply the rule to whole rows: θ ← θ + δ."""
        program, weights = self.task.program, self.layout.weights
        theta, g = self.rows.theta, self.gradients
        lr = self.numbers.lr[step - self.task.first][:, None]
        if program.clips:
            clip = np.minimum(self.numbers.clip_norm / np.maximum(self.norm, np.float32(1e-30)), 1)
            g *= clip[:, None].astype(np.float32)
        if program.decays:
            decay = self.numbers.weight_decay[:, None]
            if program.rule.decoupled_decay:
                theta[:, :weights] *= (1 - lr * decay).astype(np.float32)
            else:
                g[:, :weights] += decay.astype(np.float32) * theta[:, :weights]
        delta, self.rows.slots = program.rule.update(
            g, self.rows.slots, step + 1, lr=lr, **self.rule
        )
        theta += delta
        if self.layout.running:
            self.layout.join_running(self.new_running, self.rows.running)

    def _watched_update(self, step: int, outputs: list[Array]) -> Matrix:
        """Update, and read the instruments, (members, channels)."""
        program, weights = self.task.program, slice(0, self.layout.weights)
        gradient = self.gradients[:, weights].copy()  # clipping and decay change it in place
        before = self.rows.theta[:, weights].copy()
        self._update(step)
        return read(
            channels(program.network, program.in_shape),
            program.network,
            self.layout,
            outputs,
            gradient,
            before,
            self.rows.theta[:, weights],
        )

    def _per_member(self, by_seed: list[Array]) -> Array:
        """(1, …) when all share a seed, and broadcasting does the rest; else (members, …)."""
        if len(by_seed) == 1:
            return by_seed[0][None]
        return np.stack([by_seed[i] for i in self.seed_index])

    def _noise(self, step: int, rows: int) -> list[Array | None] | None:
        program = self.task.program
        if not any(layer.random for layer in program.network.layers):
            return None
        by_seed = [
            program.network.noise(int(seed), step, rows, program.in_shape) for seed in self.seeds
        ]
        return [
            None if draws[0] is None else self._per_member(list(draws))
            for draws in zip(*by_seed, strict=True)
        ]
