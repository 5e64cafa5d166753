{{ pattern("failure_check/problem.py") }}
