"""The addresses of the shop."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("backoffice/", include("backoffice.urls")),
    path("", include("purchases.urls")),
]
