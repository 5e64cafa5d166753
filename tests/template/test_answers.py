"""Every answer is refused in one clear line with nothing left, or comes out right everywhere."""

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException
from markdown_it import MarkdownIt

# Texts that a file's syntax, a template or a terminal could take for something else.
AWKWARD = {
    "double quotes": 'Bob "the" Shop',
    "single quotes": "Chris' 'Shop'",
    "triple quotes": "\"\"\"Shop'''",
    "HTML": "<b>Shop</b> & <script>alert(1)</script> &amp;",
    "Jinja": "{{ 7*7 }}",
    "a Jinja block": "{% raw %} {% if %}",
    "a Jinja comment": "{# Shop #}",
    "broken Jinja": "{{ oops",
    "Jinja in Jinja": "{{ cookiecutter.project_slug }}{{ 7*7 }}",
    "a workflow expression": "${{ github.token }}",
    "a shell expression": "$(id) `id` ${HOME} %d %(x)s %HOME%",
    "backslashes": "C:\\new\\table \\u0041 \\",
    "non-ASCII": "Chris' Café \u2013 2nd",
    "emoji": "🚀 Shop 👩‍👩‍👧",
    "right to left": "متجر",
    "Chinese": "北京烤鸭店",
    "a combining mark": "Cafe\u0301",
    "YAML": "Shop: yes # no, [a, {b: c}] & *d !e |",
    "a YAML document": "--- Shop ...",
    "a number": "2026",
    "a truth": "no",
    "TOML": "]] = [x] #",
    "Markdown": "*Shop* _a_ __b__ `c` ~~d~~ [e](f) ![g](h) # i | j $k$",
    "a Markdown list": "- Shop",
    "a Markdown plus list": "+ Shop",
    "a Markdown numbered list": "12. Shop",
    "a Markdown quotation": "> Shop",
    "a Markdown heading": "# Shop #",
    "a Markdown rule": "===",
    "a Markdown link's address": "<https://example.com>",
}
UNREADABLE = {
    "nothing": "",
    "spaces": "   ",
    "nothing that can be seen": "\u200b\u00ad\u200d",
    "a newline": "Shop\nevil = true",
    "a last newline": "Shop\n",
    "a carriage return": "Shop\revil",
    "a tab": "a\tshop",
    "NUL": "a\0shop",
    "an escape sequence": "\x1b[31mShop",
    "delete": "Shop\x7f",
    "next line": "Shop\x85evil",
    "a line separator": "Shop\u2028evil",
    "a turn of direction": "Shop\u202elive",
    "half a character": "Shop\ud83d",
    "a byte order mark": "\ufeffShop",
    "a non-character": "Shop\uffff",
    "ten thousand characters": "x" * 10_000,
    "a space before": " Shop",
    "a space after": "Shop ",
    "nothing at all": None,
    "a truth of JSON": True,
}
FREE_TEXTS = ("project_name", "description", "author_name")


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_text_comes_out_right_in_every_file(make: Any, text: str) -> None:
    project = make(**dict.fromkeys(FREE_TEXTS, text), project_slug="my_shop")

    metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["description"] == text
    assert metadata["authors"] == [{"name": text, "email": "hello@example.com"}]
    settings = tomllib.loads((project / "config/project.toml").read_text("utf-8"))
    assert (settings["name"], settings["description"]) == (text, text)
    workflow = yaml.safe_load((project / ".github/workflows/tests.yml").read_text("utf-8"))
    assert workflow["name"] == f"Tests of {text}"
    headings, paragraphs = shown_by_markdown(project / "README.md")
    assert headings[0] == text
    assert paragraphs[0] == text


@pytest.mark.parametrize("question", FREE_TEXTS)
@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_text_is_refused(make: Any, output: Path, question: str, text: Any) -> None:
    assert_refused(make, output, question, text)


@pytest.mark.parametrize(
    "slug",
    [
        *("", " ", "..", ".", "/", "a/b", "../a", "/etc", "a\\b", "C:", "~", "-", "_", "my-shop"),
        *("my shop", "2nd", "_shop", "shop_", "a__b", "Shop", "café", "shop\n", "shop\0", "🚀"),
        *("x" * 41, "x" * 10_000, "{{ 7*7 }}", "$(id)", "a.b", "*", "shop ", None, True),
        # Keywords, and names of the standard library
        *("class", "import", "match", "email", "json", "test", "antigravity"),
        # Dependencies, direct and indirect, by the name they are installed and imported by
        *("celery", "django", "django_celery_beat", "kombu", "redis", "psycopg", "pytest", "mypy"),
        # Parts of the project, and names that a file system keeps for itself
        *("accounts", "config", "patterns", "tests", "start", "manage", "templates", "static"),
        *("queued_mail", "con", "nul"),
    ],
)
def test_a_slug_that_cannot_be_one_is_refused(make: Any, output: Path, slug: Any) -> None:
    assert_refused(make, output, "project_slug", slug)


@pytest.mark.parametrize("slug", ["a", "shop2", "my_shop_2", "x" * 40])
def test_a_slug_names_the_folder_and_the_project(make: Any, output: Path, slug: str) -> None:
    project = make(project_slug=slug)

    assert project == output / slug
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("All Clear Shop", "all_clear_shop"),
        ("Chris' Café \u2013 2nd", "chris_cafe_2nd"),
        ("2nd Shop", "shop_2nd_shop"),
        ("Ærø & Søn", "aero_son"),
        ("北京", "bei_jing"),
        ("🚀", "shop"),
        ("- - -", "shop"),
        ("Class", "class_shop"),
        ("Celery", "celery_shop"),
        ("django-celery-beat", "django_celery_beat_shop"),
        ("Config", "config_shop"),
        ("../../etc/passwd", "etc_passwd"),
        ("{{ 7*7 }}", "shop_7_7"),
    ],
)
def test_the_slug_follows_from_the_name(make: Any, name: str, slug: str) -> None:
    assert make(project_name=name).name == slug


