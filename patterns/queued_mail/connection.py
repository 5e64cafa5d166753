"""The backend that delivers, and how it wants a message: as bytes, or as an object to read."""

from typing import Any

from django.core import mail

from . import configuration


def delivery_connection() -> Any:
    """Return a closed connection of the backend that delivers."""
    if configuration.has_mailers():
        return mail.mailers[configuration.delivery_backend()]
    return mail.get_connection(configuration.delivery_backend(), fail_silently=False)


def reads_attributes(connection: Any) -> bool:
    """Tell whether a backend makes an API call of a message's attributes, as Anymail's do.

    Anymail's backends have an `esp_name`; any other says `reads_attributes = True` itself.
    """
    return bool(getattr(connection, "reads_attributes", hasattr(connection, "esp_name")))
