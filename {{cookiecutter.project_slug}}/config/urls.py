"""The addresses of the shop."""

from django.contrib import admin
from django.urls import include, path, re_path

from config.flower_redirect import redirect_to_flower

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("backoffice/", include("backoffice.urls")),
    path("flower/", redirect_to_flower, name="flower"),
    re_path(r"^flower/(?P<path>.+)$", redirect_to_flower),
    path("", include("purchases.urls")),
]
