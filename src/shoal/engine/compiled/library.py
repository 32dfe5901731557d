"""The compiled functions, made once for all networks and kept on disk.

Kernels are compiled one by one and called by address: put into one another by the compiler, they
would be worked on again at every level, which takes minutes.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import caching
from numba.core import types as T
from numba.core.ccallback import CFunc
from numpy.typing import NDArray

from shoal.engine.compiled import tables
from shoal.engine.compiled.activate import activate, descend
from shoal.engine.compiled.draws import drop, list_rows
from shoal.engine.compiled.images import convolve, pool, unconvolve, unpool
from shoal.engine.compiled.losses import cross_entropy, pointwise
from shoal.engine.compiled.normalise import moments, normalise, shares, unnormalise
from shoal.engine.compiled.place import STAMP, folder
from shoal.engine.compiled.product import panel, product
from shoal.engine.compiled.rules import update
from shoal.engine.compiled.second import second_process
from shoal.engine.compiled.span import answer, forward, train_span
from shoal.engine.compiled.waves import unwave, wave
from shoal.engine.compiled.zeros import frugal
from shoal.errors import ShoalError

_I, _F, _D = T.int64, T.float32, T.float64
KERNELS: dict[int, tuple[Any, Any]] = {
    tables.PANEL: (panel, T.void(*[_I] * 15)),
    tables.PRODUCT: (product, T.void(*[_I] * 13)),
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
    tables.WAVE: (wave, T.void(*[_I] * 9)),
    tables.UNWAVE: (unwave, T.void(*[_I] * 13)),
    tables.FRUGAL: (frugal, T.void(*[_I] * 13)),
    tables.FORWARD: (forward, T.void(*[_I] * 14)),
}
"""The functions that are called by address, and what they take."""
CALLED = ((list_rows, T.void(*[_I] * 8)), (answer, T.void(_I)))
"""Those that Python calls with addresses and numbers."""
SPAN = T.void(T.int64[:, ::1], T.float32[:, ::1], T.int64[::1], T.int64[::1], _F, T.int64[::1])
"""What the one takes that Python calls with arrays; see `span`."""
APART = 4
"""The last functions are compiled by a second process: that takes as long as all others."""


_log = logging.getLogger("shoal")
_making = RLock()
if hasattr(os, "register_at_fork"):
    # in a child that is born while a thread compiles nobody would ever come to the end of it
    os.register_at_fork(
        before=_making.acquire, after_in_parent=_making.release, after_in_child=_making.release
    )
_made: list[Library] = []
_failed: list[str] = []


@dataclass(frozen=True, eq=False)
class Library:
    """What is compiled.

    Attributes:
        train: `span.train_span`.
        answer: `span.answer`, to be called with an address.
        list_rows: `draws.list_rows`.
        kernels: those that are called by address, by their place in a thread's tools.
        seconds: that it took to make or to load.
        compiled: how many functions were not on disk.
    """

    train: Callable[..., None]
    answer: Callable[[int], None]
    list_rows: Callable[..., None]
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
    """The library of this process; the first who asks waits until it is there.

    Raises:
        ShoalError: it cannot be compiled here, and why.
    """
    with _making:
        if not _made and not _failed:
            try:
                with _collecting_rarely():
                    _made.append(_make())
            except Exception as error:  # of LLVM, of Numba, no memory: whatever it is
                _failed.append(" ".join(f"{type(error).__name__}: {error}".split()))
        if _failed:
            raise ShoalError(f"compiling failed ({_failed[0]}); take engine='reference'")
        return _made[0]


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Let Python look for dead objects less often: a compiler makes very many that live."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def at_hand() -> bool:
    """Whether the library is there, or can be loaded from disk without compiling anything."""
    return bool(_made) or all(_is_kept(function) for function in _functions())


def _functions() -> list[Any]:
    """All that is compiled: the kernels, `list_rows`, `answer`, `train_span`."""
    options = {"nopython": True, "nogil": True, "error_model": "numpy"}
    functions: list[Any] = [
        CFunc(function.py_func, (signature.args, signature.return_type), {}, options)
        for function, signature in (*KERNELS.values(), *CALLED)
    ]
    return [*functions, train_span]


def _make() -> Library:
    started = time.perf_counter()
    functions = _functions()
    *kernels, listing, answering, training = functions
    own, others = _shared_out(functions)
    compiled = len(others)
    with second_process([_name(function) for function in others]) if others else nullcontext():
        for function in own:
            compiled += not _compile(function)
            if compiled and function is functions[0] and sys.stderr.isatty():
                print("shoal: compiling, once for this machine; some ten seconds", file=sys.stderr)
    for function in others:
        _compile(function)
    training.disable_compile()
    seconds = time.perf_counter() - started
    if compiled:
        _log.info("compiled %d functions in %.1f s", compiled, seconds)
    return Library(
        training,
        ctypes.CFUNCTYPE(None, ctypes.c_int64)(answering.address),
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 8)(listing.address),
        dict(zip(KERNELS, kernels, strict=True)),
        seconds,
        compiled,
    )


def _shared_out(functions: list[Any]) -> tuple[list[Any], list[Any]]:
    """What this process compiles, and what a second one does: nothing, if it lies on disk."""
    kept = [_keep(function) for function in functions]
    others = functions[-APART:]
    if not all(kept) or any(map(_is_kept, others)):
        return functions, []
    return functions[:-APART], others


def compile_these(names: Sequence[str]) -> None:
    """Compile functions by their names, and keep them on disk; see `second`."""
    with _collecting_rarely():
        for function in _functions():
            if _name(function) in names and _keep(function):
                _compile(function)


def _compile(function: Any) -> bool:
    """Load a function from disk, or compile it; whether it was loaded."""
    if isinstance(function, CFunc):
        function.compile()
        return bool(function._cache_hits)
    function.compile(SPAN)
    return bool(function.stats.cache_hits)


@lru_cache(maxsize=1)
def _processor() -> str:
    """Compiler and processor, in a few letters.

    Machines may share a home: two that write to one folder at once could get each other's code.
    """
    here = (numba.__version__, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    return hashlib.sha256(repr(here).encode()).hexdigest()[:8]


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
        return str(folder(numba.config.CACHE_DIR) / _processor())

    def get_source_stamp(self) -> str:
        return STAMP

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


def _keep(function: Any) -> bool:
    """Keep a function on disk, where that can be done; whether it can."""
    try:
        function._cache = _Cache(_source(function))
    except RuntimeError as error:
        _log.info("compiled functions are not kept: %s", error)
        return False
    return True


def _is_kept(function: Any) -> bool:
    """Whether a function lies on disk, compiled for this processor by this Numba."""
    try:
        cache = _Cache(_source(function))
        if isinstance(function, CFunc):
            signature, target = function._sig, function._targetdescr.target_context
        else:
            signature, target = SPAN, function.targetctx
        key = cache._index_key(signature, target.codegen())
        return key in cache._cache_file._load_index()
    except Exception:  # nothing can be read there
        return False


def _name(function: Any) -> str:
    return str(_source(function).__name__)


def _source(function: Any) -> Any:
    return function._pyfunc if isinstance(function, CFunc) else function.py_func
