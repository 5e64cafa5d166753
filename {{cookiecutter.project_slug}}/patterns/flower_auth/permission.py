{{ pattern("flower_auth/permission.py") }}
