"""What moves by itself in a face: the parts that motion is drawn, weighed and judged by."""

from collections.abc import Sequence

PARTS = ("mouth", "brows", "eyes", "blink", "head")
"""In the order in which tables show them."""
_PREFIXES = {
    "brows": ("brow",),
    "eyes": ("eyeLook", "eyeSquint", "eyeWide"),
    "blink": ("eyeBlink",),
    "head": ("head",),
}


def part_of(channel: str) -> str:
    """Return the part that a channel moves, by its name; what is neither eyes nor head is mouth."""
    found = (part for part, starts in _PREFIXES.items() if channel.startswith(starts))
    return next(found, "mouth")


def motion_parts(channels: Sequence[str]) -> dict[str, list[int]]:
    """Return the channel indices of each part that has channels, in the order of `PARTS`."""
    found = {
        part: [i for i, name in enumerate(channels) if part_of(name) == part] for part in PARTS
    }
    return {part: index for part, index in found.items() if index}
