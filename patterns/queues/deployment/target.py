"""Where the processes are deployed: what a form must be told beside the list of them."""

import json
import re
from dataclasses import dataclass

# What a service, a unit, an image and a folder may all be called.
NAME = re.compile(r"[a-z][a-z0-9_-]*")
# A name in Kubernetes is a host name's label.
LONGEST_LABEL = 63


@dataclass(frozen=True, kw_only=True)
class Target:
    """A project's name, image and folder. The secrets are in a file or Secret that none has."""

    name: str
    image: str = ""
    directory: str = ""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a name that one of the forms does not take."""
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"The name {self.name!r} is not for a service: use small letters, digits, _ and -,"
                " and begin with a letter (QUEUES_NAME, or --name)."
            )

    @property
    def image_or_default(self) -> str:
        """The image that all processes run in."""
        return self.image or f"{self.name}:latest"

    @property
    def directory_or_default(self) -> str:
        """The folder of the project, with its environment in `.venv`."""
        return self.directory or f"/srv/{self.name}"

    def label(self, process: str = "") -> str:
        """Return a name for Kubernetes; raise `ValueError` where it is too long."""
        label = f"{self.name}-{process}".strip("-").replace("_", "-")
        if len(label) > LONGEST_LABEL:
            raise ValueError(
                f"Kubernetes takes no name of more than {LONGEST_LABEL} letters: {label!r}. Give a"
                " shorter --name."
            )
        return label


def quoted(text: str) -> str:
    """Return text as YAML has it between double quotes, which is as JSON does."""
    return json.dumps(text, ensure_ascii=False)


def in_list(words: list[str]) -> str:
    """Return words as a list on one line of YAML."""
    return f"[{', '.join(quoted(word) for word in words)}]"
