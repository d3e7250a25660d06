"""Corpora packed into litdata shards: compressed audio, small motion, labels in columns.

A packed corpus is a folder (or a bucket) that `python -m distill.data pack` writes:

    clips.json     rig, channels, fps, names of labels, measured errors; written last
    clips.npy      a row of `distill.data.table.COLUMNS` per clip
    index.json     litdata's index of the shards
    chunk-*.bin    items of three byte strings: `about` (JSON), `audio` (FLAC or Opus), `motion`

Training clips lie in a random order, so that neighbours are a fair sample of the corpus; the other
splits follow in their own order. litdata's `StreamingDataset` opens the same folder.
"""
