"""What the routes of one server share."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from distill.live.metrics import Metrics
from distill.live.models import Models
from distill.live.settings import Settings
from distill.live.studio import Studio
from distill.live.worker import Worker


@dataclass(kw_only=True)
class Live:
    """Models, workers and counters of a server.

    Attributes:
        settings: How it runs.
        models: What it offers.
        metrics: What it counts.
        open: Streams that are open.
        uploads: Uploads that arrive, wait or are in work.
        mute: Whether sample clips could not be made.
        ready: Whether it takes new ones.
    """

    settings: Settings
    models: Models
    metrics: Metrics = field(default_factory=Metrics)
    open: int = 0
    uploads: int = 0
    mute: bool = False
    ready: bool = False

    def __post_init__(self) -> None:
        self.worker = Worker(self.metrics)
        self.studio = Studio()
        self._own = None if self.settings.assets else tempfile.mkdtemp(prefix="facedistill-live-")
        self.assets = Path(self.settings.assets or str(self._own))

    @property
    def rig(self) -> str:
        """Name of the face that is shown."""
        own = str(self.models.first.talker.config["rig"])
        return self.settings.rig or ("ict" if self.settings.rig_path else own)

    def close(self) -> None:
        """End threads and processes, and remove what was made for this server alone."""
        self.worker.close()
        self.studio.close()
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)
