"""`python import_all.py PACKAGE`: import each module of a pattern, in a project with it wired."""

import pkgutil
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
if Path("manage.py").exists():
    import os

    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    django.setup()
if Path("shop", "celery.py").exists():
    import_module("shop.celery").app.finalize()
package = import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
    import_module(module.name)
