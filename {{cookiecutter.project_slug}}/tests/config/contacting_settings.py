"""The settings of production, with the story's first code in place of the shop's pages."""

from tests.config.production_settings import *  # noqa: F403

ROOT_URLCONF = "tests.config.contacting_urls"
MIDDLEWARE = [
    each
    for each in MIDDLEWARE  # noqa: F405
    if each != "django.middleware.csrf.CsrfViewMiddleware"  # the test has no form
]
