"""The addresses of the shop."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from config import health, metrics, tasks_health
from config.flower_redirect import choose_flower, redirect_to_flower

admin.site.site_header = admin.site.site_title = settings.PROJECT["name"]
urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("backoffice/", include("backoffice.urls")),
    path("tasks/", include("tasks_page.urls")),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("health/tasks", tasks_health.tasks, name="health_tasks"),
    path("metrics", metrics.metrics, name="metrics"),
    path("flower/", choose_flower, name="flower"),
    path("flower/<name>/", redirect_to_flower, name="flower_of"),
    re_path(r"^flower/(?P<name>[^/]+)/(?P<path>.+)$", redirect_to_flower),
    path("", include("purchases.urls")),
]
