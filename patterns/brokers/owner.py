"""Whose a broker is: an app's name, and the environment that it runs in."""

import re
from dataclasses import dataclass
from typing import Self

# What a shell takes without quoting, and what divides the two is not in them.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Owner:
    """One app in one environment, written `my_project.shop@production`.

    The name says which project it is of: two projects may both have a "shop".
    """

    app: str
    environment: str

    def __post_init__(self) -> None:
        """Raise ValueError for a name that could not be written so."""
        for what, name in (("app", self.app), ("environment", self.environment)):
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"The broker's owner has {name!r} as its {what}: use letters, digits, dots,"
                    " dashes and underscores."
                )

    def __str__(self) -> str:
        """Return what `parse()` reads."""
        return f"{self.app}@{self.environment}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the owner written as `app@environment`. Raises ValueError."""
        app, at, environment = text.partition("@")
        if not at:
            raise ValueError(f"{text!r} is no owner: write app@environment.")
        return cls(app, environment)
