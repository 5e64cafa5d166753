"""The addresses of the back office."""

from django.urls import path

from backoffice import views

app_name = "backoffice"
urlpatterns = [
    path("", views.index, name="index"),
    path("rebuild/", views.rebuild, name="rebuild"),
    path("status.json", views.status, name="status"),
]
