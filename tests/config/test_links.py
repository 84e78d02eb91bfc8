"""Links lead to the right page and time range, and no name breaks out of one."""

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.links import Links
from config.settings import SCOPE_KINDS
from config.settings import LinksSettings as LinkSettings
from config.template import PLACEHOLDERS, Template
from detectors.model import scope

SHIPPED = Links(LinkSettings())
START, END = 1760000000.25, 1760003600.0


GIVEN = {"account": "1", "region": "eu-west-1", "name": "put", "start": 0.0, "end": 60.0}


def link(kind: str, *, cloud: str = "aws", name: str = "items", links: Links = SHIPPED, **more: str) -> str:
    region = {"aws": "ap-northeast-1"}.get(cloud, "asia-northeast1")
    account = {"aws": "123456789012"}.get(cloud, "my-project")
    given = {"account": account, "region": region, "name": name, "start": START, "end": END}
    url = links.url(kind, cloud=cloud, **(given | more))  # type: ignore[arg-type]  # by name
    assert url is not None
    return url


def read_jsurl(text: str) -> object:
    """Read what the CloudWatch console reads: ~(~'a) is a list, ~(k~'v) an object, *2f a slash."""

    def value(at: int) -> tuple[object, int]:
        assert text[at] == "~", text[at:]
        at += 1
        if text[at] == "'":
            end = next((n for n in range(at + 1, len(text)) if text[n] in "~)"), len(text))
            return re.sub(r"\*(\w\w)", lambda m: chr(int(m[1], 16)), text[at + 1 : end]), end
        if text[at] != "(":
            end = next((n for n in range(at, len(text)) if text[n] in "~)"), len(text))
            return {"true": True, "false": False}.get(text[at:end]) if text[at:end].isalpha() else int(
                text[at:end]
            ), end
        at += 1
        if text[at] == "~":
            items = []
            while text[at] != ")":
                item, at = value(at)
                items.append(item)
            return items, at + 1
        members = {}
        while text[at] != ")":
            key = re.match(r"\w+", text[at:])
            assert key
            members[key[0]], at = value(at + len(key[0]))
            at += (
                text[at] == "~"
                and text[at + 1] not in "'("
                and not text[at + 1 :].startswith(("true", "false"))
            )
        return members, at + 1

    read, end = value(0)
    assert end == len(text)
    return read


def test_a_table_of_aws_leads_to_its_console_in_its_region() -> None:
    url = urlsplit(link("table"))
    assert url.hostname == "ap-northeast-1.console.aws.amazon.com"
    assert parse_qs(url.query) == {"region": ["ap-northeast-1"]}
    assert url.fragment == "table?name=items&tab=monitoring"


def test_a_function_of_aws_leads_to_its_console() -> None:
    assert urlsplit(link("function", name="put item")).fragment == "/functions/put%20item?tab=monitoring"


def test_logs_insights_reads_the_log_group_the_query_and_the_range() -> None:
    fragment = urlsplit(link("function_logs", name="team_put-item")).fragment
    page, _, detail = fragment.partition("$3FqueryDetail$3D")
    assert page == "logsV2:logs-insights"
    assert read_jsurl(unquote(unquote(detail.replace("$", "%")))) == {
        "start": "2025-10-09T08:53:20.250Z",
        "end": "2025-10-09T09:53:20.000Z",
        "timeType": "ABSOLUTE",
        "tz": "UTC",
        "editorString": "fields @timestamp, @message\n| sort @timestamp desc\n| limit 200",
        "source": ["/aws/lambda/team_put-item"],
    }


def query_of(kind: str, **more: Any) -> str:
    detail = urlsplit(link(kind, **more)).fragment.partition("$3FqueryDetail$3D")[2]
    read = read_jsurl(unquote(unquote(detail.replace("$", "%"))))
    assert isinstance(read, dict)
    return str(read["editorString"])


def test_the_errors_of_a_function_are_filtered_out_of_its_log() -> None:
    filtered = "| filter @message like /(?i)(error|exception|timed out)/"
    assert query_of("function_errors").splitlines()[1] == filtered
    error = query_of("function_exception", error="com.shop.Order$Failed").splitlines()[1]
    assert error == '| filter @message like "com.shop.Order$Failed"'


