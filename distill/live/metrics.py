"""What the server counts, for Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.033, 0.066, 0.133, 0.266)


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.open = Gauge("distill_streams_open", "Streams open now", registry=registry)
        self.streams = Counter(
            "distill_streams", "Streams that ended, by how", ["outcome"], registry=registry
        )
        self.sound_s = Counter("distill_sound_seconds", "Sound heard", registry=registry)
        self.frames = Counter("distill_frames", "Motion frames sent", registry=registry)
        self.rows = Histogram(
            "distill_batch_rows", "Streams computed in one call", buckets=ROWS, registry=registry
        )
        self.batch_s = Histogram(
            "distill_batch_seconds", "Time of one call", buckets=SECONDS, registry=registry
        )
        self.uploads = Counter(
            "distill_uploads", "Uploads, by format and how they ended", ["format", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.refused = Counter(
            "distill_refused", "Requests refused at the door, by reason", ["reason"],
            registry=registry,
        )  # fmt: skip

    def batch(self, rows: int, seconds: float) -> None:
        """Count one call of the networks."""
        self.rows.observe(rows)
        self.batch_s.observe(seconds)

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)
