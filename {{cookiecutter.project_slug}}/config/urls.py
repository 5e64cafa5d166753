"""The addresses of the shop."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from config.flower_redirect import choose_flower, redirect_to_flower

admin.site.site_header = admin.site.site_title = settings.PROJECT["name"]
urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("backoffice/", include("backoffice.urls")),
    path("flower/", choose_flower, name="flower"),
    path("flower/<name>/", redirect_to_flower, name="flower_of"),
    re_path(r"^flower/(?P<name>[^/]+)/(?P<path>.+)$", redirect_to_flower),
    path("", include("purchases.urls")),
]
