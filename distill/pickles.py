"""Foreign pickles, opened without running what they ask for.

Corpora of this field come with pickled tables (`templates.pkl`), and FLAME with a pickled model. A
pickle is a program. Here its instructions are looked at first, then run by a machine that knows
numpy arrays of numbers or text and plain containers, each by a function of this module, and
refuses everything else. Objects of a few libraries that FLAME's file holds become `Foreign`.
"""

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from distill.errors import UserError

LARGEST_BYTES = 2_000_000_000
MOST_TUPLES = 10_000
"""Hashing tuples that hold each other deeper than some ten thousand levels crashes Python."""
CODES = {code.code: code for code in pickletools.opcodes}
SLACK_BYTES = 1_000_000
REFUSED = {
    **dict.fromkeys(("PERSID", "BINPERSID"), "an object outside the file"),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), "a buffer outside the file"),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "a class of the copyreg registry"),
    **dict.fromkeys(("INST", "OBJ"), "an old-style instance"),
}
RENAMED = {"copy_reg": "copyreg", "__builtin__": "builtins"}
"""Modules of Python 2 by their names of today."""
_KIND = re.compile(r"[<>=|]?(\?|b1|[iu][1248]|f[248]|c8|c16|[SUa][1-9]\d{0,6})")


class Foreign:
    """The state of an object whose class was not imported."""

    arguments: tuple[Any, ...]
    state: dict[str, Any]

    def __new__(cls, *arguments: Any) -> "Foreign":
        """Keep what it was called with."""
        made = super().__new__(cls)
        made.arguments, made.state = arguments, {}
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {"state": state}


class _Function:
    """A stand-in as the pickle sees it: it can be called and nothing else."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call

    def __call__(self, *arguments: Any) -> Any:
        return self.call(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a changed function")


class _Kind:
    """Stand in for `numpy.dtype`: numbers and text of fixed width."""

    __slots__ = ("kind",)

    def __init__(self, code: str, align: Any = False, copy: Any = False) -> None:
        if not isinstance(code, str) or not _KIND.fullmatch(code):
            raise pickle.UnpicklingError(f"an array of kind {code!r}")
        self.kind = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.kind = self.kind.newbyteorder(state[1])


class _Array(np.ndarray):
    """An array that numpy fills only after its state was checked here."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, kind, fortran, raw = state[-4:]
        raw = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        self.__dict__.pop("spend")(len(raw))
        if not isinstance(kind, _Kind) or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError(f"an array of {kind!r} and shape {shape!r}")
        if math.prod(shape) * kind.kind.itemsize != len(raw):
            raise ValueError(f"{len(raw)} bytes for an array of shape {shape}")
        checked: Any = (1, tuple(shape), kind.kind, bool(fortran), raw)
        super().__setstate__(checked)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)


