"""The story's page, and the metrics that count it."""

from django.urls import path

from config.metrics import metrics
from tests.config.story_site import signup

urlpatterns = [path("signup/", signup), path("metrics", metrics)]
