{{ pattern("flower_auth/checks.py") }}
