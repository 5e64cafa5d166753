"""The forms of signing up, logging in and changing passwords."""

import logging
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError

from accounts.addresses import Mailbox
from accounts.fields import AddressField, LoginAddressField, MailboxField, NameField, PasswordField
from accounts.mails import send_password_reset
from accounts.models import User

logger = logging.getLogger(__name__)

STRENGTH_HINT = "At least 8 characters, and nothing that is easily guessed."


class FocusFirstError(forms.Form):
    """Puts the cursor into the first field that needs it."""

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error, and move the focus to the first field that has one."""
        super().add_error(field, error)
        for each in self.fields.values():
            each.widget.attrs.pop("autofocus", None)
        for name in self.fields:
            if name in self.errors:
                self.fields[name].widget.attrs["autofocus"] = True
                return


class SignupForm(FocusFirstError):
    """One address, perhaps a name, one password."""

    email = MailboxField(
        label="Email address",
        help_text="Pasted from your mail program is fine: Pat O'Hara <pat@example.com>",
    )
    name = NameField(
        label="Your name", required=False, max_length=150, help_text="As we should write to you."
    )
    password = PasswordField(label="Password", autocomplete="new-password", help_text=STRENGTH_HINT)

    def clean(self) -> dict[str, Any]:
        """Take the name from the address where the name is empty, and weigh the password."""
        super().clean()
        mailbox = self.cleaned_data.get("email")
        if isinstance(mailbox, Mailbox):
            self.cleaned_data["email"] = mailbox.address
            self._take_name_from(mailbox)
        self._weigh_password()
        return self.cleaned_data

    def _take_name_from(self, mailbox: Mailbox) -> None:
        """A name that came with the address is a convenience: what does not pass is left out."""
        if self.cleaned_data.get("name") == "":
            try:
                self.cleaned_data["name"] = self.fields["name"].clean(mailbox.name)
            except ValidationError:
                return

    def _weigh_password(self) -> None:
        user = User(**{key: self.cleaned_data.get(key, "") for key in ("email", "name")})
        try:
            password_validation.validate_password(self.cleaned_data.get("password", ""), user)
        except ValidationError as error:
            if "password" in self.cleaned_data:
                self.add_error("password", error)


class LoginForm(FocusFirstError, auth_forms.AuthenticationForm):
    """Django's own, with an address as mail clients write it."""

    username = LoginAddressField(label="Email address")
    password = PasswordField(label="Password", autocomplete="current-password")
    error_messages = auth_forms.AuthenticationForm.error_messages | {
        "invalid_login": "This address and this password do not belong together. Check both."
    }


class ResetForm(FocusFirstError, auth_forms.PasswordResetForm):
    """Django's own, which finds the account by the address in any spelling."""

    email = AddressField(label="Email address")

    def get_users(self, email: str) -> Iterable[User]:
        """Return the account that a mail goes to, if there is one that may log in."""
        try:
            user = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            return ()
        return (user,) if user.is_active and user.has_usable_password() else ()

    def send_mail(
        self, subject_template_name: str, email_template_name: str, context: Any, *_: Any, **__: Any
    ) -> None:
        """Send the mail of `mails.py`, whichever templates are named.

        An error is logged, as Django does: the answer must not tell whether there is an account.
        """
        user = context["user"]
        try:
            send_password_reset(user, context)
        except Exception:
            logger.exception("No mail with a link for user %s.", user.pk)


# Generic in the type stubs alone.
class SetPasswordForm(FocusFirstError, auth_forms.SetPasswordForm):  # type: ignore[type-arg]
    """Django's own: the new password, twice."""

    new_password1 = PasswordField(
        label="New password", autocomplete="new-password", help_text=STRENGTH_HINT
    )
    new_password2 = PasswordField(label="New password, once more", autocomplete="new-password")


class ChangePasswordForm(SetPasswordForm, auth_forms.PasswordChangeForm):
    """Django's own: the old password, and the new one twice."""

    old_password = PasswordField(label="Old password", autocomplete="current-password")
    field_order = ("old_password", "new_password1", "new_password2")
