"""Foreign pickles, opened without running what they ask for.

Corpora of this field come with pickled tables (`templates.pkl`), and FLAME with a pickled model. A
pickle is a program: this reader knows numpy arrays and plain containers and refuses everything
else. Objects of a few libraries that FLAME's file holds become `Foreign`, their state alone.
"""

import codecs
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from distill.errors import UserError

LARGEST_BYTES = 2_000_000_000


class Foreign:
    """The state of an object whose class was not imported."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments, self.state = arguments, {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {"state": state}


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for `codecs.encode`, which Python 3 writes for the bytes of Python 2 arrays."""
    if codecs.lookup(encoding).name != "iso8859-1":
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


def _empty(kind: Any, shape: Any, code: Any) -> np.ndarray:
    """Stand in for `numpy.core.multiarray._reconstruct`; a state follows that fills it."""
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _scalar(kind: Any, data: bytes = b"") -> Any:
    if not isinstance(kind, np.dtype) or kind.hasobject:
        raise pickle.UnpicklingError(f"scalar of {kind!r}")
    return np.frombuffer(data, kind, 1)[0]


def _from_buffer(data: Any, kind: Any, shape: Any, order: str = "C") -> np.ndarray:
    """Stand in for `numpy.core.numeric._frombuffer`, which protocol 5 writes."""
    if not isinstance(kind, np.dtype) or kind.hasobject:
        raise pickle.UnpicklingError(f"buffer of {kind!r}")
    return np.frombuffer(data, kind).reshape(shape, order="F" if order == "F" else "C").copy()


def _rebuild(kind: Any, base: Any, state: Any) -> Foreign:
    """Stand in for `copyreg._reconstructor`, which makes objects of old protocols."""
    if kind is not Foreign:
        raise pickle.UnpicklingError(f"an object of {kind!r}")
    return Foreign()


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    ("copyreg", "_reconstructor"): _rebuild,
    ("copy_reg", "_reconstructor"): _rebuild,
} | {
    (f"{package}.{name}", function): stand_in
    for package in ("numpy.core", "numpy._core")
    for name, function, stand_in in (
        ("multiarray", "_reconstruct", _empty),
        ("multiarray", "scalar", _scalar),
        ("numeric", "_frombuffer", _from_buffer),
    )
} | {
    (module, name): kind
    for module in ("builtins", "__builtin__")
    for name, kind in (
        ("set", set), ("frozenset", frozenset), ("list", list), ("dict", dict), ("object", object),
        ("bytearray", bytearray),
    )
}  # fmt: skip
_STATE_ONLY = {
    ("chumpy.ch", "Ch"), ("chumpy.reordering", "Select"), ("chumpy.ch", "MatVecMult"),
    ("scipy.sparse.csc", "csc_matrix"), ("scipy.sparse._csc", "csc_matrix"),
}  # fmt: skip


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if (module, name) in _STATE_ONLY:
            return Foreign
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError(f"a reference to {pid!r} outside the file")


def read_pickle(path: Path) -> Any:
    """Return what a pickle holds: numbers, text, containers, numpy arrays, `Foreign` states.

    Text of Python 2 is read as latin1, as the corpora of this field need.

    Raises:
        UserError: No such file, damaged, too large, or it asks for anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist; the corpus's layout names it")
    if path.stat().st_size > LARGEST_BYTES:
        raise UserError(f"{path} is over {LARGEST_BYTES:,} bytes, too large for a table")
    try:
        with open(path, "rb") as file:
            return _Reader(file, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} asks for {error}, which reading data never needs; it was not opened. "
            "Get the file from its publisher again"
        ) from error
    except (
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        MemoryError,
        UnicodeDecodeError,
        OverflowError,
        ImportError,
    ) as error:
        raise UserError(f"{path} is not a readable pickle ({error}); copy it again") from error
