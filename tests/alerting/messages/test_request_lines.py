"""The requests of an incident: in Details, in the report, in the webhook; linked, bounded and harmless."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.incident import Incident, IncidentExample, worst
from alerting.messages.blocks import SECTION
from alerting.messages.modals import BLOCKS, View, details
from alerting.messages.render import Renderer
from alerting.messages.request_lines import request_links
from alerting.report.card import Cards, ReportedIncidents
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from config.links import Links
from config.settings import LinksSettings
from detectors.explain.examples import Why
from detectors.model.request_example import ExampleCall, ExampleClient, ExampleLayers, RequestExample
from tests.alerting.given import ACCOUNT, T0, incident
from tests.alerting.message_makers import ZONE, dispatch, notice, posted

LINKS = Links(LinksSettings())
ID = "8f5c1f4e-2c1d-4b6e-9a51-0d1e2f3a4b5c"
TRACE = "5759e988bd862e3fe1be46a994272793"
XRAY = "1-5759e988-bd862e3fe1be46a994272793"
TRACED = (
    f"https://ap-northeast-1.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1#xray:traces/{XRAY}"
)


_TEXTS = ("id", "trace", "route", "function", "error_type", "sample")


def request(**more: Any) -> RequestExample:
    given: dict[str, Any] = {
        "ts": T0 - 60.0,
        "id": f"lambda:{ID}/1760000000000",
        "trace": f"Root={XRAY};Sampled=1",
        "cloud": "aws",
        "account": ACCOUNT,
        "region": "ap-northeast-1",
        "service": "inventory",
        "route": "POST /items/{id}",
        "function": "inventory-put-item",
        "client": ExampleClient(name="ios", version="3.2.1"),
        "status": 500,
        "error": "backend",
        "error_type": "Timeout",
        "ms": ExampleLayers(total=1234.0),
        "tables": (ExampleCall(name="items", op="UpdateItem", wcu=2.5, ms=7.5),),
        "sample": "PUT /items/3",
    }
    return RequestExample(**(given | more))


def example(why: Why = Why.COSTLIEST, weight: float = 2.5, **more: Any) -> IncidentExample:
    return IncidentExample(why=why, weight=weight, request=request(**more))


def with_examples(*examples: IncidentExample) -> Incident:
    return replace(incident(), examples=list(examples or [example()]))


def shown(view: View) -> str:
    return "\n".join(block["text"]["text"] for block in view["blocks"] if "text" in block)


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE])
def test_details_name_each_request_with_its_logs_and_trace(words: Phrases) -> None:
    text = shown(details(with_examples(), words, ZONE, at=T0, links=LINKS))
    line = next(line for line in text.splitlines() if "inventory-put-item" in line and "POST" in line)
    assert f"*{words.labels.costliest}*" in line
    assert words.labels.examples in text
    for part in (
        "500 backend Timeout",
        "ios 3.2.1",
        "UpdateItem items 2.5 WCU",
        f"<{TRACED}|{words.labels.trace}>",
    ):
        assert part in line
    assert ID in line
    assert "logs-insights" in line
    assert "PUT /items/3" in text


def test_links_lead_to_one_request() -> None:
    found = request_links(request(), LINKS)
    assert found["trace"] == TRACED
    assert ID in found["request"]
    assert "lambda%3A" not in found["request"]
    assert request_links(request(trace=TRACE), LINKS)["trace"] == TRACED
    gcp = request_links(request(cloud="gcp", account="my-project", trace=f"projects/p/traces/{TRACE}"), LINKS)
    assert gcp["trace"] == f"https://console.cloud.google.com/traces/list?project=my-project&tid={TRACE}"
    assert (
        request_links(request(trace="https://apm.example.com/t/1"), LINKS)["trace"]
        == "https://apm.example.com/t/1"
    )


def test_what_is_not_known_or_not_safe_gives_no_link() -> None:
    assert request_links(request(cloud=None), LINKS) == {}
    assert request_links(request(id='x" | fields @log', trace="javascript:alert(1)"), LINKS) == {}
    assert "request" not in request_links(request(function=None), LINKS)


def test_a_template_of_ones_own_is_used() -> None:
    own = {
        "any": {"trace": "https://jaeger.example/trace/{trace}", "request": "https://logs.example/?q={id}"}
    }
    found = request_links(request(cloud="other"), Links(LinksSettings(templates=own)))
    assert found == {
        "trace": f"https://jaeger.example/trace/{TRACE}",
        "request": f"https://logs.example/?q={ID}",
    }


def test_what_a_request_holds_is_no_markup() -> None:
    hostile = "<!channel> *x* <https://evil.example|click> & `@here`\u202e"
    fields: dict[str, Any] = dict.fromkeys(_TEXTS, hostile)
    text = shown(details(with_examples(example(**fields)), ENGLISH, ZONE, at=T0, links=LINKS))
    assert "<!channel>" not in text
    assert "<https://evil" not in text
    assert "\u202e" not in text
    data = body(with_examples(example(**fields)))["data"]["incident"]["examples"]
    assert data[0]["sample"] == hostile, "JSON holds what came"


def test_long_requests_stay_within_what_slack_takes() -> None:
    long = "&" * 2000
    fields: dict[str, Any] = dict.fromkeys(_TEXTS, long)
    many = [example(why, number, ts=T0 + number, **fields) for why in Why for number in range(3)]
    view = details(with_examples(*many), ENGLISH, ZONE, at=T0, links=LINKS)
    assert len(view["blocks"]) <= BLOCKS
    assert all(len(block["text"]["text"]) <= SECTION for block in view["blocks"] if "text" in block)
    assert shown(view).count(f"*{ENGLISH.labels.slowest}*") == 3


def test_the_report_has_them() -> None:
    one = with_examples(example(sample="<script>alert(1)</script>"))
    reported = ReportedIncidents([notice(one)])
    card = Cards(reported, Renderer(LINKS, ZONE), {one.id: "inventory"}).card(one)
    [line] = card.examples
    assert line.text.startswith("Most capacity · ")
    assert line.trace == TRACED
    assert line.logs.startswith("https://ap-northeast-1.console.aws.amazon.com/")
    assert line.identity == f"lambda:{ID}/1760000000000"


def body(one: Incident) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(posted(dispatch(notice(one)), links=LINKS))
    return found


def test_a_webhook_has_them_with_their_links() -> None:
    [sent_notices] = body(with_examples())["data"]["incident"]["examples"]
    assert sent_notices["why"] == "costliest"
    assert sent_notices["id"] == f"lambda:{ID}/1760000000000"
    assert sent_notices["tables"] == [{"name": "items", "op": "UpdateItem", "ms": 7.5, "wcu": 2.5}]
    assert sent_notices["links"]["trace"] == TRACED


def test_an_incident_keeps_the_worst_of_each_kind_in_any_order() -> None:
    many = [
        example(why, float(number), ts=T0 + number, id=f"{why}-{number}")
        for why in Why
        for number in range(9)
    ]
    kept = worst(many)
    assert [(example.why, example.weight) for example in kept] == [
        (why, number) for why in Why for number in (8.0, 7.0, 6.0)
    ]
    assert worst(many[::-1]) == kept
    assert worst([*worst(many[:11]), *many[11:]]) == kept
