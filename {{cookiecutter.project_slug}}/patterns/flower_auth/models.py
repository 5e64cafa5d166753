{{ pattern("flower_auth/models.py") }}
