"""Lines of a project that contact the outside, each by another library."""

import asyncio
import importlib
import smtplib
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import requests
import urllib3


def by_requests(port: int) -> None:
    requests.post(f"http://127.0.0.1:{port}/", timeout=5)  # here


def by_a_session_that_retries(port: int) -> None:
    session = requests.Session()
    retries = urllib3.Retry(total=5, backoff_factor=60)
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
    with suppress(requests.RequestException):
        session.get(f"http://127.0.0.1:{port}/", timeout=5)  # here


def by_httpx(port: int) -> None:
    httpx.get(f"http://127.0.0.1:{port}/", timeout=5)  # here


def by_urllib(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)  # here


def by_smtplib(port: int) -> None:
    smtplib.SMTP("127.0.0.1", port, timeout=5)  # here


def by_a_pool_of_urllib3(port: int) -> None:
    # As boto's clients do it: a pool for the endpoint, which tries again.
    with urllib3.HTTPConnectionPool("127.0.0.1", port, retries=3) as pool:
        pool.request("PUT", "/bucket/key", body=b"1")  # here


def by_botocore(port: int) -> None:
    session = importlib.import_module("botocore.session").get_session()
    client = session.create_client(
        "s3",
        region_name="x",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=importlib.import_module("botocore.config").Config(retries={"mode": "standard"}),
    )
    client.list_buckets()  # here


def though_it_may_fail(port: int) -> None:
    with suppress(Exception):
        socket.create_connection(("127.0.0.1", port), timeout=5)  # here


def though_everything_is_caught(port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5)  # here
    except BaseException:
        return


SYNC = (
    *(by_requests, by_a_session_that_retries, by_httpx, by_urllib, by_smtplib),
    *(by_a_pool_of_urllib3, though_it_may_fail, though_everything_is_caught),
)


async def by_httpx_async(port: int) -> None:
    async with httpx.AsyncClient(timeout=5) as client:
        await client.get(f"http://127.0.0.1:{port}/")  # here


async def by_a_stream(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)  # here
    writer.close()
    await writer.wait_closed()


async def by_a_task_of_its_own(port: int) -> None:
    await asyncio.create_task(by_a_stream(port))


async def by_a_group(port: int) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(by_a_stream(port))


async def by_aiohttp(port: int) -> None:
    async with importlib.import_module("aiohttp").ClientSession() as session:
        await session.get(f"http://127.0.0.1:{port}/")  # here


ASYNC = (by_httpx_async, by_a_stream, by_a_task_of_its_own, by_a_group)


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def by_a_thread(port: int) -> None:
    thread = threading.Thread(target=connect, args=(port,))
    thread.start()
    thread.join()


def by_an_executor(port: int) -> None:
    with ThreadPoolExecutor() as executor:
        executor.submit(connect, port).result()


def by_a_subprocess(port: int) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5).close()"
    subprocess.run([sys.executable, "-c", code], check=True)


def by_a_library_in_c(port: int) -> None:
    # As pycurl, and libpq itself, connect: past the interpreter.
    import psycopg

    with suppress(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={port} connect_timeout=2")


def by_pycurl(port: int) -> None:
    pycurl = importlib.import_module("pycurl")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"http://127.0.0.1:{port}/")
    curl.setopt(pycurl.HTTP09_ALLOWED, True)
    curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
    with suppress(pycurl.error):
        curl.perform()


UNSEEN = (by_a_thread, by_an_executor, by_a_subprocess, by_a_library_in_c)
