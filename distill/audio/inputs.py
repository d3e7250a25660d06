"""Audio files named on a command line, folders included."""

from collections.abc import Sequence
from pathlib import Path

from distill.errors import UserError

AUDIO = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".webm", ".mp4")


def find_inputs(paths: Sequence[Path]) -> list[Path]:
    """Return all audio files named or contained in folders, in order.

    Raises:
        UserError: A path does not exist, or a folder holds no audio.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in AUDIO)
            if not inside:
                raise UserError(f"folder {path} holds no audio file ({', '.join(AUDIO)})")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UserError(f"{path} does not exist")
    return found
