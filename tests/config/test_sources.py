"""Paths into JSON, and templates of paths."""

import pytest

from config.json_path import ABSENT, json_path
from config.load import load_settings


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a", 1),
        ("$['a']", 1),
        ('$["b"].c[1]', 3),
        ("$.b['d\\'e']", 4),
        ("$.b.c[2]", ABSENT),
        ("$.b.c.d", ABSENT),
        ("$.a.b", ABSENT),
        ("$.名前", 5),
        ("$.n", None),
    ],
)
def test_a_path_finds_what_is_there(path: str, value: object) -> None:
    document = {"a": 1, "b": {"c": [2, 3], "d'e": 4}, "名前": 5, "n": None}
    assert json_path(path).find(document) == value


@pytest.mark.parametrize(
    "path",
    ["", "a", "$.", "$a", "$.1", "$[01]", "$[", "$['a]", "$[a]", "$['']", "$.a b", "$.a[1:2]", "$[?(@.x)]",
     "$" + ".a" * 21, "$." + "a" * 500, "$$$.a", " $.a", "$.a ", "$.a\n"],
)  # fmt: skip
def test_what_is_no_path_is_refused_with_a_remedy(path: str) -> None:
    with pytest.raises(ValueError, match=r".; ."):
        json_path(path)


def test_templates_as_backends_write_them_are_accepted() -> None:
    templates = ["/", "/items/{id}", "GET /items/{id}/notes/{note-id}/", "/files/{proxy+}", "/Users/{int:id}"]
    given = load_settings("u.yaml", f"sources: {{inputs: [{{name: a, templates: {templates}}}]}}")
    assert given.sources.inputs[0].templates == templates
