"""Pickles of Python 2 and 3 open; whatever asks for more than data is refused and does not run."""

import os
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from distill.errors import UserError
from distill.pickles import Foreign, parse_pickle, read_pickle

FACE = np.arange(12, dtype="<f4").reshape(4, 3) + 200.5


def old_string(data: bytes) -> bytes:
    """A Python 2 `str` of protocol 2."""
    return b"T" + struct.pack("<i", len(data)) + data


def old_array(values: np.ndarray) -> bytes:
    """An array as numpy of Python 2 wrote it in protocol 2."""
    shape = b"(" + b"".join(b"K" + bytes([n]) for n in values.shape) + b"t"
    kind = b"cnumpy\ndtype\nq\x01" + old_string(b"f4") + b"K\x00K\x01\x87R"
    kind += b"(K\x03" + old_string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + old_string(b"b")
    return made + b"\x87R(K\x01" + shape + kind + b"\x89" + old_string(values.tobytes()) + b"tb"


def test_a_table_of_python_2_opens_with_latin1_names_and_arrays():
    table = b"\x80\x02}" + old_string(b"Jos\xe9") + old_array(FACE) + b"s."
    with pytest.raises(UnicodeDecodeError):
        pickle.loads(table)
    opened = parse_pickle(table, "templates.pkl")
    assert list(opened) == ["José"]
    assert isinstance(opened["José"], np.ndarray) and opened["José"].dtype == np.float32
    np.testing.assert_array_equal(opened["José"], FACE)


def test_text_protocol_of_python_2_opens():
    raw = "".join(f"\\x{b:02x}" for b in np.float32([1.5, -2.25]).tobytes()).encode()
    table = (
        b"(dS'F2'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I2\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
        b"I00\nS'" + raw + b"'\ntbs."
    )
    np.testing.assert_array_equal(parse_pickle(table, "t")["F2"], [1.5, -2.25])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        FACE,
        FACE.astype(">f8"),
        np.asfortranarray(FACE),
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
        np.array([True, False]),
        np.array(["été", "x"]),
        np.zeros((0, 3), np.uint32),
        np.array(7.0),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_come_back_as_they_were(protocol, array):
    opened = parse_pickle(pickle.dumps({"a": array}, protocol), "t")["a"]
    assert opened.dtype.str[1:] == array.dtype.str[1:] and opened.shape == array.shape
    np.testing.assert_array_equal(opened, array)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(opened)), array)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_containers_come_back_as_they_were(protocol):
    value = {
        "l": [1, 2.5, None, True, 10**30], "t": (1, (2,)), "s": {1, 2}, "f": frozenset("ab"),
        "b": b"\x00\xff", "o": OrderedDict(x=1, y=2), "n": np.float64(0.1), 3: "ü",
        "a": bytearray(b"ab"),
    }  # fmt: skip
    assert parse_pickle(pickle.dumps(value, protocol), "t") == value


