import numpy as np
import pytest

from distill import load
from distill.compress.parity import Sample
from distill.compress.write import Trial, export
from tests.distill.test_talker import save, speech


@pytest.fixture(scope="session")
def student(tmp_path_factory):
    """A small student with a personalizer, as training would leave it."""
    return save(tmp_path_factory.mktemp("models") / "student")


@pytest.fixture(scope="session")
def trial(student):
    """Clips whose real motion is near what the student says, so that an error shows."""
    talker, rng = load(student), np.random.default_rng(1)
    audios = [speech(1.5, seed=seed) for seed in range(2)]
    motions = [talker.generate(audio).values for audio in audios]
    return Trial(
        clips=[
            Sample(
                audio=audio, motion=motion + np.float32(0.1) * rng.random(motion.shape, np.float32)
            )
            for audio, motion in zip(audios, motions, strict=True)
        ],
        calibration=[speech(2.0, seed=seed) for seed in range(2, 5)],
    )


@pytest.fixture(scope="session")
def exported(student, trial):
    """The student as ONNX in float."""
    out = student.with_name("student-onnx")
    export(student, "onnx", out, trial)
    return out


@pytest.fixture(scope="session")
def eight_bit(student, trial):
    """The student as int8, whatever that costs."""
    out = student.with_name("student-int8")
    report = export(student, "onnx-int8", out, trial, force=True)
    return out, report
