"""`python -m distill.run teacher=big student=small`: train, distil, measure, export."""

import sys
import time
from pathlib import Path

from distill.command import guarded, hydra_main

CONFIG_NAME = "run"


def job(config: dict) -> None:
    """Do the whole job that a resolved config describes."""
    from benchmarks.publish import publish
    from benchmarks.results import parse
    from benchmarks.run import measure_run
    from benchmarks.screen import show
    from distill.pipeline.cards import write_cards
    from distill.pipeline.execute import execute
    from distill.pipeline.opened import open_run
    from distill.pipeline.plan import stage_names
    from distill.storage import write_json
    from distill.training.progress import Progress
    from distill.training.world import is_first, joined

    began, whole = time.monotonic(), untouched(config)
    with joined(config["trainer"]["lightning"]):
        first = is_first()
        progress = Progress(stages=[*stage_names(config), "report"], silent=not first)
        folder = execute(config, progress)
    if not first:
        return
    options = config["benchmark"]
    results = parse(measure_run(folder, **options, progress=progress))
    write_cards(folder)
    if whole:
        write_json(folder / "report" / "wall.json", {"wall_s": time.monotonic() - began})
    if config["logger"]["kind"] == "wandb":
        publish(open_run(folder), folder, results)
    show(results)


def untouched(config: dict) -> bool:
    """Return whether a run starts from nothing, so that its duration is that of the whole job."""
    from distill.pipeline.plan import stage_names
    from distill.pipeline.runs import RunDirectory

    run = RunDirectory(Path(config["run"]["dir"]))
    begun = any(run.stage(name).folder.exists() for name in stage_names(config))
    return not begun and config["run"]["teacher_from"] is None


def main() -> int:
    """Parse the command line, compose the config and do the job."""
    return guarded(lambda: hydra_main(CONFIG_NAME, job, sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
