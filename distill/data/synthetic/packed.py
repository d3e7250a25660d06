"""A .npy file that grows by appending rows, and is an ordinary .npy file once finished."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
from numpy.lib import format as npy


class Appender:
    """Appends rows of one dtype and shape to a .npy file in constant memory.

    Attributes:
        rows: Rows written so far.
    """

    def __init__(self, path: Path, dtype: str, row: tuple[int, ...] = ()) -> None:
        self.path, self.dtype, self.row = path, np.dtype(dtype), row
        self.rows = 0
        self._digest = hashlib.sha256()
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644), "wb")
        self._file.write(self._head())

    def append(self, values: np.ndarray) -> int:
        """Write rows; return where they start."""
        start = self.rows
        data = np.ascontiguousarray(values, self.dtype).tobytes()
        self._file.write(data)
        self._digest.update(data)
        self.rows += len(values)
        return start

    def finish(self) -> str:
        """Write the final header and flush; return the hash of the rows."""
        self._file.seek(0)
        self._file.write(self._head())
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _head(self) -> bytes:
        """Return a header whose size does not depend on the number of rows (numpy pads it)."""
        buffer = io.BytesIO()
        shape = (self.rows, *self.row)
        descr = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(buffer, descr)
        return buffer.getvalue()
