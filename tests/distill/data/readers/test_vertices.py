"""VOCASET, BIWI and Multiface in their layouts, with the traps that trip everybody."""

import pickle

import numpy as np
import pytest

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.corpus import require_trainable
from distill.data.readers import biwi, multiface, vocaset
from distill.data.readers.biwi import open_biwi
from distill.data.readers.multiface import open_multiface
from distill.data.readers.vertex_files import mapped
from distill.data.readers.vocaset import open_vocaset
from distill.errors import UserError
from distill.face.vertices import VertexModel, write_model
from tests.distill.data.readers.published import latin1_table, shapes, talking, write_vertices

TRAINS, TESTS = vocaset.TRAIN[0], vocaset.TEST[0]
VOCA = [
    f"{TRAINS}_sentence01", f"{TRAINS}_sentence40", f"{TESTS}_sentence20", f"{TESTS}_sentence21",
    f"{vocaset.VAL[0]}_sentence40",
]  # fmt: skip
SIZES = {TRAINS: 1.0, TESTS: 1.1, vocaset.VAL[0]: 0.9, "Jos\xe9": 1.0}


@pytest.fixture
def voca(tmp_path):
    return write_vertices(tmp_path / "voca", VOCA, SIZES, fps=60, mm_per_unit=1000.0)


def by_split(corpus):
    return {
        split: sorted(clip.id for clip in corpus.clips if clip.split == split)
        for split in {clip.split for clip in corpus.clips}
    }


def test_vocaset_has_the_subjects_and_sentences_of_the_papers(voca):
    corpus = open_vocaset(voca)
    require_trainable(corpus)
    assert by_split(corpus) == {
        "train": VOCA[:2], "val": [VOCA[4]], "test": [VOCA[3]],
    }  # fmt: skip
    assert {clip.speaker for clip in corpus.clips} == {TRAINS, TESTS, vocaset.VAL[0]}
    assert (corpus.rig, corpus.fps, corpus.name) == ("vertices", 30.0, "vocaset")


def test_vocaset_splits_count_as_published():
    assert [len(s) for s in (vocaset.TRAIN, vocaset.VAL, vocaset.TEST)] == [8, 2, 2]
    counted = [vocaset.place(s, f"sentence{n:02d}") for s in vocaset.SPLITS for n in range(1, 41)]
    assert [counted.count((name, "neutral")) for name in ("train", "val", "test")] == [320, 40, 40]
    assert vocaset.place("FaceTalk_000000_00000_TA", "sentence30") is None


def test_motion_is_every_second_frame_minus_the_subjects_own_face_in_mm(voca):
    corpus = open_vocaset(voca)
    clip = next(clip for clip in corpus.clips if clip.id == VOCA[3])
    recording = corpus.read(clip)
    expected = shapes(talking(30, 3)[::2], 1.1) - shapes(np.zeros((1, 55), np.float32), 1.1)
    assert np.abs(expected).max() > 3.0
    np.testing.assert_allclose(recording.motion, expected.reshape(15, -1), atol=1e-3)


@pytest.mark.parametrize("fps", [30, 25, 60])
def test_sound_and_motion_are_as_long_as_the_clip_says(voca, fps):
    corpus = open_vocaset(voca, fps=fps)
    for clip in corpus.clips:
        recording = corpus.read(clip)
        assert len(recording.motion) == clip.frames > 0.9 * fps * 0.5
        assert len(recording.audio) == clip.samples == sample_at(clip.frames, fps)
        np.testing.assert_array_equal(
            recording.audio, load_audio(voca / f"wav/{clip.id}.wav")[: clip.samples]
        )


def test_opening_maps_arrays_and_does_not_load_them(voca):
    assert isinstance(mapped(voca / f"vertices_npy/{VOCA[0]}.npy"), np.memmap)
    values = np.load(voca / f"vertices_npy/{VOCA[0]}.npy")
    values[7] = np.nan
    np.save(voca / f"vertices_npy/{VOCA[0]}.npy", values.reshape(len(values), -1, 3))
    corpus = open_vocaset(voca, fps=60)
    with pytest.raises(UserError, match=f"{VOCA[0]}.npy moves a vertex nan mm"):
        corpus.read(corpus.clips[0])


