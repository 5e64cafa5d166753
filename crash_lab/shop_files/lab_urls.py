"""The shop's pages and the lab's."""

from config.urls import urlpatterns as shop
from django.urls import path
from lab_app.views import enqueue

urlpatterns = [*shop, path("lab/enqueue/", enqueue)]
