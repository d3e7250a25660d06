"""Batches: who waits is computed together, and a failure stays with whom it belongs to."""

import asyncio

import numpy as np
import pytest

from distill.live.metrics import Metrics
from distill.live.worker import Worker
from tests.distill.test_talker import speech


class Picky:
    """An engine that cannot bear loud noise, and counts its calls."""

    def __init__(self, engine):
        self.engine, self.rows = engine, []

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def advance(self, windows, persona, noise, state):
        if np.abs(windows).max() > 10:
            raise RuntimeError("too loud")
        self.rows.append(len(windows))
        return self.engine.advance(windows, persona, noise, state)


def streams(talker, engine, count):
    made = [talker.stream(seed=seed) for seed in range(count)]
    for stream in made:
        stream.engine = engine
    return made


async def drained(worker, stream, audio):
    values, news = [], lambda: (stream.hear(audio), stream.finish())
    frames = await worker.step(stream, news)
    while frames is not None:
        values.append(frames.values)
        frames = await worker.step(stream)
    return np.concatenate(values)


def test_streams_are_computed_together_and_a_fault_stays_where_it_is(talker):
    engine, audio = Picky(talker.engine), speech(0.5)
    sounds = [audio, 1000 * audio, audio, audio]

    async def run():
        worker = Worker(Metrics())
        jobs = zip(streams(talker, engine, 4), sounds, strict=True)
        found = await asyncio.gather(
            *(drained(worker, *job) for job in jobs), return_exceptions=True
        )
        worker.close()
        return found

    found = asyncio.run(run())
    assert isinstance(found[1], RuntimeError)
    for seed in (0, 2, 3):
        alone = talker.stream(seed=seed)
        want = np.concatenate([alone.push(audio).values, alone.flush().values])
        values = found[seed]
        assert isinstance(values, np.ndarray)
        np.testing.assert_allclose(values, want, atol=1e-5)
    assert max(engine.rows) == 3


def test_one_with_much_sound_does_not_hold_up_one_with_little(talker):
    async def run():
        worker, order = Worker(Metrics()), []
        long, short = streams(talker, talker.engine, 2)

        async def job(name, stream, seconds):
            await drained(worker, stream, speech(seconds))
            order.append(name)

        first = asyncio.create_task(job("long", long, 4.0))
        await asyncio.sleep(0)
        await asyncio.gather(first, job("short", short, 0.2))
        worker.close()
        return order

    assert asyncio.run(run()) == ["short", "long"]


def test_a_client_that_left_costs_nothing_more(talker):
    async def run():
        worker = Worker(Metrics())
        gone, here = streams(talker, talker.engine, 2)
        left = asyncio.create_task(drained(worker, gone, speech(1.0)))
        await asyncio.sleep(0.01)
        left.cancel()
        values = await drained(worker, here, speech(0.3))
        with pytest.raises(asyncio.CancelledError):
            await left
        worker.close()
        return values

    assert asyncio.run(run()).shape == (9, 55)
