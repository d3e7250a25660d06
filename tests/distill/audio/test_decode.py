import warnings

import numpy as np
import pytest
import soundfile

from distill.audio.decode import decode_audio, load_audio, resample, write_wav
from distill.errors import UserError
from tests.distill.audio.recordings import chirp_bursts, delay_samples, write, write_ffmpeg

SENT = chirp_bursts(16000).astype(np.float32)
SOUNDFILE = [
    ("wav", "PCM_U8", 3e-2),
    ("wav", "PCM_16", 1e-3),
    ("wav", "PCM_24", 1e-3),
    ("wav", "FLOAT", 1e-3),
    ("flac", "PCM_16", 1e-3),
    ("ogg", "VORBIS", 0.1),
    ("mp3", "MPEG_LAYER_III", 0.1),
]
FFMPEG = [("m4a", "aac"), ("mp4", "aac"), ("webm", "libopus"), ("mkv", "pcm_s16le")]


def check(heard, tolerance):
    """Same content, and in place within 1 ms (lossy codecs keep no exact length)."""
    assert heard.dtype == np.float32 and heard.ndim == 1
    assert abs(len(heard) - len(SENT)) <= 1600
    assert abs(delay_samples(heard, SENT)) < 16
    count = min(len(heard), len(SENT))
    error = heard[:count] - SENT[:count]
    assert np.sqrt(np.mean(error**2) / np.mean(SENT**2)) < max(tolerance, 2e-3)


@pytest.mark.parametrize(("suffix", "subtype", "tolerance"), SOUNDFILE)
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000, 96000])
def test_sndfile_formats_keep_content_and_timing(tmp_path, suffix, subtype, tolerance, rate_hz):
    if suffix == "mp3" and rate_hz == 96000:
        rate_hz = 32000
    path = tmp_path / f"a.{suffix}"
    write(path, chirp_bursts(rate_hz), rate_hz, subtype=subtype)
    check(load_audio(path), tolerance)


@pytest.mark.parametrize(("suffix", "codec"), FFMPEG)
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_ffmpeg_formats_keep_content_and_timing(tmp_path, suffix, codec, rate_hz):
    path = tmp_path / f"a.{suffix}"
    write_ffmpeg(path, chirp_bursts(rate_hz), rate_hz, codec)
    check(load_audio(path), 0.15)


def test_a_suffix_that_lies_does_not_matter(tmp_path):
    write_ffmpeg(tmp_path / "a.m4a", chirp_bursts(16000), 16000, "aac")
    check(load_audio((tmp_path / "a.m4a").rename(tmp_path / "a.wav")), 0.15)


def test_channels_are_averaged(tmp_path):
    channels = np.stack([SENT * share for share in (2, 0, 1, 1, 0, 2, 1, 1)], 1) * 0.5
    path = write(tmp_path / "eight.wav", channels, 16000, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(path), SENT * 0.5, atol=1e-6)


def test_blocks_do_not_show(tmp_path):
    audio = np.random.default_rng(0).normal(0, 0.1, (300_000, 8)).astype(np.float32)
    path = write(tmp_path / "long.wav", audio, 44100, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(path), resample(audio, 44100), atol=1e-6)


def test_silence_is_audio(tmp_path):
    path = write(tmp_path / "silent.wav", np.zeros(8000), 8000)
    assert np.array_equal(load_audio(path), np.zeros(16000, np.float32))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000, 96000])
def test_one_sample_is_audio(tmp_path, rate_hz):
    path = write(tmp_path / "one.wav", np.array([0.25]), rate_hz)
    audio = load_audio(path)
    assert len(audio) == max(1, 16000 // rate_hz)
    assert audio[0] == pytest.approx(0.25, abs=0.05)


def test_a_cut_wav_is_used_up_to_the_cut_with_a_warning(tmp_path):
    path = write(tmp_path / "cut.wav", SENT, 16000)
    path.write_bytes(path.read_bytes()[:32044])
    with pytest.warns(UserWarning, match="32000 bytes promised by its header are missing"):
        audio = load_audio(path)
    np.testing.assert_allclose(audio, SENT[:16000], atol=1e-4)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_a_cut_compressed_file_gives_what_is_there(tmp_path, suffix):
    sent = SENT + np.random.default_rng(0).normal(0, 0.02, (10, len(SENT))).astype(np.float32)
    path = write(tmp_path / f"cut.{suffix}", sent.ravel(), 16000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audio = load_audio(path)
    assert 32000 < len(audio) <= 10 * 26000
    assert np.corrcoef(audio[:32000], SENT)[0, 1] > 0.95


def test_a_whole_file_gives_no_warning(tmp_path):
    path = write(tmp_path / "odd.wav", SENT[:15999], 16000, subtype="PCM_24")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_audio(path)


def test_a_streamed_wav_of_unknown_length_is_not_damaged(tmp_path):
    path = write(tmp_path / "streamed.wav", SENT, 16000)
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_audio(path)) == len(SENT)


def test_resampling_a_mono_signal_keeps_it_in_place():
    for rate_hz in (8000, 22050, 44100, 96000):
        heard = resample(chirp_bursts(rate_hz), rate_hz)
        np.testing.assert_allclose(heard, SENT, atol=2e-3)


def test_a_written_wav_reads_back(tmp_path):
    write_wav(tmp_path / "folder" / "out.wav", SENT * 3)
    info = soundfile.info(tmp_path / "folder" / "out.wav")
    assert (info.samplerate, info.subtype, info.channels) == (16000, "PCM_16", 1)
    back = load_audio(tmp_path / "folder" / "out.wav")
    np.testing.assert_allclose(back, np.clip(SENT * 3, -1, 1), atol=1e-4)


def test_real_recordings_are_read_whole(shared_data):
    paths = sorted((shared_data / "speech_plain").rglob("*.wav"))
    paths += sorted((shared_data / "speech_plain").rglob("*.flac"))
    for path in paths:
        info, audio = soundfile.info(path), load_audio(path)
        assert abs(len(audio) - info.frames * 16000 / info.samplerate) <= 1
        assert 0.01 < np.sqrt(np.mean(audio**2)) < 0.5


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_bytes_decode_as_the_file_that_holds_them(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write(path, chirp_bursts(44100), 44100)
    assert np.array_equal(decode_audio(path.read_bytes(), "segment 3"), load_audio(path))


def test_bytes_that_are_no_audio_are_refused_by_their_name():
    with pytest.raises(UserError, match="segment 3 is not audio"):
        decode_audio(b"no sound at all", "segment 3")
    with pytest.raises(UserError, match="segment 3"):
        decode_audio(b"", "segment 3")
