{{ pattern("flower_auth/guard.py") }}
