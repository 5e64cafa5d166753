"""The settings of production, with static files that a test may collect."""

import os
from pathlib import Path

from config.settings import *  # noqa: F403  all of them, as a project's own settings would

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
