"""Django's settings of the smallest project, from the environment that a test sets."""

import os

import dj_database_url

SECRET_KEY = os.environ["SECRET_KEY"]
SECRET_KEY_FALLBACKS = os.environ.get("SECRET_KEY_FALLBACK", "").split()
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
if os.environ.get("FLOWER_AUTH_APP", "1") == "1":
    INSTALLED_APPS += ["patterns.flower_auth"]
if os.environ.get("SESSIONS_APP", "1") == "1":
    INSTALLED_APPS += ["django.contrib.sessions"]
SESSION_ENGINE = os.environ.get("SESSION_ENGINE", "django.contrib.sessions.backends.db")
SESSION_FILE_PATH = os.environ.get("SESSION_FILE_PATH")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["CACHE_URL"],
    }
}
AUTHENTICATION_BACKENDS = [
    os.environ.get("AUTHENTICATION_BACKEND", "django.contrib.auth.backends.ModelBackend")
]
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60)}
DATABASES["default"]["OPTIONS"] = {"connect_timeout": 5}
LOGIN_URL = os.environ.get("LOGIN_URL", "login")
USE_TZ = True
