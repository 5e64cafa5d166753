"""The forms in which the processes of a project are deployed, all printed from one list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .. import procfile
from ..process import Process
from .compose import compose
from .kubernetes import kubernetes
from .systemd import systemd
from .target import Target


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of deployment: what it is for, and the texts of its files by their names."""

    about: str
    files: Callable[[tuple[Process, ...], Target], Mapping[str, str]]


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "procfile": Form(
            about="for honcho, and platforms that read a Procfile",
            files=lambda processes, target: {"Procfile": procfile.written(processes)},
        ),
        "compose": Form(
            about="one machine with Docker",
            files=lambda processes, target: {"compose.yaml": compose(processes, target)},
        ),
        "systemd": Form(about="one machine without Docker", files=systemd),
        "kubernetes": Form(
            about="a cluster",
            files=lambda processes, target: {"kubernetes.yaml": kubernetes(processes, target)},
        ),
    }
)

__all__ = ("FORMS", "Form", "Target")
