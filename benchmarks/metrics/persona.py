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

QUANTILES = (0.1, 0.5, 0.9)


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
        formula="share of sequences whose speaker LDA on real motion statistics finds",
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
        formula="share of sequences whose emotion LDA on real motion statistics finds",
        unit="share",
        region="all channels",
        pooling="all sequences",
        better="higher",
        origin="ours",
    )


class PersonaClassifier(PersonaLabeller):
    """Linear discriminant analysis with shrinkage on statistics of real motion."""

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
        features = np.stack([motion_statistics(motions[i]) for i in kept])
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        model = make_pipeline(StandardScaler(), lda)
        return cls(model.fit(features, [labels[i] for i in kept]), tuple(sorted(often)))

    def predict(self, motion: Float[np.ndarray, "T D"]) -> str:
        """Return the label the motion looks most like."""
        return str(self.model.predict(motion_statistics(motion)[None])[0])


def motion_statistics(motion: Float[np.ndarray, "T D"]) -> Float[np.ndarray, " N"]:
    """Return mean, deviation, mean speed and quantiles of every channel, whatever the length."""
    motion = motion.astype(np.float64)
    speed = np.abs(np.diff(motion, axis=0, prepend=motion[:1])).mean(0)
    parts = [motion.mean(0), motion.std(0), speed, *np.quantile(motion, QUANTILES, axis=0)]
    return np.concatenate(parts)
