from django.contrib import admin
from django.contrib.auth.views import PasswordResetView
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("reset/", PasswordResetView.as_view(success_url="/"), name="password_reset"),
    path("reset/<uidb64>/<token>/", PasswordResetView.as_view(), name="password_reset_confirm"),
]
