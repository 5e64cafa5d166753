"""Settings of Celery's that are none: it ignores a name that it does not know, without a word."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from celery import Celery
from celery.app.defaults import NAMESPACES, Option
from django.conf import LazySettings, settings
from django.core.checks import CheckMessage, Error

from . import configuration

# Celery's Django fixup reads the one, and notes the other itself; it lists neither.
UNLISTED = {"CELERY_DB_REUSE_MAX", "deprecated_settings"}
OLD_STYLE = re.compile(r"(?:CELERY|CELERYD|CELERYBEAT|BROKER)_[A-Z0-9_]+")
NEW_STYLE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# Below this two names are two things: `task_max_retries` is not `result_backend_max_retries`.
LIKENESS = 0.8


def unknown_settings(app: Celery) -> Iterator[CheckMessage]:
    """Names where an app reads its configuration, or in `app.conf`, that Celery does not know."""
    found = dict.fromkeys((*_strangers(app), *_changed(app)))
    for name in sorted(found.keys() - configuration.extras() - UNLISTED):
        meant = near(name, _namespace(app))
        yield Error(
            f"{app.main!r} is configured with {name!r}, which Celery does not know and ignores.",
            hint=(f"Did you mean {meant}? " if meant else "")
            + "What another package reads is named in RETRYING_TASK_CELERY_EXTRAS.",
            id="retrying_task.E009",
        )


def unread_settings(apps: Iterable[Celery]) -> Iterator[CheckMessage]:
    """Settings of Celery's among Django's, where no app looks for them."""
    if any(_namespace(app) or _source(app) is settings for app in apps):
        return
    for name in dir(settings):
        meant = near(name, "CELERY")
        if name not in UNLISTED and OLD_STYLE.fullmatch(name) and name[:6] == "CELERY" and meant:
            yield Error(
                f"{name} in Django's settings has no effect: no Celery app reads it there.",
                hint=f"Set {_bare(meant)} where the Celery app reads its configuration.",
                id="retrying_task.E011",
            )


def near(name: str, namespace: str | None) -> str:
    """Return the name that was meant, as it is written there; "" where none is like it."""
    known, old = _known()
    if name in old:
        found = old[name]
    else:
        bare = _bare(name)
        found = "".join(get_close_matches(bare, known, n=1, cutoff=LIKENESS))
    # `app.conf` takes small letters, whatever the settings have.
    is_of_settings = namespace and not name.islower()
    return f"{namespace}_{found.upper()}" if is_of_settings and found else found


def _bare(name: str) -> str:
    return re.sub("^celery(?:d|beat)?_", "", name.lower())


def _strangers(app: Celery) -> Iterator[str]:
    """Return the names of the object, module or mapping that Celery took its configuration from."""
    known, old = _known()
    app.conf.get("broker_url")  # it is read when first asked for
    namespace = _namespace(app)
    source: Any = app.loader.conf or {}  # None where nothing was read
    for name in [each for each in source if isinstance(each, str)]:
        if namespace:
            bare = name.removeprefix(f"{namespace}_")
            if bare != name and bare.lower() not in known:
                yield name
        elif OLD_STYLE.fullmatch(name):
            if name not in old and not _is_of_django(app):
                yield name
        elif NEW_STYLE.fullmatch(name) and name not in known and not _is_imported(source[name]):
            yield name


def _changed(app: Celery) -> Iterator[str]:
    """Return what was set by `app.conf.update()`, or an attribute of `app.conf`."""
    known, old = _known()
    namespace = _namespace(app)
    for name in app.conf.changes or ():
        is_name = NEW_STYLE.fullmatch(name) or OLD_STYLE.fullmatch(name)
        bare = name.removeprefix(f"{namespace}_").lower() if namespace else name
        if is_name and bare not in known and name not in old:
            yield name


def _namespace(app: Any) -> str | None:  # not in the stubs
    """Return what the names begin with where the app reads Django's settings."""
    found: str | None = app.namespace
    return found


def _source(app: Celery) -> Any:
    return getattr(app.loader.conf, "obj", app.loader.conf)


def _is_of_django(app: Celery) -> bool:
    """Tell whether the names are Django's settings, which have others' of such names too."""
    return _source(app) is settings


def _is_imported(value: Any) -> bool:
    """Tell a setting from what a module imports or defines beside its settings."""
    is_feature = type(value).__module__ == "__future__"
    return callable(value) or is_feature or isinstance(value, ModuleType | LazySettings)


def _known() -> tuple[set[str], dict[str, str]]:
    """Return the names that Celery knows, and the old ones, which it still takes, with the new."""
    new: set[str] = set()
    old: dict[str, str] = {}
    for space, options in NAMESPACES.items():
        entries = {"": options} if isinstance(options, Option) else dict(options)
        for key, option in entries.items():
            name = f"{space}_{key}" if key else space
            new.add(name)
            for former in option.old or (name,):
                old[former.format(key or space).upper()] = name
    return new, old
