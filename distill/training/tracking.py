"""What the report stage shows in Weights & Biases: comparison table, Pareto plot, lineage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("clip", "audio", "teacher", "student", "lve_mm", "latency_ms")


def log_comparison_table(
    run: Any, rows: Sequence[Mapping[str, Any]], *, key: str = "comparison"
) -> None:
    """Log a table with one row per clip.

    Args:
        run: A W&B run.
        rows: Each has `clip` (name), `audio` (path of a wav), `teacher` and `student` (paths of
            mp4 or gif files), `lve_mm` and `latency_ms`; any of them may be absent or None, and
            further keys become further columns.
        key: Name of the table.
    """
    import wandb

    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    columns = [*COLUMNS, *extra]
    table = wandb.Table(columns=list(columns))
    for row in rows:
        table.add_data(*(_cell(name, row.get(name)) for name in columns))
    run.log({key: table})


def _cell(name: str, value: Any) -> Any:
    import wandb

    if value is None:
        return None
    if name == "audio":
        return wandb.Audio(str(value))
    if name in ("teacher", "student"):
        suffix: Any = Path(value).suffix.removeprefix(".")
        return wandb.Video(str(value), format=suffix)
    return value


def log_pareto(
    run: Any, rows: Sequence[Mapping[str, Any]], *, image: Path | None = None, key: str = "pareto"
) -> None:
    """Log quality against speed as a table, and the plot made from it.

    Args:
        run: A W&B run.
        rows: Each has `name` and any of `lve_mm`, `latency_ms`, `bytes`, ...
        image: The plot as a png.
        key: Name of the table; the plot is `<key>_plot`.
    """
    import wandb

    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = wandb.Table(
        columns=list(columns), data=[[row.get(name) for name in columns] for row in rows]
    )
    logged: dict[str, Any] = {key: table}
    if image is not None:
        logged[f"{key}_plot"] = wandb.Image(str(image))
    run.log(logged)


def _artifact(folder: Path, name: str, metadata: Mapping[str, Any]) -> Any:
    import wandb

    artifact = wandb.Artifact(name, type="model", metadata=dict(metadata))
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            artifact.add_file(str(path), name=path.relative_to(folder).as_posix())
    return artifact


def log_checkpoint_artifact(
    run: Any,
    folder: Path,
    name: str,
    *,
    parent: tuple[str, Path] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Log an artifact folder as a model, as the child of the model it was distilled from.

    The parent becomes an input of the run, which draws the teacher -> student edge. Its content
    is handed over again, so this works offline too (W&B recognizes equal content and stores it
    once); its name and folder are also in the child's metadata.

    Args:
        run: The W&B run of the stage that made the model.
        folder: Folder with model.safetensors, config.json and the card.
        name: Name of the artifact, such as `<run>-student`.
        parent: Name and folder of the parent's artifact.
        metadata: Plain values to show with the artifact.
    """
    values = dict(metadata or {})
    if parent is not None:
        parent_name, parent_folder = parent
        values["parent"] = parent_name
        used = _artifact(parent_folder, parent_name, {})
        values["parent_digest"] = used.digest
        if run.offline:
            # `use_artifact` refuses offline, though its record is what `wandb sync` needs.
            run._log_artifact(used, is_user_created=True, use_after_commit=True)
        else:
            run.use_artifact(used)
    run.log_artifact(_artifact(folder, name, values))