@pytest.mark.parametrize("error", ["", 'x" | fields @x', "a b", "<KeyError>", "é", "x" * 500, "1e5"])
@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_an_exception_that_is_no_class_name_makes_no_query(error: str, cloud: str) -> None:
    assert SHIPPED.url("function_exception", **(GIVEN | {"cloud": cloud, "error": error})) is None  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("function_errors", "(severity>=ERROR OR httpRequest.status>=429)"),
        ("function_exception", '"KeyError"'),
        ("route_errors", "httpRequest.status>=429"),
    ],
)
def test_the_logs_explorer_filters_by_status_or_exception(kind: str, line: str) -> None:
    url = urlsplit(link(kind, cloud="gcp", status="429", error="KeyError"))
    assert line in unquote(url.path.partition(";query=")[2]).splitlines()


@pytest.mark.parametrize(
    ("kind", "namespace", "dimension"),
    [("table_metrics", "AWS/DynamoDB", "TableName"), ("function_metrics", "AWS/Lambda", "FunctionName")],
)
def test_cloudwatch_metrics_are_those_of_the_scope_in_the_range(
    kind: str, namespace: str, dimension: str
) -> None:
    page, _, graph = urlsplit(link(kind, name="items.v2")).fragment.partition("=")
    assert page == "metricsV2:graph"
    read = read_jsurl(unquote(graph))
    assert isinstance(read, dict)
    assert {(metric[0], *metric[2:]) for metric in read["metrics"]} == {(namespace, dimension, "items.v2")}
    assert (read["start"], read["end"]) == ("2025-10-09T08:53:20.250Z", "2025-10-09T09:53:20.000Z")
    assert read["region"] == "ap-northeast-1"


def test_the_logs_explorer_gets_a_filter_with_the_range() -> None:
    url = urlsplit(link("function_logs", cloud="gcp", name='put"item'))
    assert parse_qs(url.query) == {"project": ["my-project"]}
    query = unquote(url.path.partition(";query=")[2])
    assert query.splitlines() == [
        'resource.type=("cloud_run_revision" OR "cloud_function")',
        '(resource.labels.service_name="put\\"item" OR resource.labels.function_name="put\\"item")',
        'timestamp>="2025-10-09T08:53:20.250Z"',
        'timestamp<="2025-10-09T09:53:20.000Z"',
    ]


def test_both_clouds_have_links_for_the_scopes_a_message_names() -> None:
    for cloud in ("aws", "gcp"):
        for kind in ("table", "function", "function_logs", "table_metrics", "service", "account"):
            assert link(kind, cloud=cloud).startswith("https://"), (cloud, kind)


def test_own_templates_go_before_shipped_ones_and_an_empty_one_takes_a_link_away() -> None:
    links = Links(
        LinkSettings(
            templates={
                "any": {"table_grafana": "https://g.example/{name}", "table": "https://any.example/{name}"},
                "aws": {"table": "https://own.example/{name}", "function": ""},
                "azure": {"service": "https://portal.example/"},
            }
        )
    )
    assert link("table", links=links) == "https://own.example/items"
    assert link("table", cloud="gcp", links=links) == "https://any.example/items"
    assert link("table", cloud="elsewhere", links=links) == "https://any.example/items"
    assert link("table_grafana", cloud="azure", links=links) == "https://g.example/items"
    assert links.url("function", cloud="aws", account="1", region="r", name="f", start=0, end=1) is None
    assert links.kinds("table", cloud="aws") == ("table", "table_grafana", "table_metrics")
    assert links.kinds("function", cloud="aws") == (
        "function_errors",
        "function_exception",
        "function_logs",
        "function_metrics",
    )
    assert SHIPPED.kinds("table", cloud="aws") == ("table", "table_metrics")


def test_a_missing_value_gives_no_link_rather_than_a_broken_one() -> None:
    assert SHIPPED.url("table", cloud="aws", account="1", region="", name="items", start=0, end=1) is None
    assert SHIPPED.url("table", cloud="gcp", account="", region="", name="items", start=0, end=1) is None
    assert SHIPPED.url("nothing", cloud="aws", account="1", region="r", name="items", start=0, end=1) is None


@pytest.mark.parametrize("region", ["evil.example/", "a@evil.example", "a:1", "x y", "-a", "é", "a.b", "a\n"])
def test_a_region_cannot_change_the_host(region: str) -> None:
    assert SHIPPED.url("table", cloud="aws", account="1", region=region, name="t", start=0, end=1) is None


ANY_TEXT = st.text(max_size=40) | st.text(alphabet="<>|\"'`\\ \n\t/?#&;%$~()*{}\u2028é😀\ud800", max_size=20)