class _Reader(pickle.Unpickler):
    """The machine; what it makes may be as large as the file, so copies of copies end."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1", buffers=None)
        self.left_bytes = len(data) + SLACK_BYTES
        self.known = self._known()

    def find_class(self, module: str, name: str) -> Any:
        today = module.replace("numpy._core.", "numpy.core.")
        found = self.known.get((RENAMED.get(today, today), name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return found

    def _known(self) -> dict[tuple[str, str], Any]:
        functions = {
            ("_codecs", "encode"): self._encode,
            ("copyreg", "_reconstructor"): _rebuild,
            ("collections", "OrderedDict"): self._container(OrderedDict),
            ("numpy", "ndarray"): _uncallable,
            ("numpy.core.multiarray", "_reconstruct"): self._empty,
            ("numpy.core.multiarray", "scalar"): self._scalar,
            ("numpy.core.numeric", "_frombuffer"): self._from_buffer,
            ("builtins", "object"): _uncallable,
        }
        for kind in (set, frozenset, list, dict):
            functions["builtins", kind.__name__] = self._container(kind)
        functions["builtins", "bytes"] = self._encode
        functions["builtins", "bytearray"] = lambda *given: bytearray(self._encode(*given))
        classes = {
            ("numpy", "dtype"): _Kind, ("chumpy.ch", "Ch"): Foreign,
            ("chumpy.ch", "MatVecMult"): Foreign, ("chumpy.reordering", "Select"): Foreign,
            ("scipy.sparse.csc", "csc_matrix"): Foreign,
            ("scipy.sparse._csc", "csc_matrix"): Foreign,
        }  # fmt: skip
        return {name: _Function(call) for name, call in functions.items()} | classes

    def _spend(self, size_bytes: int) -> None:
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise pickle.UnpicklingError("more memory than a file of its size can fill")

    def _container(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        def make(values: Any = ()) -> Any:
            self._spend(len(values))
            return kind(values)

        return make

    def _encode(self, text: str | bytes | bytearray = b"", encoding: str = "latin1") -> bytes:
        """Stand in for `codecs.encode`: how Python 3 writes bytes for Python 2."""
        if str(encoding).lower().replace("-", "") not in ("latin1", "iso88591"):
            raise pickle.UnpicklingError(f"the encoding {encoding!r}")
        self._spend(len(text))
        return text.encode("latin1") if isinstance(text, str) else bytes(text)

    def _empty(self, kind: Any, shape: Any, code: Any) -> np.ndarray:
        array = np.ndarray.__new__(_Array, (0,), "b")
        array.__dict__["spend"] = self._spend
        return array

    def _scalar(self, kind: _Kind, data: str | bytes) -> Any:
        return np.frombuffer(self._encode(data), kind.kind, 1)[0]

    def _from_buffer(
        self, data: Any, kind: _Kind, shape: Any, order: str, axes: Any = None
    ) -> np.ndarray:
        """Stand in for `numpy.core.numeric._frombuffer`, which protocol 5 writes."""
        self._spend(len(data))
        array = np.frombuffer(bytes(data), kind.kind)
        if order == "K" and axes is not None:
            return array.reshape(shape).transpose(axes).copy()
        return array.reshape(shape, order="F" if order == "F" else "C").copy()


def _rebuild(kind: Any, base: Any, state: Any) -> Foreign:
    """Stand in for `copyreg._reconstructor`, which makes objects of old protocols."""
    if kind is not Foreign:
        raise pickle.UnpicklingError("an object of its own class")
    return Foreign()


def _uncallable(*arguments: Any) -> Any:
    raise pickle.UnpicklingError("an unfilled array or object")


def _check_instructions(data: bytes) -> None:
    """Refuse instructions that data never needs, before any of them runs."""
    stream, tuples = io.BytesIO(data), 0
    while (name := _next_instruction(stream)) != "STOP":
        tuples += name.startswith("TUPLE")
        if tuples > MOST_TUPLES:
            raise pickle.UnpicklingError(f"more than {MOST_TUPLES:,} tuples")


def _next_instruction(stream: io.BytesIO) -> str:
    """Read one instruction with its argument and return its name."""
    place = stream.tell()
    code = CODES[stream.read(1).decode("latin1")]
    if code.name in REFUSED:
        raise pickle.UnpicklingError(REFUSED[code.name])
    if code.name == "STRING":  # pickletools reads ASCII only, Python 2 wrote arrays with it
        stream.readline()
    elif code.arg is not None:
        argument = code.arg.reader(stream)
        if code.name.endswith("PUT") and argument > place:  # memory is reserved up to there
            raise pickle.UnpicklingError(f"{argument:,} places of memory")
    return code.name


def parse_pickle(data: bytes, name: str) -> Any:
    """Return what pickled bytes hold: numbers, text, containers, arrays, `Foreign` states.

    Text of Python 2 is read as latin1, as the corpora of this field need; `name` is the file that
    a refusal names.

    Raises:
        UserError: They are damaged or ask for anything else.
    """
    try:
        _check_instructions(data)
        return _Reader(data).load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{name} asks for {error}, which data never needs, and was not opened; "
            "get it from its publisher again"
        ) from error
    except Exception as error:  # damage shows itself as nearly any of them
        raise UserError(f"{name} is no complete pickle ({error}); copy it again") from error


def read_pickle(path: Path) -> Any:
    """Return what a pickle file holds, as `parse_pickle` does.

    Raises:
        UserError: No such file, too large, damaged, or it asks for anything but data.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist; the corpus's layout names it")
    if path.stat().st_size > LARGEST_BYTES:
        raise UserError(f"{path} is over {LARGEST_BYTES:,} bytes, too large for a table")
    return parse_pickle(path.read_bytes(), str(path))
