"""A worker process: reads jobs as JSON lines, writes clips as JSON head and raw bytes.

It stays light (no torch), because each sentence is spoken in a fork of it.
"""

import json
import os
import struct
import sys
from dataclasses import asdict
from typing import BinaryIO

from distill.data.synthetic.clip import Job, Made, make_clip
from distill.data.synthetic.engines import Engine, load_engine
from distill.errors import UserError

HEAD = struct.Struct("<I")


def serve(jobs: BinaryIO, results: BinaryIO) -> None:
    """Answer every job until the jobs end."""
    engines: dict[str, Engine] = {}
    for line in jobs:
        try:
            job = Job(**json.loads(line))
            if job.engine not in engines:
                engines[job.engine] = load_engine(job.engine)
            head, audio, motion = _packed(make_clip(job, engines[job.engine]))
        except UserError as error:
            head, audio, motion = {"error": str(error)}, b"", b""
        text = json.dumps(head).encode()
        results.write(HEAD.pack(len(text)) + text + audio + motion)
        results.flush()


def _packed(made: Made) -> tuple[dict, bytes, bytes]:
    head = {
        "samples": len(made.audio),
        "shape": list(made.motion.shape),
        "phones": [list(asdict(p).values()) for p in made.phones],
        "words": [list(w) for w in made.words],
    }
    return head, made.audio.tobytes(), made.motion.tobytes()


if __name__ == "__main__":
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library says must not mix with the results
    serve(sys.stdin.buffer, channel)
