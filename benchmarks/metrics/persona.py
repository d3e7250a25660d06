"""Whether generated motion moves like its speaker and its emotion."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from benchmarks.metrics.base import (
    FaceContext,
    FaceMetric,
    MetricSpec,
    Observation,
    PersonaLabeller,
)

SHRINKAGE = 0.1
"""Share of the pooled covariance that is replaced by its diagonal."""


class PersonaTop1(FaceMetric):
    """Share of sequences whose label is found by a classifier trained on real motion."""

    kind: ClassVar[str]

    def __init__(self, classifier: PersonaLabeller) -> None:
        super().__init__()
        self.classifier = classifier

    @classmethod
    def build(cls, context: FaceContext) -> "PersonaTop1 | None":
        """Use the context's classifier; None when the corpus has fewer than two labels."""
        classifier = context.classifiers.get(cls.kind)
        return None if classifier is None else cls(classifier)

    def update(self, motion: Float[np.ndarray, "T D"], label: str) -> None:
        """Add one sequence; labels the classifier never saw do not count."""
        if label in self.classifier.labels:
            self.add(float(self.classifier.predict(motion) == label), 1)

    def observe(self, seen: Observation) -> None:
        """Look at the generated motion."""
        self.update(seen.motion, seen.labels.get(self.kind, ""))


class PersonaIdentity(PersonaTop1):
    """`persona_top1` for the speaker."""

    kind = "identity"
    spec = MetricSpec(
        id="persona_top1_identity",
        formula="share of sequences whose speaker LDA on real mean posture finds",
        unit="share",
        region="all channels",
        pooling="all sequences",
        better="higher",
        origin="ours",
    )


class PersonaEmotion(PersonaTop1):
    """`persona_top1` for the emotion."""

    kind = "emotion"
    spec = MetricSpec(
        id="persona_top1_emotion",
        formula="share of sequences whose emotion LDA on real mean posture finds",
        unit="share",
        region="all channels",
        pooling="all sequences",
        better="higher",
        origin="ours",
    )


class PersonaClassifier(PersonaLabeller):
    """Linear discriminant analysis with shrinkage on the mean posture of real motion."""

    def __init__(self, model: Any, labels: tuple[str, ...]) -> None:
        self.model, self.labels = model, labels

    @classmethod
    def fit(
        cls, motions: Sequence[np.ndarray], labels: Sequence[str]
    ) -> "PersonaClassifier | None":
        """Fit on real motions (F D); None when fewer than two labels occur twice."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        often = {name for name in set(labels) if name and list(labels).count(name) >= 2}
        kept = [i for i, name in enumerate(labels) if name in often]
        if len(often) < 2:
            return None
        features = np.stack([posture(motions[i]) for i in kept])
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
        model = make_pipeline(StandardScaler(), lda)
        return cls(model.fit(features, [labels[i] for i in kept]), tuple(sorted(often)))

    def predict(self, motion: Float[np.ndarray, "T D"]) -> str:
        """Return the label the motion looks most like."""
        return str(self.model.predict(posture(motion)[None])[0])


def posture(motion: Float[np.ndarray, "T D"]) -> Float[np.ndarray, " D"]:
    """Return the mean of every channel over time, whatever the length.

    Deviations, speeds and quantiles would tell real speakers apart as well, but they also change
    with how smooth a motion is, so that a classifier trained on them answers another question.
    """
    return motion.astype(np.float64).mean(0)
