{{ pattern("flower_auth/server.py") }}
