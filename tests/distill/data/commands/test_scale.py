"""The commands that make, pack and open a corpus, as they are typed."""

from distill.command import composed
from distill.data.__main__ import main
from distill.pipeline.build import build_corpus


def test_a_corpus_made_in_parts_is_packed_and_opened_by_the_config(tmp_path, capsys):
    words = ["budget=smoke", "data.clips=9", "data.speakers=2", "data.unseen_speakers=1"]
    words.append(f"data.cache={tmp_path}")
    for part in ("1/2", "2/2"):
        assert main(["make", "--part", part, *words]) == 0
    assert main(["make", *words]) == 0
    assert "the corpus has 9 clips" in capsys.readouterr().out
    assert main(["pack", "--out", str(tmp_path / "packed"), *words]) == 0
    assert "largest error of audio 0 (flac) and of motion 0 (float16" in capsys.readouterr().out
    packed = ["data=packed", f"data.root={tmp_path / 'packed'}", f"data.cache={tmp_path}"]
    opened, source = (build_corpus(composed(given)) for given in (packed, words))
    assert {clip.id for clip in opened.clips} == {clip.id for clip in source.clips}


def test_what_cannot_be_made_or_heard_is_said(tmp_path, capsys):
    assert main(["make", "data=facegood", "data.root=x"]) == 2
    assert "is read, not made" in capsys.readouterr().err
    assert main(["features", "data=facegood", "data.root=x"]) == 2
    assert "learns and has no features to keep" in capsys.readouterr().err
