"""The recipe of docs/opentelemetry.md, carried out as it stands there."""

import re
from collections.abc import Callable
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "opentelemetry.md"
BLOCK = re.compile(r"```(python|diff)\n# (at the end of )?(\S+)\n(.*?)```", re.DOTALL)


def carry_out(shop: Path) -> list[str]:
    """Do to a shop's files what each block of the page says; return which."""
    blocks = BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))
    for kind, at_the_end, name, text in blocks:
        file = shop / name
        if kind == "diff":
            file.write_text(changed(file.read_text(encoding="utf-8"), text), encoding="utf-8")
        elif at_the_end:
            file.write_text(f"{file.read_text(encoding='utf-8')}\n\n{text}", encoding="utf-8")
        else:
            assert not file.exists()
            file.write_text(text, encoding="utf-8")
    return [name for _, _, name, _ in blocks]


def changed(text: str, diff: str) -> str:
    """Replace each line with a minus by those with a plus that follow it."""
    for before, after in re.findall(r"^-(.*)\n((?:\+.*\n)+)", diff, re.MULTILINE):
        assert text.count(f"{before}\n") == 1, f"there is no line {before!r}"
        text = text.replace(f"{before}\n", re.sub(r"^\+", "", after, flags=re.MULTILINE))
    return text


def test_a_mail_is_in_the_trace_of_its_request(
    shop: Path, run_in_shop: Callable[[str], Path]
) -> None:
    assert carry_out(shop) == ["config/tracing.py", "config/gunicorn.py", "config/base_task.py"]
    run_in_shop("spans")
