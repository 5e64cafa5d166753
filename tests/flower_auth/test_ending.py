"""Flower ends when it is told to, whatever it is doing at that moment."""

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.flower_auth.conftest import TOKEN, Flower, Project

CLIENTS = 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_flower_ends_in_the_middle_of_its_requests(
    shared_project: Project, number: signal.Signals
) -> None:
    # Where the signal's exception is raised inside a request, Tornado keeps it for itself: before
    # Flower was told otherwise, one storm in two was survived.
    for _ in range(3):
        flower = shared_project.start_flower()
        with ThreadPoolExecutor(CLIENTS) as clients:
            storms = [clients.submit(ask_until_it_ends, flower) for _ in range(CLIENTS)]
            while not all(storm.running() for storm in storms):
                flower.get("/healthcheck")
            assert flower.stop(number) == 0


def ask_until_it_ends(flower: Flower) -> None:
    url = f"http://127.0.0.1:{flower.port}{flower.prefix}/metrics"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(headers=headers, trust_env=False) as client:
        while flower.running.poll() is None:
            try:
                client.get(url)
            except httpx.TransportError:
                return
