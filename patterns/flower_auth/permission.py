"""Who may see Flower; without Flower and its web server, for the site's own pages ask it too."""

from typing import Any

PERMISSION = "flower_auth.see_flower"


def may_see_flower(user: Any) -> bool:
    """Tell whether Flower is for this user, unless `guard` is given another question."""
    return bool(user.is_active and user.is_staff and user.has_perm(PERMISSION))
