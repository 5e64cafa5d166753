"""Who can log in: a person with a mail address."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.addresses import canonical_address


class UserManager(BaseUserManager["User"]):
    """Creates users and finds them by address, in whatever case it is written."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a user. Raises IntegrityError where the address is taken."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a user who may do everything in the admin."""
        fields |= {"is_staff": True, "is_superuser": True}
        return self.create_user(email, password, **fields)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the one spelling under which an address is kept."""
        return canonical_address(email) if email else ""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by address. `iexact` would pass by the unique index, `lower()` uses it."""
        lowered = self.normalize_email(username).lower()
        return self.alias(email_lowered=Lower("email")).get(email_lowered=lowered)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The address is the login, unique whatever its case; the name is any text."""

    # 254: the longest address that SMTP's 256-character path can carry.
    email = models.EmailField("email address", max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField("may use the back office", default=False)
    is_active = models.BooleanField(
        "may log in", default=True, help_text="Untick this instead of deleting somebody."
    )
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        """This is the rule. `unique` on the field is there for Django's check of a login field."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique",
                violation_error_message="There is an account with this address already.",
            )
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """Return the name, or where there is none what stands before the @."""
        return self.name or self.email.partition("@")[0]

    def get_short_name(self) -> str:
        """Return what to call somebody."""
        return self.get_full_name()

    def clean(self) -> None:
        """Keep the one spelling of the address, whichever form it came from."""
        self.email = type(self).objects.normalize_email(self.email)
