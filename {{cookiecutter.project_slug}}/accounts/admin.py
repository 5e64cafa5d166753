"""The people in Django's admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm

from accounts.models import User


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]  # generic in stubs alone
    """Django's own, whose login is an address."""

    class Meta:
        """The address stands for Django's user name."""

        model = User
        fields = ("email", "name")


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]  # generic in stubs alone
    """Django's own, without a user name."""

    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "name", "is_staff", "is_active", "date_joined")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )
