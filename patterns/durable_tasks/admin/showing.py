"""What came from anywhere, made fit to be looked at: bounded, and nothing in it unseen.

The templates escape it; this makes visible what escaping leaves alone, such as control characters
and marks that turn the direction of what follows.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

LINE_CHARACTERS = 300  # of an error or of arguments in a list
PAGE_CHARACTERS = 64_000  # of a traceback or of arguments on a page: what people still scroll
MESSAGE_BYTES = 4_000
_FRAME = re.compile(r'  File "(?P<path>[^"]*)", line \d+')
# What runs the task is no more one's own than a library is.
_PACKAGE = re.escape("/".join(__name__.split(".")[:-2]))
_LIBRARY = re.compile(rf"site-packages|dist-packages|lib/python3|<frozen |(^|/){_PACKAGE}/")
_HEADINGS = ("Traceback (", "The above exception", "During handling")


@dataclass(frozen=True)
class Part:
    """Some lines of a traceback: of a library, of one's own code, or the error itself."""

    kind: str
    text: str


def visible(text: str, characters: int = PAGE_CHARACTERS) -> str:
    """Return text in which nothing is unseen, cut with a mark at so many characters."""
    shown = text[:characters]
    if not shown.replace("\n", "").isprintable():
        shown = "".join(_seen(each) for each in shown)
    return shown if len(text) <= characters else f"{shown} …"


def line(text: str, characters: int = LINE_CHARACTERS) -> str:
    """Return the same on one line."""
    return visible(" ".join(text[: characters * 4].split()), characters)


def call(shown: str, characters: int = LINE_CHARACTERS) -> str:
    """Return redacted arguments as one reads a call; `shown` is the row's pair of reprs."""
    try:
        args, kwargs = json.loads(shown)
        parts = [part for part in (str(args), str(kwargs)) if part not in ("()", "{}", "[]", "")]
    except (TypeError, ValueError, RecursionError):
        parts = [shown]
    return line(" ".join(parts), characters)


def arguments(text: str) -> str:
    """Return exact arguments as indented JSON; as they are where they are long or no JSON."""
    if len(text) > PAGE_CHARACTERS:
        return visible(text)
    try:
        args, kwargs = json.loads(text)
        return visible(json.dumps({"args": args, "kwargs": kwargs}, indent=2, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return visible(text)


def message(body: bytes) -> str:
    """Return the beginning of a message's bytes: text where it is text, else \\x escapes."""
    return visible(body[:MESSAGE_BYTES].decode("utf-8", "backslashreplace"))


def traceback(text: str) -> list[Part]:
    """Return a traceback in parts, so that one's own code and the error stand out."""
    lines = list(_kinds(visible(text).splitlines()))
    return [
        Part(kind, "\n".join(each for _, each in group))
        for kind, group in groupby(lines, key=lambda pair: pair[0])
    ]


def _kinds(lines: list[str]) -> Iterator[tuple[str, str]]:
    kind = "own"
    for each in lines:
        if frame := _FRAME.match(each):
            kind = "foreign" if _LIBRARY.search(frame["path"]) else "own"
        elif not each or each.startswith(_HEADINGS):
            kind = "heading"
        elif not each.startswith(" "):
            kind = "error"
        yield kind, each


def _seen(character: str) -> str:
    """Escape what has no look of its own: also a lone surrogate, which no page can be sent with."""
    if character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()
