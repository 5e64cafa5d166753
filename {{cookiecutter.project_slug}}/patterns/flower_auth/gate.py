{{ pattern("flower_auth/gate.py") }}
