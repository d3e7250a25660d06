import json

import pytest

from distill.errors import UserError
from distill.storage import atomic_path, content_hash, read_json, write_json


def test_json_round_trips(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"x": [1, 2.5, "y"]})
    assert read_json(tmp_path / "a" / "b.json") == {"x": [1, 2.5, "y"]}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"), atomic_path(tmp_path / "file" / "x"):
        pass


def test_a_full_disk_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="free some space"), atomic_path(tmp_path / "x"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("text", ["", "{", "\x00\x01"])
def test_broken_json_names_the_file(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(UserError, match=r"b\.json"):
        read_json(tmp_path / "b.json")
    with pytest.raises(UserError, match="does not exist"):
        read_json(tmp_path / "c.json")


def test_content_hash_ignores_key_order_only():
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert len(content_hash(json.loads("[]"))) == 16
