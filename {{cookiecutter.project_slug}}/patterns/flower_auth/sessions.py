{{ pattern("flower_auth/sessions.py") }}
