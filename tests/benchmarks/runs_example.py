"""Folders of measured runs with made-up numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmarks.results import Results, Row, write_results
from distill.storage import write_json, write_text
from tests.benchmarks.results_example import example


def config(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "seed": 0,
        "run": {"name": "made-up", "dir": "runs/made-up"},
        "rig": {"name": "arkit"},
        "student": {"name": "small", "kwargs": {"width": 128}},
        "distill": {"method": "progressive", "weights": {"gt": 2.0}},
    }
    made = OmegaConf.to_container(OmegaConf.merge(made, changes))  # type: ignore[assignment]
    return made


def scaled(results: Results, factor: float) -> Results:
    """Multiply every lip error."""

    def row(old: Row) -> Row:
        lve = old.metrics["lve"]
        assert lve.mean is not None
        worse = replace(lve, mean=lve.mean * factor)
        return replace(old, metrics={**old.metrics, "lve": worse})

    return replace(results, rows=[row(old) for old in results.rows])


def write_run(
    folder: Path, *, lve: float = 1.0, results: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """Write a run whose lip errors are `lve` times the example's; `changes` go to its config."""
    write_text(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config(**changes))))
    write_json(folder / "run.json", {"format": 1, "commit": "0123456789ab"})
    made = replace(scaled(example(), lve), run=folder.name, **(results or {}))
    write_results(folder / "report" / "results.json", made)
    write_json(folder / "report" / "wall.json", {"wall_s": 600.0})
    for stage in ("teacher", "round_00_16to16"):
        lines = [f"{step},{5.0 / (step + 1)}," for step in range(9, 50, 10)]
        text = "\n".join(["step,train/loss,val/loss", *lines, "59,0.5,0.7"]) + "\n"
        write_text(folder / stage / "metrics.csv", text)
        card = f"# {stage}\n\n<script>bad()</script>\n![x](http://example.org/x.png)\n"
        write_text(folder / stage / "README.md", card)
        write_json(folder / stage / "stage.json", {"sha256": "ab" * 32})
    return folder
