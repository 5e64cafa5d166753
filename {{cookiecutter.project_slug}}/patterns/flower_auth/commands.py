{{ pattern("flower_auth/commands.py") }}
