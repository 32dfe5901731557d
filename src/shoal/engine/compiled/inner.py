"""How functions are compiled that only compiled functions call."""

from __future__ import annotations

from typing import Any

from numba import njit

_ONLY_INSIDE: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # a division by zero is infinite, as in NumPy
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

# Freedoms with rounding are used as the instructions around allow, and a function beside its kernel
# exists twice: the process that compiles takes another one than those that find the kernel on disk.
# So whatever has freedoms is put into the kernel itself, and there is one.
_FREE: dict[str, Any] = _ONLY_INSIDE | {"forceinline": True}

inner = njit(**_ONLY_INSIDE)
"""Plain arithmetic, in the order in which it stands."""
elementwise = njit(fastmath={"contract"}, **_FREE)
"""a · b + c may be rounded once instead of twice."""
summing = njit(fastmath={"contract", "reassoc"}, **_FREE)
"""Sums may besides be taken in the order that suits vectors, always the same one."""
