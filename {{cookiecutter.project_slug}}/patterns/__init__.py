{{ pattern("__init__.py") }}
