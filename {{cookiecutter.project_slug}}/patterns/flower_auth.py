{{ pattern("flower_auth.py") }}