def test_an_object_of_flame_gives_its_state_and_its_class_is_not_imported():
    chumpy = b"\x80\x02ccopy_reg\n_reconstructor\n(cchumpy.ch\nCh\nc__builtin__\nobject\nNtR"
    opened = parse_pickle(chumpy + b"}" + old_string(b"x") + old_array(FACE) + b"sb.", "flame.pkl")
    assert isinstance(opened, Foreign) and "chumpy" not in sys.modules
    np.testing.assert_array_equal(opened.state["x"], FACE)


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(mark: Path) -> dict[str, bytes]:
    command = f"touch {mark}"
    write = f"open({str(mark)!r}, 'w').close()"
    smuggled = np.array([Calls(os.system, command)], dtype=object)
    inherited = b"\x80\x02(cposix\nsystem\nX" + struct.pack("<I", len(command)) + command.encode()
    two = b"\x80\x02cnumpy\ndtype\n" + old_string(b"V8") + b"K\x00K\x01\x87R."
    return {
        "os.system": pickle.dumps(Calls(os.system, command)),
        "os.system in text": pickle.dumps({"a": [Calls(os.system, command)]}, 0),
        "eval": pickle.dumps(Calls(eval, write)),
        "exec": pickle.dumps(Calls(exec, write), 2),
        "getattr": b"\x80\x02cbuiltins\ngetattr\nNX\x01\x00\x00\x00a\x86R.",
        "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0bos.systemxx\x93.",
        "old instance": b"(S'" + command.encode() + b"'\nios\nsystem\n.",
        "old object": inherited + b"o.",
        "object array": pickle.dumps(smuggled, 2),
        "object kind": pickle.dumps(np.dtype(object)),
        "structure": two,
        "numpy loader": pickle.dumps(Calls(np.load, str(mark))),
        "persistent": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "persistent text": b"Pos.system\n.",
        "registry": b"\x80\x02\x82\x01.",
        "outside buffer": b"\x80\x05\x97.",
        "changed function": b"\x80\x02c_codecs\nencode\nN}X\x0c\x00\x00\x00__defaults__)s\x86b.",
        "changed class": b"\x80\x02cchumpy.ch\nCh\nN}X\x04\x00\x00\x00nameK\x01s\x86b.",
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
def test_what_is_no_data_is_refused_in_one_sentence_and_nothing_of_it_runs(name, tmp_path):
    mark = tmp_path / "it_ran"
    file = tmp_path / "templates.pkl"
    file.write_bytes(hostile(mark)[name])
    with pytest.raises(UserError) as refusal:
        read_pickle(file)
    assert not mark.exists()
    assert str(file) in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_hostile_file_does_run_where_pickle_opens_it(tmp_path):
    mark = tmp_path / "it_ran"
    pickle.loads(hostile(mark)["os.system"])
    assert mark.exists()


def copies(times: int) -> bytes:
    many = b"\x80\x02]q\x01(" + b"N" * 10_000 + b"e0"
    return many + b"(" + b"cbuiltins\nlist\nh\x01\x85R" * times + b"t."


def many_arrays(times: int) -> bytes:
    """Arrays that share one piece of memory in the file and none when they are made."""
    raw = old_string(b"x" * 100_000) + b"q\x010"
    one = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + old_string(b"b")
    one += b"\x87R(K\x01J" + struct.pack("<i", 100_000) + b"\x85cnumpy\ndtype\n"
    one += old_string(b"u1") + b"K\x00K\x01\x87R\x89h\x01tb"
    return b"\x80\x02" + raw + b"(" + one * times + b"t."


BOMBS = {
    "arrays of one memory": many_arrays(50),
    "memory of 32 GB": b"\x80\x02]r" + struct.pack("<I", 0x7FFFFFFF) + b".",
    "2 ** 40 bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"a.",
    "a bytearray by size": b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "an array by size": b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.",
    "copies of copies": copies(200),
    "tuples deeper than the stack": b"\x80\x02}N" + b"\x85" * 300_000 + b"Ns.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name):
    with pytest.raises(UserError):
        parse_pickle(BOMBS[name], "templates.pkl")


def test_honest_copies_pass():
    assert len(parse_pickle(copies(3), "t")) == 3
    assert [len(a) for a in parse_pickle(many_arrays(3), "t")] == [100_000] * 3


def test_every_truncation_is_refused(tmp_path):
    whole = pickle.dumps({"a": FACE, "b": [1, "x"]}, 2)
    for length in range(len(whole)):
        with pytest.raises(UserError, match="templates"):
            parse_pickle(whole[:length], "templates.pkl")
    with pytest.raises(UserError, match="does not exist"):
        read_pickle(tmp_path / "templates.pkl")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_damage_never_shows_another_error():
    whole = pickle.dumps({"a": FACE, "b": [1, "x"]}, 2)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        try:
            parse_pickle(bytes(damaged), "t")
        except UserError:
            continue
