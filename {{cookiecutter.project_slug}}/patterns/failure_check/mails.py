{{ pattern("failure_check/mails.py") }}
