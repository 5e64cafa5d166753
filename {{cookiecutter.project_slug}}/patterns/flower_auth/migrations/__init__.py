{{ pattern("flower_auth/migrations/__init__.py") }}
