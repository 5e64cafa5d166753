{{ pattern("flower_auth/__init__.py") }}
