"""An address that is not understood is refused before anybody understands it wrongly."""

import pytest

from config.environment import Environment
from config.server_urls import FORMS, mail_settings, split
from development.environment import BadEnvironment
from development.given_servers import check


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgres//shop:hunter2@x/y"),
        ("DATABASE_URL", "mysql://"),
        ("DATABASE_URL", "postgresql://shop:hunter2@10.0.0.1"),
        ("DATABASE_URL", "postgresql://shop:1/hunter2@10.0.0.1/shop"),
        ("BROKER_URL", "redis//shop:hunter2@h"),
        ("BROKER_URL", "amqp://shop:hunter2@h"),
        ("BROKER_URL", "redis://:1#hunter2@h:6379/0"),
        ("BROKER_URL", "redis://:hunter2@h:99999/0"),
        ("BROKER_URL", "redis:///0"),
        ("SITE_URL", "shop.example.com"),
        ("SITE_URL", "https://shop.example.com\n"),
        ("PAYMENTS_URL", "https://"),
        ("FLOWER_URL", "https://flower.example?x="),
        ("EMAIL_URL", "nonsense"),
        ("EMAIL_URL", "smtp+tls://shop:hunter2@h:587"),
        ("EMAIL_URL", "smtp+ssl://shop:hunter2@h:465"),
        ("EMAIL_URL", "smtps://shop:hunter2@h:465"),
        ("EMAIL_URL", "smtp://shop:hunter2@h:465?ssl=True"),
        ("EMAIL_URL", "submission://shop:hunter2@h:0"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SystemExit) as refused:
        Environment().str(name)
    assert f'"{name}" invalid: it is not like {FORMS[name].example}' in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgres://shop:p%2Fw@[::1]:5432/shop?sslmode=require"),
        ("DATABASE_URL", "postgresql://postgres@%2Ftmp%2Fsockets/shop"),
        ("BROKER_URL", "redis://h"),
        ("BROKER_URL", "rediss://:p%40ss@h:6379/0?ssl_cert_reqs=required"),
        ("SITE_URL", "http://[::1]:8000/"),
        ("EMAIL_URL", "submissions://shop%40example.com:p%40ss@h"),
    ],
)
def test_a_good_address_is_taken(name: str, url: str) -> None:
    assert split(name, url).geturl() == url


def test_a_mail_servers_user_and_password_are_decoded() -> None:
    found = mail_settings("submissions://shop%40example.com:p%2Fw@h")
    assert found["EMAIL_HOST_USER"] == "shop@example.com"
    assert found["EMAIL_HOST_PASSWORD"] == "p/w"


def test_a_start_refuses_the_mail_servers_that_the_settings_refuse() -> None:
    with pytest.raises(BadEnvironment) as refused:
        check({"EMAIL_URL": "smtp+tls://shop:hunter2@127.0.0.1:587"})
    assert str(refused.value).startswith("EMAIL_URL: it is not like submission://")
    assert "hunter2" not in str(refused.value)
