from django.contrib import admin
from django.contrib.auth.views import PasswordResetView
from django.urls import path


def broken(request, **arguments):
    raise RuntimeError(f"no way to {request.path}")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("reset/", PasswordResetView.as_view(success_url="/"), name="password_reset"),
    path("reset/<uidb64>/<token>/", broken, name="password_reset_confirm"),
]
