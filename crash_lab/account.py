"""What one scenario has to say for itself: counts, broken promises, evidence."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Account:
    """The counts of one scenario. A breach is a promise that did not hold, in one line."""

    number: int
    title: str
    committed: int = 0
    # What was done of what was committed, by what it is: charged, packed, mailed, run, failed.
    done: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    # Mails that arrived twice, which the one window of plain SMTP allows.
    mailed_twice: int = 0
    longest_request_seconds: float = 0.0
    kills: int = 0
    breaches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic, repr=False)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Write down a breach where something does not hold; the scenario goes on."""
        if not holds:
            self.breaches.append(otherwise)

    def note(self, line: str) -> None:
        """Keep a line of evidence."""
        self.notes.append(line)

    def add_done(self, **counts: int) -> None:
        """Add to what was done; what never occurs is not shown."""
        for name, count in counts.items():
            if count:
                self.done[name] = self.done.get(name, 0) + count

    def close(self) -> None:
        """End the account: what is lost or doubled is a breach, whatever else was said."""
        self.seconds = time.monotonic() - self.began
        self.expect(self.lost == 0, f"{self.lost} lost")
        self.expect(self.doubled == 0, f"{self.doubled} doubled")

    @property
    def holds(self) -> bool:
        """Tell whether every promise held."""
        return not self.breaches

    def as_json(self) -> dict[str, Any]:
        """Return the account as plain values."""
        values = asdict(self)
        del values["began"]
        return values | {"holds": self.holds}


HEADER = (
    *("", "scenario", "kills", "committed", "done", "lost", "doubled", "mails twice"),
    *("longest request", "took", ""),
)


def table(accounts: list[Account]) -> str:
    """Return the accounts as a table of plain text, a Markdown one at the same time."""
    rows = [HEADER, *map(_row, accounts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(account: Account) -> tuple[str, ...]:
    done = ", ".join(f"{name} {count:,}" for name, count in account.done.items())
    return (
        *(str(account.number), account.title, str(account.kills), f"{account.committed:,}", done),
        *(f"{account.lost}", f"{account.doubled}", f"{account.mailed_twice}"),
        *(f"{account.longest_request_seconds:.2f} s", f"{account.seconds:.0f} s"),
        "holds" if account.holds else "BROKEN",
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return "| " + " | ".join(cells) + " |"