@given(name=ANY_TEXT, account=ANY_TEXT, region=ANY_TEXT | st.just("eu-west-1"), at=st.floats(-1e12, 1e15))
@settings(max_examples=200)
def test_no_value_breaks_out_of_a_link(name: str, account: str, region: str, at: float) -> None:
    plain = {"cloud": "", "account": "a", "region": "eu-west-1", "name": "n", "start": 0.0, "end": 1.0}
    for cloud in ("aws", "gcp"):
        for scope_kind in SCOPE_KINDS:
            for kind in SHIPPED.kinds(scope_kind, cloud=cloud):
                url = SHIPPED.url(
                    kind, cloud=cloud, account=account, region=region, name=name, start=at, end=at
                )
                if url is None:
                    continue
                assert re.fullmatch(r"https://[!#$%&()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+", url)
                expected = SHIPPED.url(kind, **(plain | {"cloud": cloud}))  # type: ignore[arg-type]  # by name
                assert expected is not None
                shape = [re.sub(r"[^/?#&;=()]", "", part) for part in (url, expected)]
                assert shape[0] == shape[1], kind


@given(name=st.text(min_size=1).filter(lambda text: max(text) < "\ud800"))
def test_a_value_comes_out_of_the_link_as_it_went_in(name: str) -> None:
    url = Template("https://h.example/d?v={name}&w=1").fill({"name": name})
    assert url is not None
    assert unquote(urlsplit(url).query[2:-4]) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://x.example", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("https://", "plain host name"),
        ("https://user@x.example/", "plain host name"),
        ("https://x.example/{nam}", "unknown placeholder {nam}; valid placeholders: name"),
        ("https://x.example/{}", "unknown placeholder"),
        ("https://x.example/{name.real}", "unknown placeholder"),
        ("https://x.example/{name!r}", "unknown placeholder"),
        ("https://x.example/{name:>5}", "unknown encoding '>5' of {name}"),
        ("https://x.example/{name", "write a literal brace as %7B"),
        ("https://x.example/a b", "write ' ' percent-encoded, as %20"),
        ("https://x.example/<|>", "write '<' percent-encoded, as %3C"),
        ("https://x.example/'", 'write "\'" percent-encoded, as %27'),
        ("https://x.example/{{", "write '{' percent-encoded, as %7B"),
        ("https://x.example/é", "percent-encoded, as %C3%A9"),
    ],
)
def test_a_template_that_is_no_safe_url_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        Template(text)


def test_every_placeholder_gets_a_value() -> None:
    text = "https://x.example/" + "/".join(f"{{{name}}}" for name in PLACEHOLDERS)
    links = Links(LinkSettings(templates={"aws": {"client": text}}))
    url = links.url(
        "client",
        cloud="aws",
        account="1",
        region="r",
        name="ios",
        version="3.2",
        start=1.5,
        end=LATE,
        status="429",
        error="KeyError",
    )
    assert url == (
        "https://x.example/ios/3.2/1/r/1500/253402300799000/1/253402300799"
        "/1970-01-01T00%3A00%3A01.500Z/9999-12-31T23%3A59%3A59.000Z/429/KeyError"
    )


def runbook(templates: dict[str, str], label: str = "items") -> str | None:
    values = {"name": label, "account": "1", "measure": "wcu"}
    of = Links(LinkSettings(runbooks=templates)).runbook
    return of(verdict="spike", kind="table", label=label, start=1.5, end=2.0, values=values)


def test_the_most_specific_runbook_is_linked() -> None:
    templates = {
        "table:items": "https://w.example/own",
        "spike": "https://w.example/verdict/{kind}/{measure}",
        "table": "https://w.example/kind/{name}?from={from_s}",
        "any": "https://w.example/{verdict}",
    }
    assert runbook(templates) == "https://w.example/own"
    assert runbook(templates, "users") == "https://w.example/verdict/table/wcu"
    del templates["spike"]
    assert runbook(templates, "a/b") == "https://w.example/kind/a%2Fb?from=1"
    del templates["table"]
    assert runbook(templates, "users") == "https://w.example/spike"
    assert runbook({}) is None
    assert runbook({**templates, "table:items": ""}) is None
    assert runbook({"any": "https://w.example/{error}"}) is None  # it needs an error, and there is none


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"tabel": "https://w.example/"}, "unknown runbook key 'tabel'; did you mean 'table'?"),
        ({"tabel:items": "https://w.example/"}, "not a scope; write kind:name"),
        ({"any": "http://w.example/"}, "must begin with https://"),
        ({"any": "https://w.example/{who}"}, "unknown placeholder {who}; valid placeholders: name"),
    ],
)
def test_a_runbook_that_leads_nowhere_is_refused(section: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        LinkSettings(runbooks=section)


LATE = 253402300799.0  # the last second that has a four-digit year


def test_the_kinds_of_link_are_the_kinds_of_scope() -> None:
    assert set(SCOPE_KINDS) == set(scope.KINDS)
