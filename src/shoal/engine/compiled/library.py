"""The compiled functions, made once for all networks and kept on disk.

Kernels are compiled one by one and called by address: put into one another by the compiler, they
would be worked on again at every level, which takes minutes.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
import platformdirs
from numba.core import caching
from numba.core import types as T
from numba.core.ccallback import CFunc
from numpy.typing import NDArray

from shoal.engine.compiled import tables
from shoal.engine.compiled.activate import activate, descend
from shoal.engine.compiled.draws import drop
from shoal.engine.compiled.images import convolve, pool, unconvolve, unpool
from shoal.engine.compiled.losses import cross_entropy, pointwise
from shoal.engine.compiled.normalise import moments, normalise, shares, unnormalise
from shoal.engine.compiled.product import panel, product
from shoal.engine.compiled.rules import update
from shoal.engine.compiled.span import outputs_of, train_span

_I, _F, _D = T.int64, T.float32, T.float64
KERNELS: dict[int, tuple[Any, Any]] = {
    tables.PANEL: (panel, T.void(*[_I] * 15)),
    tables.PRODUCT: (product, T.void(*[_I] * 15)),
    tables.ACTIVATE: (activate, T.void(_I, _F, *[_I] * 6)),
    tables.DESCEND: (descend, T.void(_I, _F, *[_I] * 7)),
    tables.UPDATE: (update, T.void(_I, _I, _D, _I, _D, _D, *[_I] * 7)),
    tables.MOMENTS: (moments, T.void(*[_I] * 6)),
    tables.NORMALISE: (normalise, T.void(*[_I] * 5, _F, *[_I] * 3)),
    tables.SHARES: (shares, T.void(*[_I] * 7)),
    tables.UNNORMALISE: (unnormalise, T.void(*[_I] * 11)),
    tables.DROP: (drop, T.void(*[_I] * 3, _F, *[_I] * 5)),
    tables.SOFTMAX: (cross_entropy, T.void(_I, _F, *[_I] * 8)),
    tables.ELEMENTWISE: (pointwise, T.void(_I, _F, *[_I] * 8)),
    tables.CONVOLVE: (convolve, T.void(_I, _I, _F, *[_I] * 6)),
    tables.UNCONVOLVE: (unconvolve, T.void(_I, _I, _F, *[_I] * 9)),
    tables.POOL: (pool, T.void(*[_I] * 3)),
    tables.UNPOOL: (unpool, T.void(*[_I] * 5)),
}
"""The functions that are called by address, and what they take."""
SPAN = T.void(T.int64[:, ::1], T.float32[:, ::1], T.int64[::1], T.int64[::1], _F, T.int64[::1])
"""What the functions take that Python calls; see `span`."""


def _stamp() -> str:
    """What our source, the compiler and this processor are like, in a few letters.

    Of the processor, because machines may share a home: two that write to one folder at once could
    get each other's instructions.
    """
    here = (numba.__version__, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    digest = hashlib.sha256(repr(here).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# now, because the files may be others by the time that something is compiled
_STAMP = _stamp()
_log = logging.getLogger("shoal")
_making = RLock()
if hasattr(os, "register_at_fork"):
    # in a child that is born while a thread compiles nobody would ever come to the end of it
    os.register_at_fork(
        before=_making.acquire, after_in_parent=_making.release, after_in_child=_making.release
    )
_made: list[Library] = []


@dataclass(frozen=True, eq=False)
class Library:
    """What is compiled.

    Attributes:
        train, outputs: `span.train_span` and `span.outputs_of`.
        kernels: those that are called by address, by their place in a thread's tools.
        seconds: that it took to make or to load.
        compiled: how many functions were not on disk.
    """

    train: Callable[..., None]
    outputs: Callable[..., None]
    kernels: dict[int, CFunc]
    seconds: float
    compiled: int

    def tools(self) -> NDArray[np.int64]:
        """A thread's tools, with the addresses of all kernels."""
        tools = np.zeros(tables.TOOLS, np.int64)
        for place, kernel in self.kernels.items():
            tools[place] = kernel.address
        tools[tables.YIELD] = _yield_address()
        return tools


@lru_cache(maxsize=1)
def _yield_address() -> int:
    """Where the system's function lies that gives the processor away for a moment."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def library() -> Library:
    """The library of this process; the first who asks waits until it is there."""
    with _making:
        if not _made:
            _made.append(_make())
        return _made[0]


def _make() -> Library:
    started = time.perf_counter()
    hits = 0
    kernels: dict[int, CFunc] = {}
    for place, (function, signature) in KERNELS.items():
        options = {"nopython": True, "nogil": True, "error_model": "numpy"}
        kernel = CFunc(function.py_func, (signature.args, signature.return_type), {}, options)
        _keep(kernel, function.py_func)
        kernel.compile()
        hits += kernel._cache_hits
        if not kernels and not hits and sys.stderr.isatty():
            print("shoal: compiling, once for this machine; some ten seconds", file=sys.stderr)
        kernels[place] = kernel
    for function in (train_span, outputs_of):
        _keep(function, function.py_func)
        function.compile(SPAN)
        hits += sum(function.stats.cache_hits.values())
        function.disable_compile()
    seconds, compiled = time.perf_counter() - started, len(KERNELS) + 2 - hits
    if compiled:
        _log.info("compiled %d functions in %.1f s", compiled, seconds)
    return Library(train_span, outputs_of, kernels, seconds, compiled)


class _Place(caching._CacheLocator):
    """Where compiled functions are kept: a folder for each state of our source.

    Numba's own places look at the file of one function only, and would not notice that another
    which it calls has changed.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        place = cls(py_func.__qualname__)
        try:
            place.ensure_cache_path()
        except OSError:  # nobody may write there: compile every time
            return None
        return place

    def get_cache_path(self) -> str:
        folder = numba.config.CACHE_DIR or platformdirs.user_cache_path("shoal") / "compiled"
        return str(Path(folder, self.get_source_stamp()))

    def get_source_stamp(self) -> str:
        return _STAMP

    def get_disambiguator(self) -> str:
        return self.name


class _Impl(caching.CompileResultCacheImpl):
    _locator_classes = (_Place,)


class _Cache(caching.FunctionCache):
    """What cannot be read is compiled anew; what cannot be written is not kept."""

    _impl_class = _Impl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a file that a crash cut short, whatever Pickle says of it
            _log.info("%s is compiled anew: %s", self._py_func.__name__, error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:  # a full disk
            _log.info("%s is not kept: %s", self._py_func.__name__, error)


def _keep(function: Any, py_func: Any) -> None:
    """Keep a function on disk, where that can be done."""
    try:
        function._cache = _Cache(py_func)
    except RuntimeError as error:
        _log.info("compiled functions are not kept: %s", error)
