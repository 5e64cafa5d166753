"""The addresses of the page "Tasks"."""

from django.urls import path

from tasks_page import views

app_name = "tasks_page"
urlpatterns = [
    path("", views.index, name="index"),
    path("queues/", views.switch, name="switch"),
]
