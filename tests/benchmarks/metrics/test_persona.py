import numpy as np

from benchmarks.metrics.persona import PersonaClassifier, PersonaIdentity, posture

FRAMES = 80


def motion(rng, mean, speed):
    steps = np.sin(np.arange(FRAMES)[:, None] * speed + rng.uniform(0, 6, (1, 4)))
    return (np.asarray(mean) + steps + rng.normal(0, 0.1, (FRAMES, 4))).astype(np.float32)


def training(rng):
    postures = {"still": (0, 0, 0, 0), "left": (2, 0, 0, 0), "high": (2, 2, 2, 2)}
    styles = {name: (mean, 0.4) for name, mean in postures.items()}
    labels = [name for name in styles for _ in range(8)]
    return [motion(rng, *styles[name]) for name in labels], labels


def test_the_classifier_finds_posture_in_new_motion():
    rng = np.random.default_rng(0)
    classifier = PersonaClassifier.fit(*training(rng))
    motions, labels = training(rng)
    metric = PersonaIdentity(classifier)
    for values, label in zip(motions, labels, strict=True):
        metric.update(values, label)
    assert float(metric.compute()) == 1.0


def test_a_wrong_label_lowers_the_score_and_an_unknown_one_is_left_out():
    rng = np.random.default_rng(0)
    classifier = PersonaClassifier.fit(*training(rng))
    metric = PersonaIdentity(classifier)
    values = motion(rng, 2.0, 0.4)
    for label in ("high", "still", "never heard", ""):
        metric.update(values, label)
    assert float(metric.compute()) == 0.5


def test_one_label_is_no_task():
    rng = np.random.default_rng(0)
    assert PersonaClassifier.fit([motion(rng, 0, 0.1)] * 3, ["ann", "ann", "bob"]) is None


def test_posture_depends_neither_on_length_nor_on_how_smooth_a_motion_is():
    values = motion(np.random.default_rng(0), 0.0, 0.4)
    smooth = (values + np.roll(values, 1, 0) + np.roll(values, -1, 0)) / 3
    np.testing.assert_allclose(posture(smooth), posture(values), atol=1e-6)
    np.testing.assert_allclose(posture(np.tile(values, (3, 1))), posture(values), atol=1e-6)
