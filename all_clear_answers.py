"""What may be answered to the template's questions, and how an answer is written into a file.

Every answer is checked before anything is made, however it came: by prompt, option, configuration,
replay or cruft. A refusal is one line that names the question and what to answer instead.
"""

import json
import keyword
import re
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from cookiecutter.exceptions import FailedHookException  # type: ignore[import-untyped]  # ships no types
from slugify import slugify

# A heading, a page title and a mail's sender are read at a glance: longer ones are mistakes.
LONGEST = {
    "project_name": 80,
    "description": 200,
    "author_name": 80,
    # The largest address that a mail server must accept (RFC 5321, less the angle brackets).
    "contact_email": 254,
    # Short enough for a folder, a host name's label (63) and a database's name (63) made from it.
    "project_slug": 40,
}
# Line separators, and marks that turn the direction of all that follows in somebody's editor.
INVISIBLE = re.compile("[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
# Without ? # and %, which nobody uses and which mean something else in the link to an address.
LOCAL_PART = re.compile(r"[\w!$&'*+/=^`{|}~-]+(\.[\w!$&'*+/=^`{|}~-]+)*", re.ASCII)
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE)
# What the project has at its top, and what some systems do not allow as the name of a folder.
TAKEN = frozenset(
    {
        *("accounts", "analytics", "backoffice", "config", "deploy", "development", "payments"),
        *("purchases", "patterns", "idempotency", "queued_mail", "manage", "start", "procfile"),
        *("project", "static", "staticfiles", "tasks_page", "templates", "test", "tests", "var"),
        *("aux", "con", "nul", "prn"),
    }
)
# Dependencies that are imported under another name than the one they are installed by.
IMPORTED = frozenset(
    {
        *("attr", "cronlog", "crontab", "crontabs", "dateutil", "dotenv", "mypy_django_plugin"),
        *("mypyc", "public", "py", "pythonjsonlogger", "socks", "sockshandler", "timezone_field"),
        *("websocket", "xdist"),
    }
)
TEMPLATE = Path(__file__).parent / "{{cookiecutter.project_slug}}"


def checked_slug(answers: Mapping[str, object]) -> str:
    """Return the slug, which names the project's folder, once every answer has been checked."""
    for question in LONGEST:
        check_text(question, answers.get(question))
    check_address(str(answers["contact_email"]))
    check_slug(str(answers["project_slug"]))
    return str(answers["project_slug"])


def default_slug(name: object) -> str:
    """Return a slug made from the project's name that `check_slug` accepts."""
    check_text("project_name", name)
    slug = slugify(str(name), separator="_", max_length=LONGEST["project_slug"] - len("shop__shop"))
    if not slug or slug[0].isdigit():
        slug = f"shop_{slug}".rstrip("_")
    return f"{slug}_shop" if is_taken(slug) else slug


def in_quotes(value: object) -> str:
    """Return the text to stand between double quotes, as TOML and YAML both read it."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def markdown(value: object) -> str:
    """Return the text so that Markdown shows it letter by letter."""
    text = re.sub(r"([\\`*_{}\[\]<>#|~&!$=])", r"\\\1", str(value))
    # At a line's beginning these would make a list or a rule.
    return re.sub(r"^([+-]|\d+(?=[.)]))", lambda at: mark_escaped(at[1]), text)


FILTERS = {
    "checked_slug": checked_slug,
    "default_slug": default_slug,
    "in_quotes": in_quotes,
    "markdown": markdown,
}


def mark_escaped(mark: str) -> str:
    """Return a list's mark that Markdown no longer takes for one."""
    return f"\\{mark}" if mark in "+-" else f"&#{ord(mark[0])};{mark[1:]}"


def check_text(question: str, answer: object) -> None:
    """Refuse what is no line of readable text of a sensible length."""
    if not isinstance(answer, str):
        raise AnswerRefused(question, f"must be text, not {type(answer).__name__}")
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in answer):
        raise AnswerRefused(question, "must not be empty: nothing in it can be seen")
    if len(answer) > LONGEST[question]:
        raise AnswerRefused(
            question, f"has {len(answer)} characters, at most {LONGEST[question]} fit"
        )
    if answer != answer.strip():
        raise AnswerRefused(question, f"begins or ends with a space: {answer!r}")
    for letter in answer:
        if unicodedata.category(letter) in {"Cc", "Cs"} or INVISIBLE.match(letter):
            raise AnswerRefused(question, f"holds a character that cannot be shown: {letter!r}")


def check_address(address: str) -> None:
    """Refuse what is no plain mail address; names in other scripts are for the domain alone."""
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_domain = ""
    if not LOCAL_PART.fullmatch(local) or not DOMAIN.fullmatch(ascii_domain):
        raise AnswerRefused(
            "contact_email", f"must be one address such as hello@example.com, not {address!r}"
        )


def check_slug(slug: str) -> None:
    """Refuse what cannot name a folder and a package, or already names another one."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slug):
        raise AnswerRefused(
            "project_slug",
            f"must be small letters, digits and single underscores, such as my_shop, not {slug!r}",
        )
    if is_taken(slug):
        raise AnswerRefused(
            "project_slug",
            f"must not be {slug!r}, which Python, a dependency or a part of the project is called:"
            f" answer {slug}_shop, say",
        )


def is_taken(slug: str) -> bool:
    """Tell whether Python, a dependency or the project means something else by it."""
    return (
        keyword.iskeyword(slug)
        or keyword.issoftkeyword(slug)
        or slug in sys.stdlib_module_names
        or slug in TAKEN
        or slug in IMPORTED
        or slug in dependencies()
    )


def dependencies() -> set[str]:
    """Return the names of all that the project installs, as its pyproject.toml lists them."""
    text = (TEMPLATE / "pyproject.toml").read_text(encoding="utf-8")
    names = re.findall(r'^ +"([\w.-]+)(?:\[\w+\])?[=>~]', text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "_", name).lower() for name in names}


class AnswerRefused(FailedHookException, SystemExit):  # type: ignore[misc]  # untyped base
    """An answer cannot be used: cookiecutter and cruft end with its one line, nothing made.

    Cookiecutter's command prints a FailedHookException as a line; cruft's prints a traceback of
    everything but a SystemExit, which Python itself prints as a line.
    """

    def __init__(self, question: str, reason: str) -> None:
        """Name the question and what is wrong with its answer."""
        super().__init__(f"{question} {reason}")
        self.code = str(self)
