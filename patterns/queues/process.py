"""One process of a project: what runs it, and what whoever runs it must know."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# What a shell, a Procfile and a broker's key all take without quoting.
NAME = re.compile(r"[a-z][a-z0-9_]*")
# Without a variable more.
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process of a project, in whatever form it is deployed.

    `command` has no shell's signs in it. `environment` is set wherever it runs;
    `deployed_environment` not by the Procfile, whose processes have their variables from elsewhere;
    `container_environment` in a container alone. `memory_mb` is what it takes when it has begun,
    and above `memory_limit_mb` (twice that, if 0) something is wrong with it. `stop_seconds` is how
    long it may take to end after SIGTERM; killed before, it leaves work to be found.
    `is_single`: never two at once, not even while one takes the other's place. `port` is where it
    answers HTTP, `live_path` and `ready_path` what a platform asks there. `behind` names the
    process with a port whose network it shares, since it listens on loopback alone.
    """

    name: str
    why: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    deployed_environment: Mapping[str, str] = field(default_factory=dict)
    container_environment: Mapping[str, str] = field(default_factory=dict)
    memory_mb: int = 100
    memory_limit_mb: int = 0
    stop_seconds: float = 10
    is_single: bool = False
    port: int = 0
    live_path: str = ""
    ready_path: str = ""
    behind: str = ""

    def __post_init__(self) -> None:
        """Raise `ValueError`, which names the process, where a part makes no sense."""
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Process {self.name!r}: use lower-case letters, digits, underscores.")
        for part in ("why", "command"):
            text = getattr(self, part)
            if not text.strip() or "\n" in text:
                raise ValueError(f"Process {self.name!r}: {part} must be one line of text.")
        if shlex.join(self.words) != self.command:
            raise ValueError(
                f"Process {self.name!r}: its command is not for a shell, and every platform would"
                f" read it otherwise: write {shlex.join(self.words)!r}."
            )
        if bool(self.port) != bool(self.live_path and self.ready_path):
            raise ValueError(
                f"Process {self.name!r}: `port`, `live_path` and `ready_path` go together: what"
                " answers requests is asked whether it can."
            )

    @property
    def words(self) -> list[str]:
        """The command's words, the first of which is a program."""
        return shlex.split(self.command)

    @property
    def line(self) -> str:
        """What a Procfile says after the name."""
        set_first = [f"{name}={value}" for name, value in self.environment.items()]
        return " ".join([*(["env", *set_first] if set_first else []), self.command])

    @property
    def limit_mb(self) -> int:
        """Megabytes above which it is ended."""
        return self.memory_limit_mb or 2 * self.memory_mb

    @property
    def deployed(self) -> dict[str, str]:
        """What every form but the Procfile sets."""
        return {**self.environment, **self.deployed_environment}