def test_a_sentence_without_its_partner_is_left_out_and_named(voca):
    (voca / f"wav/{VOCA[0]}.wav").unlink()
    (voca / f"vertices_npy/{VOCA[4]}.npy").unlink()
    with pytest.warns(UserWarning, match=f"lacks 2 files .*wav/{VOCA[0]}.wav") as caught:
        corpus = open_vocaset(voca)
    assert f"vertices_npy/{VOCA[4]}.npy" in str(caught[0].message)
    assert by_split(corpus) == {"train": [VOCA[1]], "test": [VOCA[3]]}


def test_metres_read_as_mm_and_mm_read_as_metres_are_refused_with_the_unit_that_fits(
    voca, tmp_path
):
    with pytest.raises(UserError, match=r"data\.units=mm, .*set data\.units=m$"):
        open_vocaset(voca, units="mm")
    millimetres = write_vertices(tmp_path / "mm", VOCA, SIZES, fps=60, mm_per_unit=1.0)
    with pytest.raises(UserError, match=r"data\.units=m, .*set data\.units=mm$"):
        open_vocaset(millimetres)
    motion = open_vocaset(voca).read(open_vocaset(voca).clips[0]).motion
    again = open_vocaset(millimetres, units="mm")
    np.testing.assert_allclose(again.read(again.clips[0]).motion, motion, atol=1e-3)
    for wrong in ("inch", 0, -1):
        with pytest.raises(UserError, match="none of m, cm, mm"):
            open_vocaset(voca, units=wrong)


def test_arrays_of_no_common_unit_open_with_the_unit_that_the_refusal_names(tmp_path):
    odd = write_vertices(tmp_path, ["F2_e01"], {"F2": 1.0}, fps=25, mm_per_unit=200.0)
    with pytest.raises(UserError, match="a usual face") as refusal:
        open_biwi(odd)
    named = float(str(refusal.value).split("data.units=")[-1].split()[0])
    assert open_biwi(odd, units=named).clips


def test_a_template_of_another_unit_than_the_arrays_is_refused(voca):
    face = shapes(np.zeros((1, 55), np.float32))[0]
    (voca / "templates.pkl").write_bytes(latin1_table(dict.fromkeys(SIZES, face)))
    corpus = open_vocaset(voca, units="mm")
    with pytest.raises(UserError, match=r"away from its template; .*one unit"):
        corpus.read(corpus.clips[0])


def test_arrays_already_at_30_fps_are_noticed(tmp_path):
    halved = write_vertices(tmp_path, VOCA, SIZES, fps=30, mm_per_unit=1000.0)
    with pytest.raises(UserError, match=r"30 frames for a second of sound, not 60; .*recorded_fps"):
        open_vocaset(halved)
    assert open_vocaset(halved, recorded_fps=30).clips[0].frames == 15


def test_another_topology_and_unknown_subjects_are_refused(voca):
    path = voca / f"vertices_npy/{VOCA[0]}.npy"
    values = np.load(path)
    np.save(path, values[:, 3:])
    with pytest.raises(UserError, match="of one topology"):
        open_vocaset(voca)
    np.save(path, values)
    path.rename(path.with_name("Nobody_sentence01.npy"))
    (voca / f"wav/{VOCA[0]}.wav").rename(voca / "wav/Nobody_sentence01.wav")
    with pytest.raises(UserError, match=r"templates\.pkl has no subject that Nobody_sentence01"):
        open_vocaset(voca)


def test_what_is_missing_is_named_with_where_to_get_it(voca, tmp_path):
    (voca / "templates.pkl").unlink()
    with pytest.raises(UserError, match=r"lacks templates\.pkl .*voca\.is\.tue\.mpg\.de"):
        open_vocaset(voca)
    with pytest.raises(UserError, match="lacks vertices_npy, wav, templates"):
        open_biwi(tmp_path / "nothing")


