import json

import pytest

from distill.errors import UserError
from distill.storage import atomic_folder, atomic_path, content_hash, read_json, write_json


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


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "frames"
    for name in ("1.txt", "2.txt"):
        with atomic_folder(path, lambda file: file.suffix == ".txt") as work:
            (work / name).write_text(name)
            assert not (path / name).exists()
        assert [file.name for file in path.iterdir()] == [name]
    with pytest.raises(RuntimeError), atomic_folder(path, lambda _: True) as work:
        (work / "3.txt").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [path] and list(path.iterdir()) == [path / "2.txt"]


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.md").write_text("dear")
    (tmp_path / "file").write_text("")
    for name in ("mine", "file"):
        with (
            pytest.raises(UserError, match="choose another folder"),
            atomic_folder(tmp_path / name, lambda file: file.suffix == ".txt"),
        ):
            pass
    with (
        pytest.raises(UserError, match="cannot write"),
        atomic_folder(tmp_path / "file" / "x", lambda _: True),
    ):
        pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["diary.md", "file", "mine"]
