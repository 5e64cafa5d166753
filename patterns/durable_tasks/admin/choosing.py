"""What somebody has chosen, read from a request: the same for a list, a question and an answer.

Whatever a request says that is nothing to choose by (no UUID, no time) is left out, and the page
shows what is chosen then; an action is refused instead, for it would touch more than was meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, make_aware

from ..selection import Selection

EQUAL = ("name", "queue", "exception", "reason")
# What makes a choice of failed tasks one; `until` is of every question.
NARROWING = (*EQUAL, "text", "since")
SINCE = {
    "hour": ("in the last hour", timedelta(hours=1)),
    "day": ("in the last day", timedelta(days=1)),
    "week": ("in the last week", timedelta(weeks=1)),
}
# A page's boxes; a form of Django's takes a thousand fields.
MOST_IDS = 500


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The parameters as they came, without the empty and the unreadable ones."""

    values: dict[str, str]
    ids: tuple[UUID, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Tell whether nothing was narrowed."""
        return not (self.ids or self.values.keys() & set(NARROWING))

    @property
    def name(self) -> str:
        """Return the task's name that is asked for; "" for any."""
        return self.values.get("name", "")

    def objections(self, *used: str) -> list[str]:
        """Return why no action may go by this, which would go by no other values than these."""
        unused = [name for name in self.values if name not in used]
        return [*self.faults, *(f"no list is narrowed by {name}" for name in unused)]

    def selection(self) -> Selection:
        """Return what it means for the rows."""
        return Selection(
            ids=self.ids or None,
            name=self.values.get("name"),
            queue=self.values.get("queue"),
            exception=self.values.get("exception"),
            reason=self.values.get("reason"),
            since=_moment(self.values.get("since", "")),
            until=_moment(self.values.get("until", "")),
            text=self.values.get("text"),
        )

    def fixed(self, until: datetime) -> "Choice":
        """Return the same as of a moment: what fails later is not meant, and "an hour" ends."""
        times = {"until": min(until, _moment(self.values.get("until", "")) or until).isoformat()}
        if since := _moment(self.values.get("since", "")):
            times["since"] = since.isoformat()
        return Choice(values={**self.values, **times}, ids=self.ids, faults=self.faults)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield it as a form's hidden fields."""
        for name, value in self.values.items():
            yield name, value or " "
        yield from (("id", str(each)) for each in self.ids)

    def query(self, **changes: str | None) -> str:
        """Return it as the end of an address, with some values changed or (None) left out."""
        pairs = [(name, value) for name, value in self.pairs() if name not in changes]
        pairs += [(name, value) for name, value in changes.items() if value is not None]
        return f"?{urlencode(pairs)}" if pairs else ""


def choice(request: HttpRequest) -> Choice:
    """Read what a request chooses, from its form or from its address."""
    data = request.POST if request.method == "POST" else request.GET
    values: dict[str, str] = {}
    faults: list[str] = []
    for name in (*EQUAL, "text", "since", "until", "state", "kind"):
        if (value := _text(data, name)) is None:
            continue
        if name in ("since", "until") and _moment(value) is None:
            faults.append(f"{value!r:.60} is no time")
        else:
            values[name] = value
    ids = _ids(data, faults)
    return Choice(values=values, ids=ids, faults=tuple(faults))


def identified(request: HttpRequest) -> UUID | None:
    """Return the task that is looked for by its id, as Flower and logs have it."""
    try:
        return UUID((request.GET.get("text") or request.GET.get("name") or "").strip())
    except ValueError:
        return None


def number(data: QueryDict, name: str, most: int) -> int:
    """Return a whole number from 0 to `most`; 0 for anything else."""
    text = data.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _text(data: QueryDict, name: str) -> str | None:
    """Return a value; None for none. Blanks mean a name that is empty: forms send "" for any."""
    value = data.get(name, "").replace("\0", "")
    if name in EQUAL and value:
        return value if value.strip() else ""
    return value.strip() or None


def _ids(data: QueryDict, faults: list[str]) -> tuple[UUID, ...]:
    found = []
    if len(data.getlist("id")) > MOST_IDS:
        faults.append(f"more than {MOST_IDS} tasks are ticked")
    for each in data.getlist("id")[:MOST_IDS]:
        try:
            found.append(UUID(each))
        except ValueError:
            faults.append(f"{each!r:.60} is no task's id")
    return tuple(dict.fromkeys(found))


def _moment(text: str) -> datetime | None:
    if text in SINCE:
        return datetime.now(UTC) - SINCE[text][1]
    try:
        moment = parse_datetime(text)
        aware = moment if moment is None or is_aware(moment) else make_aware(moment)
        return aware.astimezone(UTC) if aware else None
    except (ValueError, OverflowError):
        return None