def test_a_table_that_runs_programs_is_refused(voca, tmp_path):
    class Runs:
        def __reduce__(self):
            return eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    (voca / "templates.pkl").write_bytes(pickle.dumps({TRAINS: Runs()}))
    with pytest.raises(UserError, match=r"asks for builtins\.eval"):
        open_vocaset(voca)
    assert not (tmp_path / "ran").exists()
    (voca / "templates.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UserError, match="no table of faces"):
        open_vocaset(voca)


def test_the_hash_follows_the_data(voca):
    first = open_vocaset(voca).content_hash
    assert open_vocaset(voca).content_hash == first
    path = voca / f"vertices_npy/{VOCA[0]}.npy"
    values = np.load(path)
    values[0, 0] += 1e-3
    np.save(path, values)
    assert open_vocaset(voca).content_hash != first


def test_components_of_a_rig_give_their_coefficients(voca, tmp_path):
    count = len(shapes(np.zeros((1, 55), np.float32))[0])
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(3, count, 3)).astype(np.float32)
    nothing = np.zeros(0, np.int64)
    model = VertexModel(
        neutral=np.zeros((count, 3), np.float32), triangles=nothing.reshape(0, 3), lips=nothing,
        upper=nothing, lip_pairs=nothing.reshape(0, 2), basis=basis,
    )  # fmt: skip
    write_model(tmp_path / "rig.safetensors", model)
    rest = np.load(voca / f"vertices_npy/{VOCA[0]}.npy")[:1] * 0
    wanted = rng.normal(size=(30, 3))
    faces = shapes(np.zeros((1, 55), np.float32)).reshape(1, -1) + wanted @ basis.reshape(3, -1)
    np.save(voca / f"vertices_npy/{VOCA[0]}.npy", rest + faces / 1000.0)
    corpus = open_vocaset(voca, basis=tmp_path / "rig.safetensors")
    assert corpus.channels == ("pc000", "pc001", "pc002")
    motion = corpus.read(corpus.clips[0]).motion
    np.testing.assert_allclose(motion, wanted[::2], atol=1e-3)
    other = write_vertices(tmp_path / "b", ["F2_e01"], {"F2": 1.0}, fps=25, mm_per_unit=1000.0)
    write_model(
        tmp_path / "other.safetensors",
        VertexModel(**vars(model) | {"neutral": model.neutral[1:], "basis": basis[:, 1:]}),
    )
    with pytest.raises(UserError, match=r"make the rig of this corpus with .*distill\.data basis"):
        open_biwi(other, basis=tmp_path / "other.safetensors")


def test_biwi_splits_are_those_of_the_papers():
    names = [(s, f"e{n:02d}") for s in (*biwi.SEEN, *biwi.UNSEEN) for n in range(1, 41)]
    found = [place[0] for s, n in names if (place := biwi.place(s, n))]
    assert {name: found.count(name) for name in set(found)} == {
        "train": 192, "val": 24, "test": 24, "test_unseen": 32,
    }  # fmt: skip
    assert biwi.place("F2", "33") == ("val", "neutral")
    assert biwi.place("F1", "e01") is None and biwi.place("X9", "e40") is None


def test_biwi_opens_at_25_fps_with_or_without_its_neutral_half(tmp_path):
    names = ["F2_e01", "F2_01", "F2_e37", "M1_e40", "M1_e12"]
    root = write_vertices(tmp_path, names, {"F2": 1.0, "M1": 1.2}, fps=25, mm_per_unit=1000.0)
    corpus = open_biwi(root)
    assert corpus.fps == 25.0 and corpus.clips[0].frames == 12
    assert by_split(corpus) == {
        "train": ["F2_01", "F2_e01"], "test": ["F2_e37"], "test_unseen": ["M1_e40"],
    }  # fmt: skip
    assert {clip.emotion for clip in corpus.clips} == {"neutral", "emotional"}
    assert len(open_biwi(root, neutral=False).clips) == 3


def test_multiface_tells_subjects_by_the_table_and_deals_sentences_not_clips(tmp_path):
    subjects = {"002643814": 1.0, "002643814_b": 1.0}
    names = [f"{s}_SEN_words_{n}" for s in subjects for n in range(12)]
    root = write_vertices(tmp_path, names, subjects, fps=30, mm_per_unit=1.0, seconds=0.2)
    corpus = open_multiface(root)
    assert {clip.speaker for clip in corpus.clips} == set(subjects)
    split = {clip.id: clip.split for clip in corpus.clips}
    for number in range(12):
        assert len({split[f"{s}_SEN_words_{number}"] for s in subjects}) == 1
    many = [multiface.place("x", f"SEN_{n}")[0] for n in range(400)]
    assert 290 < many.count("train") < 350 and many.count("test") > 20
