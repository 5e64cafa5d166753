{{ pattern("flower_auth/closed.py") }}
