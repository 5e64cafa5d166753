{{ pattern("flower_auth/migrations/0001_initial.py") }}
