"""The requests of an incident: in Details, in the webhook; linked, bounded and harmless."""

from typing import Any

from alerting.incidents.incident import worst
from alerting.messages.blocks import SECTION
from alerting.messages.modals import BLOCKS, View, details
from alerting.messages.request_lines import request_links
from alerting.words.locales import ENGLISH
from config.links import Links
from config.settings import LinksSettings
from detectors.explain.examples import Why
from detectors.model.request_example import ExampleCall
from tests.alerting.given import T0
from tests.alerting.message_makers import ZONE
from tests.alerting.messages.made_incidents import REQUEST, XRAY, example, request, with_examples

LINKS = Links(LinksSettings())
TRACE = "5759e988bd862e3fe1be46a994272793"
TRACED = (
    f"https://ap-northeast-1.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1#xray:traces/{XRAY}"
)


_TEXTS = ("id", "trace", "route", "function", "error_type", "sample")


def shown(view: View) -> str:
    return "\n".join(block["text"]["text"] for block in view["blocks"] if "text" in block)


def test_links_lead_to_one_request() -> None:
    found = request_links(request(), LINKS)
    assert found["trace"] == TRACED
    assert REQUEST in found["request"]
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
        "request": f"https://logs.example/?q={REQUEST}",
    }


def test_what_a_request_holds_is_no_markup() -> None:
    hostile = "<!channel> *x* <https://evil.example|click> & `@here`\u202e"
    fields: dict[str, Any] = dict.fromkeys(_TEXTS, hostile)
    text = shown(details(with_examples(example(**fields)), ENGLISH, ZONE, at=T0, links=LINKS))
    assert "<!channel>" not in text
    assert "<https://evil" not in text
    assert "\u202e" not in text


def test_calls_in_a_loop_are_counted() -> None:
    tables = (ExampleCall(name="items", op="GetItem", rcu=59.0, ms=7.5, calls=59),)
    text = shown(details(with_examples(example(tables=tables)), ENGLISH, ZONE, at=T0, links=LINKS))
    assert "GetItem items ×59 59 RCU" in text


def test_long_requests_stay_within_what_slack_takes() -> None:
    long = "&" * 2000
    fields: dict[str, Any] = dict.fromkeys(_TEXTS, long)
    many = [example(why, number, ts=T0 + number, **fields) for why in Why for number in range(3)]
    view = details(with_examples(*many), ENGLISH, ZONE, at=T0, links=LINKS)
    assert len(view["blocks"]) <= BLOCKS
    assert all(len(block["text"]["text"]) <= SECTION for block in view["blocks"] if "text" in block)
    assert shown(view).count(f"*{ENGLISH.labels.slowest}*") == 3


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
