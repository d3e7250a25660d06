"""Files under a corpus's folder: sound without motion, motion without sound, rates of sound."""

from collections import Counter
from pathlib import Path

from distill.data.doctor.finding import Finding, warning
from distill.data.readers.folder import SOUND

MOTION = (".npy", ".csv", ".json", ".npz", ".bvh")
PAIRED_SHARE = 0.5
"""Share of sound files with a motion file from which a folder counts as one of pairs."""
MOST_FILES = 20_000


def file_findings(root: Path) -> list[Finding]:
    """Name sound and motion files under `root` that have no partner of a matching name.

    Names match when one is the end of the other (`bs_value_1114_2_01`, `1114_2_01`). Folders that
    are not laid out in pairs say nothing.
    """
    files = list_files(root)
    sounds = {path.stem: path for path in files if path.suffix.lower() in SOUND}
    motions = {path.stem: path for path in files if path.suffix.lower() in MOTION}
    if not sounds or not motions:
        return []
    ends = Counter(end for stem in motions for end in _ends(stem))
    heads = Counter(end for stem in sounds for end in _ends(stem))
    lone_sounds = [p for s, p in sounds.items() if not ends[s] and not set(_ends(s)) & set(motions)]
    lone = [p for s, p in motions.items() if not heads[s] and not set(_ends(s)) & set(sounds)]
    if len(lone_sounds) > (1 - PAIRED_SHARE) * len(sounds):
        return []
    beside = {path.parent for stem, path in motions.items() if path not in set(lone)}
    lone = [path for path in lone if path.parent in beside and _numbered(path)]
    found = []
    for name, paths, what in (
        ("sound_without_motion", lone_sounds, "sound files have no motion file of their name"),
        ("motion_without_sound", lone, "motion files have no sound file of their name"),
    ):
        if paths:
            where = sorted(str(path.relative_to(root)) for path in paths)
            hint = "copy the missing partners, or leave them out on purpose"
            found.append(warning(name, where, f"{len(paths)} {what}", hint))
    return found


def list_files(root: Path) -> list[Path]:
    """Return at most `MOST_FILES` files under a folder, in order of name."""
    found = []
    for path in root.rglob("*"):
        if path.is_file():
            found.append(path)
        if len(found) >= MOST_FILES:
            break
    return sorted(found)


def sound_rates(root: Path, most: int = 50) -> dict[int, int]:
    """Return sample rates of sound files under a folder with how many of the first have each."""
    import soundfile

    rates: Counter[int] = Counter()
    sounds = [path for path in list_files(root) if path.suffix.lower() in SOUND]
    for path in sounds[:: max(1, len(sounds) // most)]:
        try:
            rates[int(soundfile.info(path).samplerate)] += 1
        except (soundfile.LibsndfileError, RuntimeError):
            continue
    return dict(rates)


def _ends(stem: str) -> list[str]:
    """Return a name and what of it follows each underscore."""
    parts = stem.split("_")
    return ["_".join(parts[i:]) for i in range(len(parts))]


def _numbered(path: Path) -> bool:
    """Whether a name has a number, as names of recordings do and those of lists do not."""
    return any(letter.isdigit() for letter in path.stem)
