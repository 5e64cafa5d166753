"""Kill what a shop runs, as a machine that loses its power does."""

from contextlib import suppress

import psutil

from demo.client import claim
from demo.shop import Shop


def kill_worker(shop: Shop, queue: str) -> int:
    """Kill a queue's worker with all its processes (`kill -9`); return how many there were."""
    processes = [each for each in descendants(shop) if serves(each, queue)]
    claim(bool(processes), f"no worker of queue {queue} runs")
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)
    return len(processes)


def descendants(shop: Shop) -> list[psutil.Process]:
    """Return every process that the shop's start has started."""
    return psutil.Process(shop.process.pid).children(recursive=True)


def serves(process: psutil.Process, queue: str) -> bool:
    """Tell whether a process is a worker of the queue, or one of its pool."""
    with suppress(psutil.Error):
        words = process.cmdline()
        return "worker" in words and queue in words and words[words.index(queue) - 1] == "-Q"
    return False
