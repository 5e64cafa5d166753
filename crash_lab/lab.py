"""The laboratory: a generated shop with its servers and processes, in a folder of its own."""

import random
import shutil
from pathlib import Path
from typing import Any, Self

import httpx

from crash_lab import waiting
from crash_lab.broker import Broker
from crash_lab.database import Database
from crash_lab.development_code import REPOSITORY, ports, reaper, unprivileged
from crash_lab.mails import MailBooks
from crash_lab.shop_environment import cap, flood, manage, migrate, process_environment
from crash_lab.supervisor import Supervisor
from demo.shop import Addresses, make_shop

SHOP_FILES = Path(__file__).parent / "shop_files"
# What no promise of the lab is about would only take memory and time; Flower watches, nothing more.
LEFT_OUT = ("flower", "flower_analytics", "worker_analytics", "worker_admin")


class Lab:
    """One shop that runs; entered, it is up, and left, nothing of it is."""

    def __init__(self, folder: Path, *, is_short: bool) -> None:
        """Make everything below `folder`; the logs stay there until `forget()`."""
        self.folder, self.logs, self.is_short = folder, folder / "logs", is_short
        self.forgotten_tasks, self.admin_cap = flood(is_short=is_short), cap(is_short=is_short)
        self.chance = random.Random()  # noqa: S311  chance, not secrets
        self.ports: list[int] = []
        self.database = Database(folder / "pg")
        self.broker = Broker(folder / "broker")
        self.analytics_broker = Broker(folder / "analytics")
        self.mails = MailBooks(self._port())
        self.payments_port, self.web_port = self._port(), self._port()
        self.addresses = Addresses(
            shop=f"http://127.0.0.1:{self.web_port}",
            payments=f"http://127.0.0.1:{self.payments_port}",
            **dict.fromkeys(("admin", "flower", "mails", "staff_email", "staff_password"), ""),
        )

    def _port(self) -> int:
        self.ports.append(ports.free_port(besides=set(self.ports)))
        return self.ports[-1]

    def __enter__(self) -> Self:
        """Start everything, or nothing."""
        unprivileged.make_private(self.folder)
        self.logs.mkdir()
        # It ends what belongs to the folder, also where the lab itself is killed.
        self.reaper = reaper.watch(self.folder)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """End every process; the data goes, the logs stay."""
        if hasattr(self, "supervisor"):
            self.supervisor.close()
        self.mails.stop()
        self.broker.stop()
        self.analytics_broker.stop()
        if hasattr(self.database, "server"):
            self.database.stop()
        reaper.end_all(self.folder)
        self.reaper.kill()
        self.reaper.wait()
        for path in self.folder.iterdir():
            if path.is_dir() and path != self.logs:
                shutil.rmtree(path, ignore_errors=True)

    def _start(self) -> None:
        self.shop = make_shop(REPOSITORY, self.folder)
        shutil.copytree(SHOP_FILES, self.shop, dirs_exist_ok=True)
        self.database.start()
        self.broker.start()
        self.analytics_broker.start()
        self.mails.start()
        environment = process_environment(
            self.folder,
            SITE_URL=self.addresses.shop,
            PORT=str(self.web_port),
            DATABASE_URL=self.database.url,
            LAB_DATABASE_URL=self.database.url,
            BROKER_URL=self.broker.url,
            ANALYTICS_BROKER_URL=self.analytics_broker.url,
            EMAIL_URL=self.mails.url,
            PAYMENTS_URL=self.addresses.payments,
            LAB_ADMIN_CAP=str(self.admin_cap),
        )
        migrate(self.shop, environment)
        self.database.sql((SHOP_FILES / "lab.sql").read_text(encoding="utf-8"))
        self.supervisor = Supervisor(self.shop, self.logs, environment)
        self.supervisor.start(
            "provider", f"python -m development.payment_provider --port {self.payments_port}"
        )
        self.start_all()
        self.wait_until_up()

    def procfile(self) -> dict[str, str]:
        """Return the shop's own processes that take part, by name."""
        lines = (self.shop / "Procfile").read_text(encoding="utf-8").splitlines()
        commands = dict(line.split(": ", 1) for line in lines)
        return {name: line for name, line in commands.items() if name not in LEFT_OUT}

    def start_all(self) -> None:
        """Start what of the shop does not run."""
        for name, command in self.procfile().items():
            self.supervisor.start(name, command)

    def wait_until_up(self) -> None:
        """Wait until the shop and its workers answer."""
        workers = len(self.supervisor.names(beginning=["worker_"]))
        waiting.wait_until_up(self.addresses.shop, self.broker.url, workers)

    def begin(self) -> None:
        """Give a scenario a shop in order: all of it running, nothing left over, nobody told."""
        self.database.start_unless_running()
        self.broker.start_unless_running()
        self.sql("TRUNCATE durable_tasks_task")
        self.tell_provider(slow_seconds=0, fail_next=0, fail_after_charge_next=0)
        self.start_all()
        self.wait_until_up()

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement on the shop's database; wait for one that is being restarted."""
        return self.database.sql(query, *values)

    def manage(self, *command: str) -> str:
        """Run a command of the shop's `manage.py`, and return what it printed."""
        return manage(self.shop, self.supervisor.environment, *command)

    def enqueue(self, task: str, tokens: list[str], *more: Any, **options: Any) -> None:
        """Enqueue a task of the lab, one a token, by a request, in one transaction."""
        is_written_down = options.pop("is_written_down", True)
        asked = {"task": task, "tokens": tokens, "more": more, "options": options}
        url = f"{self.addresses.shop}/lab/enqueue/"
        answer = httpx.post(url, json=asked | {"is_written_down": is_written_down}, timeout=60)
        answer.raise_for_status()

    def tell_provider(self, **settings: float) -> None:
        """Make the payment provider slow, or fail."""
        httpx.post(f"{self.addresses.payments}/control", json=settings, timeout=10)
