"""Model cards: one README.md per model folder, every number taken from results.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.artifact import CARD, CONFIG, WEIGHTS
from distill.face.names import HEAD, UPPER
from distill.face.parts import PARTS
from distill.pipeline.opened import open_run
from distill.storage import read_json, write_text

SHOWN = (
    *(f"jitter_{part}" for part in PARTS), *(f"spread_{part}" for part in PARTS),
    "blinks_per_min", "blink_depth", "fmd", "fmd_upper", "fmd_velocity", "coverage",
    *(f"match_{part}" for part in PARTS),
    "lve_mean8", "lve", "lve_rms_mm", "eve", "fdd_abs", "mve", "mod", "diversity", "closure",
    "sync_r",
)  # fmt: skip


def write_cards(run_dir: Path) -> None:
    """Write the card of every model of a measured run."""
    results = read_json(run_dir / "report" / "results.json")
    rows = {row["name"]: row for row in results["rows"]}
    opened = open_run(run_dir)
    names = {folder: name for name, folder, _ in opened.checkpoints()}
    for folder, name in names.items():
        write_text(folder / CARD, card(folder, name, rows, results))
    student = run_dir / "student"
    source = read_json(student / "stage.json")["from"]
    write_text(student / CARD, card(student, names[run_dir / source], rows, results))


def card(folder: Path, name: str, rows: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    """Return the text of one card."""
    config = read_json(folder / CONFIG)
    made = config["provenance"]
    row, recorded = rows[name], results.get("recorded", {}).get("test", {})
    return "\n".join(
        [
            f"# {name}",
            "",
            "Speech-driven facial animation: audio in, "
            f"{len(config['channels'])} animation curves at {config['fps']:g} fps out.",
            "",
            "## What it is",
            f"* family `{config['modules']['denoiser']['family']}`, "
            f"{config['steps']} sampler step(s), rig `{config['rig']}`",
            f"* {row['params']:,} parameters with personalizer, "
            f"`{WEIGHTS}` {row['bytes']:,} bytes, SHA-256 `{config['sha256']}`",
            f"* method: {method(config['name'])}; parent weights `{made['parent'] or 'none'}`",
            f"* network calls in its training, parents included: {cost(made.get('calls', {}))}",
            f"* made by run `{made['run']}`, commit `{made['commit']}`, "
            f"config `{made['config_hash']}`, seed {made['seed']}",
            f"* data `{made['data']}`, content hash `{made['data_hash']}`",
            "",
            "## Measured on the test split of that data",
            "| metric | mean | spread over seeds | recorded motion | unit | region |",
            "|---|---|---|---|---|---|",
            *(
                metric_row(key, row["metrics"][key], recorded.get(key, {}))
                for key in SHOWN
                if measured(row, key)
            ),
            "",
            "Jitter and spread are generated / recorded, 1 is natural. What recorded motion gives "
            "is the floor of a distance (fmd). match is the distance to the teacher from the same "
            "noise: 0 is the teacher itself, 0.71 knows only its mean. lve sees neither trembling "
            "nor missing motion.",
            "",
            "Formulas and all other rows: `report/report.md` of the run.",
            "",
            "## Use and limits",
            "* Intended for animating faces of avatars from speech. It moves a face; it does not "
            "check who speaks or what is said.",
            f"* {limits(made['data'])}",
            *unheard(config["channels"]),
            "",
            "## Licence",
            "Code MIT. Weights are under the code's licence as far as the data above allows; the "
            "synthetic corpus is made by this toolkit and carries no other licence.",
            "",
        ]
    )


def unheard(channels: Sequence[str]) -> list[str]:
    """Say what speech leaves open, for rigs that have it."""
    if not set(channels) & {*UPPER, *HEAD}:
        return []
    return [
        "* Upper face and head are plausible, not predicted from speech alone: they follow the "
        "seed."
    ]


def method(stage: str) -> str:
    """Say how the model of a stage was made."""
    return {
        "teacher": "diffusion training on motion",
        "regression": "plain output regression (baseline)",
        "cached": "shrink, then the teacher's samples of stored noise as targets",
        "consistency": "shrink, then consistency distillation",
        "distribution_matching": "shrink, then distribution matching",
        "flow_map": "shrink, then a flow map that jumps any distance in time",
        "round": "shrink, then progressive step halving with personalizer enhancer",
    }[stage.partition("_0")[0]]


def cost(calls: Mapping[str, int]) -> str:
    """Say what making a model took."""
    return ", ".join(f"{count:,} of the {role}" for role, count in calls.items()) or "unknown"


def limits(data: str) -> str:
    """Say what the data means for use."""
    if data == "synthetic":
        return (
            "Trained on synthetic English speech only: real voices, other languages, noise and "
            "singing are outside its data, and accuracy there is lower."
        )
    return f"Trained on `{data}` only: other voices and languages are outside its data."


def measured(row: Mapping[str, Any], key: str) -> bool:
    """Return whether a metric is defined for a row (closure needs phones, for one)."""
    return row["metrics"].get(key, {}).get("mean") is not None


def metric_row(key: str, value: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    """Return one line of the table, with what recorded motion gives where that is known."""
    mean, std, floor = f"{value['mean']:.4g}", f"{value['std']:.2g}", recorded.get("mean")
    real = "-" if floor is None else f"{floor:.4g}"
    return f"| {key} | {mean} | {std} | {real} | {value['unit']} | {value['region']} |"
