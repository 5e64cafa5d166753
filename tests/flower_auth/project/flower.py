"""Flower's configuration, as the pattern's header wires it."""

import os

from patterns.flower_auth.guard import guard

guard(
    site_url="http://127.0.0.1:8000",
    metrics_token=os.environ.get("FLOWER_METRICS_TOKEN", ""),
    allow_actions=os.environ.get("ALLOW_ACTIONS") == "1",
)

address = "127.0.0.1"
persistent = True
db = os.environ["FLOWER_STATE"]
