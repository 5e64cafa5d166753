"""Whoever is on call may do what they need to, and no more."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from accounts.models import User
from config.on_call import NAME, PERMISSIONS

pytestmark = pytest.mark.django_db


def codenames() -> set[str]:
    return set(Group.objects.get(name=NAME).permissions.values_list("codename", flat=True))


def test_the_group_is_there_and_may_do_all_but_see_arguments() -> None:
    assert codenames() == PERMISSIONS
    assert "see_arguments" not in codenames()


def test_what_somebody_took_from_the_group_stays_away() -> None:
    group = Group.objects.get(name=NAME)
    group.permissions.remove(group.permissions.get(codename="discard_failedtask"))

    call_command("migrate", verbosity=0)

    assert codenames() == PERMISSIONS - {"discard_failedtask"}


def test_a_member_may_replay_and_cancel_and_see_no_customer() -> None:
    user = User.objects.create_user("kim@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=NAME))
    assert user.has_perm("durable_tasks.replay_failedtask")
    assert user.has_perm("durable_tasks.cancel_taskrow")
    assert not user.has_perm("durable_tasks.see_arguments")
    assert not user.has_perm("accounts.view_user")
