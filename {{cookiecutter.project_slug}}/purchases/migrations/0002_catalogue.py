"""Put the first products on the shelf, so that a new shop has something to sell."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

PRODUCTS = (
    (
        "all-clear-whistle",
        "All-clear whistle",
        "One long note, and everybody knows that it is over. Brass, with a cork ball.",
        "whistle",
        1250,
    ),
    (
        "signal-flags",
        "Signal flags, set of four",
        "Says what happened from as far as the eye reaches. Cotton, hemmed by hand.",
        "flags",
        2400,
    ),
    (
        "watch-log",
        "Watch keeper's log",
        "192 numbered pages: what came in, what was done about it, and when. Lies flat.",
        "logbook",
        1800,
    ),
    (
        "storm-lantern",
        "Storm lantern",
        "Burns through the night and through the gale. Twelve hours on one filling.",
        "lantern",
        4950,
    ),
    (
        "watch-bell",
        "Watch bell",
        "Rings on the hour whether anybody listens or not. Cast bronze, 12 cm.",
        "bell",
        8900,
    ),
    (
        "pocket-lighthouse",
        "Pocket lighthouse",
        "For desks that are hard to find. Turns once in ten seconds, and never stops unnoticed.",
        "lighthouse",
        123400,
    ),
)


def stock(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add each product that is not there."""
    product = apps.get_model("purchases", "Product")
    for slug, name, description, picture, price_cents in PRODUCTS:
        product.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "description": description,
                "picture": picture,
                "price_cents": price_cents,
            },
        )


class Migration(migrations.Migration):
    """Reversed, it leaves the products: orders may name them."""

    dependencies = (("purchases", "0001_initial"),)
    operations = (migrations.RunPython(stock, migrations.RunPython.noop),)
