"""The process that works through whole files: its death, and the server's."""

import asyncio
import os
import time

import pytest

from distill.errors import UserError
from distill.live.studio import Studio


def test_a_crash_costs_one_order():
    async def run():
        studio = Studio()
        orders = ((os._exit, 1), (round, 1.6), (round, 2.6))
        found = await asyncio.gather(
            *(studio.work(*order) for order in orders), return_exceptions=True
        )
        studio.close()
        return found

    crashed, *others = asyncio.run(run())
    assert isinstance(crashed, UserError) and "its process ended" in str(crashed)
    assert others == [2, 3]


def test_closing_ends_the_order_in_work():
    async def run():
        studio = Studio()
        await studio.work(round, 1.6)  # the process is there
        order = asyncio.create_task(studio.work(time.sleep, 30))
        await asyncio.sleep(0.5)
        studio.close()
        with pytest.raises(UserError, match="its process ended"):
            await asyncio.wait_for(order, 5)

    asyncio.run(run())
