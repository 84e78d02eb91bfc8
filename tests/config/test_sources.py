"""Mistakes in a mapping are reported at their place, with the remedy."""

import re

import pytest

from config.json_path import ABSENT, json_path
from config.load import ConfigError, load_settings

FIELDS = "      fields:\n        "
TIMED = FIELDS + "ts: $.t\n        "
SHORT = "      fields: {ts: $.t}\n      "
HEAD = "sources:\n  mappings:\n    - name: orders\n"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_settings("u.yaml", text)
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("      fields: {ts: time}", r"5?:?4:20: .*not a path; begin with \$"),
        (FIELDS + "ts: $.a-b", r"5:13: .*from character 4 on, '-b'; write \['a name'\]"),
        (FIELDS + "ts: $..time", r"5:13: .*'\.\.' is not supported"),
        (FIELDS + "ts: $.a[-1]", r"5:13: .*write the number of one item"),
        (FIELDS + "ts: $.a[*]", r"5:13: .*\[\*\] belongs to each alone"),
        (FIELDS + "ts: {path: $.t, unit: h}", r"5:31: .*not a unit of ts; units of ts: s, ms"),
        (TIMED + "route: {path: $.r, unit: s}", r"6:34: .*not a unit of route; remove it"),
        (TIMED + "statsu: $.s", r"6:9: a request has no field 'statsu'; did you mean 'status'\?"),
        (TIMED + "ms.totl: $.s", r"6:9: .*did you mean 'ms.total'\?"),
        (TIMED + "status: {const: abc}", r"6:25: .*'abc' is not a number; status is a"),
        (TIMED + "ms.total: {path: $.s, default: fast}", r"6:40: .*ms.total is in milliseconds"),
        (TIMED + "error: {path: $.o, map: {bad: oops}}", r"6:39: .*write user, backend, fatal or null"),
        (TIMED + "weight: {const: 0}", r"6:25: .*weight is from 1 to 1,000,000; correct it"),
        (TIMED + "status: {path: $.s, map: {bad: 1000}}", r"6:40: .*status is from 0 to 999"),
        (TIMED + "ms.total: {path: $.s, default: -1}", r"6:40: .*ms.total is from 0 to"),
        (SHORT + "tables: [{fields: {name: $.o, wcu: {const: -1}}}]", r"5:50: .*wcu is from 0 to"),
        (TIMED + "id: {}", r"6:13: .*needs either path or const"),
        (TIMED + "id: {path: $.a, const: b}", r"6:13: .*needs either path or const"),
        (TIMED + "id: {const: b, default: c}", r"6:33: .*default belongs to path; remove it"),
        (TIMED + "id: 5", r"6:13: .*write a path such as \$\.time"),
        (FIELDS + "ts: {path: $.t, unit: ms, map: {a: 1}}", r"5:31: .*remove unit"),
        (FIELDS + "service: $.s", r"5:9: .*a request needs ts; add it"),
        (SHORT + "each: $.records", r"5:13: .*put \[\*\] where the list is"),
        (SHORT + "each: '$$.records[*]'", r"5:13: .*begin with one \$"),
        (SHORT + "when: [{path: $.x}]", r"5:14: .*exactly one of equals, one_of and exists"),
        (SHORT + "when: [{path: x, equals: 1}]", r"5:21: .*not a path"),
        (SHORT + "tables: [{fields: {op: $.o}}]", r"5:25: .*a table call needs name"),
        (SHORT + "tables: [{fields: {name: $.o, consumed: $.c}}]", r"5:37: a table call has no field"),
        (SHORT + "kind: sample", r"4:15: .*a sample needs of.kind"),
        ("      kind: metric\n      fields: {ts: $.t}", r"4:13: "),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_at_its_place(text: str, expected: str) -> None:
    line = problems(HEAD + text)[0]
    assert re.search(rf"^u\.yaml:{expected}", line), line


def test_two_mappings_cannot_have_one_name() -> None:
    text = "sources: {mappings: [{name: a, fields: {ts: $.t}}, {name: a, fields: {ts: $.t}}]}"
    assert "also the name of sources.mappings.0; choose another name" in problems(text)[0]


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


def test_lines_over_tcp_come_from_an_input_that_there_is() -> None:
    (problem,) = problems("local: {tcp_source: nope}\nsources: {inputs: [{name: gateway}]}\n")
    assert problem.endswith("no input 'nope'; add it to sources.inputs, which has gateway")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", "not a path; begin with /, as in /items/{id}"),
        ("items/{id}", "not a path; begin with /"),
        ("GET items", "not a path; begin with /"),
        ("/{", "'{' is neither a word nor a place; write a place such as {id}, alone"),
        ("/{}", "'{}' is neither"),
        ("/items/{id}.json", "'{id}.json' is neither"),
        ("/a/{b}/{b}", "two places are called 'b'; give each a name of its own"),
        ("/files/{path+}/raw", "nothing can follow a place for the whole rest; end with it"),
    ],
)
def test_a_template_that_no_path_fits_is_refused_at_its_place(template: str, expected: str) -> None:
    text = f"sources:\n  inputs:\n    - name: a\n      templates:\n        - /items\n        - '{template}'\n"
    line = problems(text)[0]
    assert line.startswith("u.yaml:6:11: ")
    assert expected in line


def test_templates_as_backends_write_them_are_accepted() -> None:
    templates = ["/", "/items/{id}", "GET /items/{id}/notes/{note-id}/", "/files/{proxy+}", "/Users/{int:id}"]
    given = load_settings("u.yaml", f"sources: {{inputs: [{{name: a, templates: {templates}}}]}}")
    assert given.sources.inputs[0].templates == templates
