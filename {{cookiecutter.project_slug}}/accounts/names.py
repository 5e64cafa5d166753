"""People's names: any text in any script, emoji too, but nothing that deceives whoever reads it."""

import unicodedata

from django.core.exceptions import ValidationError

# They reorder what follows them on the page and in the mail. (Marks that scripts and emoji need,
# such as the zero-width joiner, are other characters and stay allowed.)
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def validate_readable(text: str) -> None:
    """Refuse half characters, which no database and no password hash can keep."""
    if _UNREADABLE in text or any(unicodedata.category(char) == "Cs" for char in text):
        raise ValidationError("This has characters that could not be read. Type them again.")


def validate_name(name: str) -> None:
    """Refuse control characters, reversed text and web addresses in a name."""
    if any(unicodedata.category(char) in {"Cc", "Zl", "Zp"} for char in name):
        raise ValidationError("Write the name on one line, without special characters.")
    if not _DIRECTION_OVERRIDES.isdisjoint(name):
        raise ValidationError("Leave out the invisible characters that reverse the text.")
    if "://" in name or "www." in name.lower():
        # Or the welcome mail would carry anybody's advertisement to anybody's address.
        raise ValidationError("A name cannot contain a web address.")
