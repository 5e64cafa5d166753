{{ pattern("flower_auth/apps.py") }}
