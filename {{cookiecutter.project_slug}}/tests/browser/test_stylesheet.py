"""The colours can be told apart, by day and by night (WCAG AA)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

# Text wants 4.5:1, the edges of controls 3:1.
TEXT = [
    ("ink", "ground"),
    ("ink", "surface"),
    ("muted", "ground"),
    ("muted", "surface"),
    ("link", "ground"),
    ("link", "surface"),
    ("brand-ink", "brand"),
    ("brand-ink", "brand-strong"),
    ("bad", "surface"),
    ("bad", "bad-ground"),
    ("surface", "bad"),
    ("warn", "warn-ground"),
    ("warn", "surface"),
    ("good", "good-ground"),
    ("note", "note-ground"),
    ("ink", "bad-ground"),
    ("ink", "warn-ground"),
    ("ink", "good-ground"),
    ("ink", "note-ground"),
]
EDGES = [("edge", "surface"), ("link", "ground"), ("bad", "surface"), ("brand", "surface")]


def palettes() -> dict[str, dict[str, str]]:
    css = Path(settings.BASE_DIR, "static", "shop.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    return dict(zip(("day", "night"), found, strict=True))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    dark, light = sorted([luminance(first), luminance(second)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", ["day", "night"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [(*pair, 4.5) for pair in TEXT] + [(*pair, 3.0) for pair in EDGES],
)
def test_what_lies_on_a_colour_stands_out(
    palette: str, front: str, back: str, least: float
) -> None:
    colours = palettes()[palette]

    assert contrast(colours[front], colours[back]) >= least
