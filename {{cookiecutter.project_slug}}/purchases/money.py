"""Amounts of money: whole cents everywhere, formatted in this one place."""

CURRENCY = "EUR"  # the shop sells in one; an order keeps the one that it was placed in
SYMBOLS = {"EUR": "€"}


def format_amount(cents: int, currency: str) -> str:
    """Return e.g. "€1,234.50": integers only, for a float would round somebody's money."""
    whole, hundredths = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{SYMBOLS.get(currency, currency + ' ')}{whole:,}.{hundredths:02d}"