@pytest.mark.parametrize("name", ["x" * 80, "Django " * 11, "_" * 79 + "1"])
def test_a_long_name_gives_a_slug_that_fits(make: Any, name: str) -> None:
    assert len(make(project_name=name.strip()).name) <= 40


@pytest.mark.parametrize(
    "address",
    [
        *("hello@example.com", "a.b+c@mail.example.co.uk", "o'brien@example.org"),
        *("hello@bücher.example", "x_y-z@a-b.example", "{a}@example.com", "1@2.example"),
    ],
)
def test_a_mail_address_comes_out_right(make: Any, address: str) -> None:
    project = make(contact_email=address)

    settings = tomllib.loads((project / "config/project.toml").read_text("utf-8"))
    assert settings["contact_email"] == address
    metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["authors"][0]["email"] == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "hello", "hello@", "@example.com", "a@b@example.com", "hello@example", "a b@x.com"),
        *("hello@example.com, evil@example.com", "hello@example.com\nBcc: evil@example.com"),
        *("Hello <hello@example.com>", '"a b"@example.com', "<b>@example.com", "a@<b>.com"),
        *("{{ 7*7 }}@example.com", "hello@{{ 7*7 }}.com", "a..b@example.com", ".a@example.com"),
        *("hello@.example.com", "hello@example..com", "hello@-example.com", "hello@example.c"),
        *("josé@example.com", "hello@127.0.0.1", "hello@[127.0.0.1]", "a\\@example.com"),
        *("x" * 250 + "@example.com", "a@" + "x" * 64 + ".com", "a@example.com ", "🚀@x.com", None),
        *("a?b@example.com", "a#b@example.com", "a%b@example.com"),
    ],
)
def test_what_is_no_mail_address_is_refused(make: Any, output: Path, address: Any) -> None:
    assert_refused(make, output, "contact_email", address)


def test_a_refusal_is_one_line_on_the_command_line(run: Any, template: Path, output: Path) -> None:
    refused = run(
        *("cookiecutter", "--no-input", "--output-dir", output, template, "project_slug=celery"),
        check=False,
    )

    assert refused.returncode == 1
    assert (refused.stdout + refused.stderr).splitlines() == [
        "project_slug must not be 'celery', which Python, a dependency or a part of the project"
        " is called: answer celery_shop, say"
    ]
    assert list(output.iterdir()) == []


def test_what_is_typed_at_a_prompt_stays_what_was_typed(
    run: Any, template: Path, output: Path
) -> None:
    typed = ["{{ 7*7 }}", "typed_shop", 'It\'s "<b>"', "{% raw %}", "typed@example.com"]

    run("cookiecutter", "--output-dir", output, template, input="\n".join(typed) + "\n")

    settings = tomllib.loads((output / "typed_shop/config/project.toml").read_text("utf-8"))
    assert settings == {
        "slug": "typed_shop",
        "name": "{{ 7*7 }}",
        "description": 'It\'s "<b>"',
        "contact_email": "typed@example.com",
    }


def test_a_bad_name_is_refused_before_the_next_question(
    run: Any, template: Path, output: Path
) -> None:
    refused = run(
        *("cookiecutter", "--output-dir", output, template), input="x" * 10_000 + "\n", check=False
    )

    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1].endswith(
        "project_name has 10000 characters, at most 80 fit"
    )
    assert list(output.iterdir()) == []


def test_answers_of_a_hand_written_replay_are_checked_too(
    run: Any, tmp_path: Path, template: Path, output: Path
) -> None:
    answers = {
        **json.loads((template / "cookiecutter.json").read_text()),
        "project_name": "Shop",
        "project_slug": "../escaped",
    }
    replay = tmp_path / "answers.json"
    replay.write_text(json.dumps({"cookiecutter": answers}))

    refused = run(
        *("cookiecutter", "--replay-file", replay, "--output-dir", output, template), check=False
    )

    assert refused.returncode == 1
    assert refused.stdout.startswith("project_slug must be")
    assert not (tmp_path / "escaped").exists()
    assert list(output.iterdir()) == []


def test_at_most_six_questions_are_asked_each_in_words(template: Path) -> None:
    questions = json.loads((template / "cookiecutter.json").read_text())
    asked = [question for question in questions if not question.startswith("_")]

    assert len(asked) <= 6
    assert list(questions["__prompts__"]) == asked


def assert_refused(make: Any, output: Path, question: str, answer: Any) -> None:
    """Answer so: it fails in one line that names the question, and nothing is made."""
    with pytest.raises(FailedHookException) as refusal:
        make(**{question: answer})
    line = str(refusal.value)
    assert line.startswith(f"{question} ")
    assert len(line) < 500
    assert line.isprintable()
    assert list(output.iterdir()) == []


def shown_by_markdown(file: Path) -> tuple[list[str], list[str]]:
    """Return the texts of a Markdown file's headings and paragraphs, as a reader sees them."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(file.read_text("utf-8"))
    texts: dict[str, list[str]] = {"heading_open": [], "paragraph_open": []}
    for opening, inline in pairwise(tokens):
        if opening.type in texts and opening.level == 0:
            shown = "".join(part.content for part in inline.children or ())
            texts[opening.type].append(shown)
    return texts["heading_open"], texts["paragraph_open"]
