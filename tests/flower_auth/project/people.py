"""Takes a test's orders, a JSON line each: makes people, logs them in and changes them."""

import json
import sys
from datetime import timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  Django must be set up first
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import Permission, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import close_old_connections  # noqa: E402


def migrate() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def log_in(username: str, *, may_see: bool = False, **fields: Any) -> str:
    """Make a person with these fields, and a session of theirs; return its cookie's value."""
    user = User.objects.create_user(username, password="a first password", **fields)
    let_see(username, may_see=may_see)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def change(username: str, **fields: Any) -> None:
    """Change a person's fields, as another process would."""
    User.objects.filter(username=username).update(**fields)


def let_see(username: str, *, may_see: bool) -> None:
    """Give a person the permission to see Flower, or take it away."""
    permissions = User.objects.get(username=username).user_permissions
    permission = Permission.objects.get(codename="see_flower")
    permissions.add(permission) if may_see else permissions.remove(permission)


def change_password(username: str) -> None:
    """Give a person another password, which ends the sessions that knew the first one."""
    user = User.objects.get(username=username)
    user.set_password("another password")
    user.save()


def expire(session_key: str) -> None:
    """Let a session's time be over."""
    model = import_module(settings.SESSION_ENGINE).SessionStore.get_model_class()
    row = model.objects.get(session_key=session_key)
    row.expire_date -= timedelta(seconds=settings.SESSION_COOKIE_AGE + 1)
    row.save()


def log_out(session_key: str) -> None:
    """End a session."""
    import_module(settings.SESSION_ENGINE).SessionStore(session_key).flush()


def dumped() -> str:
    """Write the whole database as `dumpdata` does."""
    written = StringIO()
    call_command("dumpdata", stdout=written)
    return written.getvalue()


def is_kept(session_key: str) -> bool:
    """Tell whether a session is still in the store."""
    return bool(import_module(settings.SESSION_ENGINE).SessionStore().exists(session_key))


for line in sys.stdin:
    order, arguments = json.loads(line)
    close_old_connections()
    print(json.dumps(globals()[order](**arguments)), flush=True)
