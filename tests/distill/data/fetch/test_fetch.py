import hashlib
import io
import shutil
import tarfile
import zipfile

import pytest

from distill.data.__main__ import main
from distill.data.fetch import transfer
from distill.data.fetch.fetch import fetch, unpack
from distill.data.fetch.manifest import RemoteFile, Source, names, restricted, source
from distill.data.fetch.transfer import download
from distill.errors import UserError
from tests.distill.data.fetch.server import Served

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_S", 0.0)
    served = Served({"/a.bin": CONTENT})
    yield served
    served.close()


def a_source(server, *files: RemoteFile) -> Source:
    return Source(
        name="x", title="X", page=server.base, licence="MIT", terms="", licence_url="", after="",
        files=files or (RemoteFile(path="sub/a.bin", url=f"{server.base}/a.bin"),),
    )  # fmt: skip


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(server, tmp_path):
    found = download(f"{server.base}/a.bin", tmp_path / "a", sha256=SHA256, size=len(CONTENT))
    assert found == SHA256 and (tmp_path / "a").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_broken_transfer_goes_on_where_it_broke_off(server, tmp_path):
    server.breaks = [300_000, 400_000]
    download(f"{server.base}/a.bin", tmp_path / "a", sha256=None, size=None)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=300000-", "bytes=700000-"]


def test_another_command_goes_on_too(server, tmp_path):
    server.breaks = [100_000, 0, 0, 0]
    with pytest.raises(UserError, match=r"broke off after 100,000 bytes .* the same command"):
        download(f"{server.base}/a.bin", tmp_path / "a", sha256=None, size=None)
    assert not (tmp_path / "a").exists()
    download(f"{server.base}/a.bin", tmp_path / "a", sha256=None, size=None)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=100000-"


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges, server.breaks = False, [300_000]
    download(f"{server.base}/a.bin", tmp_path / "a", sha256=SHA256, size=None)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_not_patched_together(server, tmp_path):
    server.breaks = [100_000, 0, 0, 0]
    with pytest.raises(UserError):
        download(f"{server.base}/a.bin", tmp_path / "a", sha256=None, size=None)
    server.files["/a.bin"] = CONTENT[::-1]
    download(f"{server.base}/a.bin", tmp_path / "a", sha256=None, size=None)
    assert (tmp_path / "a").read_bytes() == CONTENT[::-1]


def test_a_part_without_a_version_is_continued_only_against_a_hash(server, tmp_path):
    server.marked = False
    (tmp_path / "a.part").write_bytes(CONTENT[:1000])
    download(f"{server.base}/a.bin", tmp_path / "a", sha256=SHA256, size=None)
    (tmp_path / "b.part").write_bytes(CONTENT[:1000])
    download(f"{server.base}/a.bin", tmp_path / "b", sha256=None, size=None)
    assert [wanted for _, wanted in server.asked] == ["bytes=1000-", None]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_starts_over(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT + b"more")
    download(f"{server.base}/a.bin", tmp_path / "a", sha256=SHA256, size=None)
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize(("sha256", "size"), [("0" * 64, None), (None, 7)])
def test_another_file_than_expected_is_deleted(server, tmp_path, sha256, size):
    with pytest.raises(UserError, match=f"another file than expected .*{SHA256}"):
        download(f"{server.base}/a.bin", tmp_path / "a", sha256=sha256, size=size)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_a_sentence_and_not_tried_again(server, tmp_path):
    with pytest.raises(UserError, match="404"):
        download(f"{server.base}/b.bin", tmp_path / "a", sha256=None, size=None)
    assert len(server.asked) == 1


def test_the_hash_of_a_first_download_counts_from_then_on(server, tmp_path):
    said: list[str] = []
    fetch(a_source(server), tmp_path, said.append)
    assert any(SHA256 in text for text in said)
    fetch(a_source(server), tmp_path, said.append)
    assert len(server.asked) == 1
    (tmp_path / "sub/a.bin").unlink()
    server.files["/a.bin"] = CONTENT[::-1]
    with pytest.raises(UserError, match="another file than expected"):
        fetch(a_source(server), tmp_path, said.append)


def test_a_damaged_file_is_fetched_again(server, tmp_path):
    known = RemoteFile(path="a.bin", url=f"{server.base}/a.bin", sha256=SHA256, bytes=len(CONTENT))
    (tmp_path / "a.bin").write_bytes(CONTENT[:-1])
    fetch(a_source(server, known), tmp_path, lambda text: None)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_download_that_does_not_fit_is_refused_before_it_starts(server, tmp_path):
    huge = RemoteFile(path="a", url=f"{server.base}/a.bin", bytes=shutil.disk_usage(tmp_path).total)
    with pytest.raises(UserError, match=r"MB free; choose another folder with --out"):
        fetch(a_source(server, huge), tmp_path / "not" / "there", lambda text: None)
    assert not server.asked and not list(tmp_path.iterdir())


def archive(kind: str, members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as file:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives_unpack_to_their_folder_and_are_not_fetched_twice(server, tmp_path, kind):
    server.files["/p"] = archive(kind, {"s1/one.txt": b"1", "s1/two.txt": b"2"})
    packed = a_source(server, RemoteFile(path=f"p.{kind}", url=f"{server.base}/p", unpack="s1"))
    for _ in range(2):
        fetch(packed, tmp_path, lambda text: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fetched.json", "s1"]
    assert (tmp_path / "s1/two.txt").read_bytes() == b"2"
    assert len(server.asked) == 1


def test_nothing_is_written_outside_of_an_archive(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "p.tar.gz"
    path.write_bytes(archive("tar.gz", {"../evil.txt": b"x"}))
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(path, tmp_path / "in" / "out")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "p.tar.gz"]


def test_every_manifest_is_complete():
    assert set(names()) == {"facegood", "ict-facekit", "grid", "librispeech-mini"}
    for name in names():
        described = source(name)
        assert described.title and described.licence and described.terms and described.after
        assert len({file.path for file in described.files}) == len(described.files)
        for file in described.files:
            assert file.url.startswith("https://") and not file.path.startswith(("/", ".."))
            assert file.sha256 is None or (len(file.sha256) == 64 and file.bytes)


def test_manifests_agree_with_the_recordings_here(shared_data):
    folders = {"facegood": "facegood/upstream", "ict-facekit": "ict_facekit/upstream"}
    for name, folder in folders.items():
        for file in source(name).files:
            path = shared_data / folder / file.path
            if path.is_file():
                assert file.bytes == path.stat().st_size
                assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_command_lists_refuses_and_names_where_to_ask(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["fetch", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in [*names(), *(entry.name for entry in restricted())])
    assert main(["fetch", "facegood"]) == 2
    told = capsys.readouterr()
    assert "MIT" in told.out and "add --yes" in told.err and not list(tmp_path.iterdir())
    assert main(["fetch", "vocaset"]) == 2 and "voca.is.tue.mpg.de" in capsys.readouterr().err
    assert main(["fetch", "nothing"]) == 2 and "one of facegood" in capsys.readouterr().err
