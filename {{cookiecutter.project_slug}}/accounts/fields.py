"""Form fields for what people are: an address as a mail client writes it, a name, a password."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.addresses import MAX_INPUT_LENGTH, Mailbox, parse_mailbox
from accounts.names import validate_name, validate_readable

# Long enough for any passphrase, short enough that comparing it with the name stays quick.
MAX_PASSWORD_LENGTH = 1024


class MailboxField(forms.CharField):
    """Cleans to a Mailbox. `type=text`, for a browser's `type=email` refuses a name before it."""

    def __init__(self, **options: Any) -> None:
        """Take what a CharField takes."""
        attrs = {
            "inputmode": "email",
            "autocomplete": "email",
            "autocapitalize": "none",
            "spellcheck": "false",
        }
        options.setdefault("widget", forms.TextInput(attrs=attrs))
        options.setdefault("max_length", MAX_INPUT_LENGTH)
        super().__init__(**options)
        self.validators.append(validate_readable)

    def clean(self, value: Any) -> Mailbox | str:
        """Return a Mailbox, or "" where the field is empty and may be."""
        text = super().clean(value)
        return parse_mailbox(text) if text else ""


class AddressField(MailboxField):
    """Cleans to the address alone."""

    def clean(self, value: Any) -> str:
        """Return the address in its one spelling."""
        mailbox = super().clean(value)
        return mailbox.address if isinstance(mailbox, Mailbox) else mailbox


class LoginAddressField(AddressField):
    """Cleans to the address in its one spelling, or to the text: some accounts are not mailboxes.

    (`createsuperuser` takes `ops@localhost`.) Whether it is right the password decides.
    """

    def clean(self, value: Any) -> str:
        """Return an address to look for."""
        try:
            return super().clean(value)
        except ValidationError:
            return str(forms.CharField.clean(self, value))


class PasswordField(forms.CharField):
    """A password: kept as it is typed, spaces included."""

    def __init__(self, *, autocomplete: str, **options: Any) -> None:
        """Take what a CharField takes, and the browser's word for which password this is."""
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(widget=widget, strip=False, max_length=MAX_PASSWORD_LENGTH, **options)
        self.validators.append(validate_readable)


class NameField(forms.CharField):
    """A person's name."""

    def __init__(self, **options: Any) -> None:
        """Take what a CharField takes."""
        super().__init__(widget=forms.TextInput(attrs={"autocomplete": "name"}), **options)
        self.validators += [validate_readable, validate_name]
