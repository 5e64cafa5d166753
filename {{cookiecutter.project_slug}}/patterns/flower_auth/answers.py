{{ pattern("flower_auth/answers.py") }}
