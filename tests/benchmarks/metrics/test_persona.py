import numpy as np

from benchmarks.metrics.persona import PersonaClassifier, PersonaIdentity, motion_statistics

FRAMES = 80


def motion(rng, mean, speed):
    steps = np.sin(np.arange(FRAMES)[:, None] * speed + rng.uniform(0, 6, (1, 4)))
    return (mean + steps + rng.normal(0, 0.1, (FRAMES, 4))).astype(np.float32)


def training(rng):
    styles = {"slow": (0.0, 0.1), "fast": (0.0, 0.6), "high": (2.0, 0.1)}
    labels = [name for name in styles for _ in range(8)]
    return [motion(rng, *styles[name]) for name in labels], labels


def test_the_classifier_finds_speed_and_offset_in_new_motion():
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
    values = motion(rng, 2.0, 0.1)
    for label in ("high", "slow", "never heard", ""):
        metric.update(values, label)
    assert float(metric.compute()) == 0.5


def test_one_label_is_no_task():
    rng = np.random.default_rng(0)
    assert PersonaClassifier.fit([motion(rng, 0, 0.1)] * 3, ["ann", "ann", "bob"]) is None


def test_statistics_do_not_depend_on_length():
    values = motion(np.random.default_rng(0), 0.0, 0.1)
    twice = np.repeat(values[:1], 40, axis=0)
    assert motion_statistics(values).shape == motion_statistics(twice).shape == (6 * 4,)
    assert motion_statistics(twice)[8:12].tolist() == [0.0] * 4
