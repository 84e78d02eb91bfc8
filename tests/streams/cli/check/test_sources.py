"""``uneri check`` asks the registry and for the keys of Pub/Sub, and reads the secret of webhooks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from config.settings import SourcesSettings
from streams.cli.check.settings_checks import CheckResult
from streams.cli.check.sources import check_sources
from tests.streams.ingest.receivers.test_pubsub_receiver import Google
from tests.streams.ingest.registry.standin import RegistryStandin

PASSWORD = "password-canary-141421356237"  # noqa: S105 - made up


async def checked(**sources: Any) -> list[CheckResult]:
    return [source async for source in check_sources(SourcesSettings.model_validate(sources))]


def of_registry(**registry: Any) -> CheckResult:
    (one,) = asyncio.run(checked(registry=registry))
    assert PASSWORD not in one.text
    return one


@pytest.fixture
def standin() -> Iterator[RegistryStandin]:
    with RegistryStandin() as running:
        yield running


def test_nothing_is_checked_of_what_is_not_configured() -> None:
    assert asyncio.run(checked()) == []


ACCESS = {"name": "access", "format": "apigateway"}
REPORTS = {"name": "reports", "format": "lambda_report"}


def test_inputs_that_may_count_a_request_each_are_a_note() -> None:
    (note,) = asyncio.run(checked(inputs=[ACCESS, REPORTS]))
    assert note == CheckResult(
        None,
        "sources: inputs access and reports count all that they name; if they tell of the same requests, "
        "say with counts what each counts (docs/sources.md#several-sources)",
    )
    assert asyncio.run(checked(inputs=[{"name": "a"}, {"name": "b"}])), "auto may be anything"
    (note,) = asyncio.run(checked(inputs=[ACCESS, *({**REPORTS, "name": f"r{at}"} for at in range(8))]))
    assert "r3 and 4 more count all" in note.text


@pytest.mark.parametrize(
    "inputs",
    [
        [ACCESS],
        [ACCESS, {**ACCESS, "name": "other"}],
        [ACCESS, {**REPORTS, "counts": "function"}],
        [ACCESS, {"name": "levels", "format": "metric_stream"}],
    ],
)
def test_inputs_that_count_apart_are_no_note(inputs: list[dict[str, str]]) -> None:
    assert asyncio.run(checked(inputs=inputs)) == []


def test_a_registry_that_answers_is_fine(standin: RegistryStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_registry(urls=[standin.url]) == CheckResult(True, f"the schema registry {standin.url} answers")
    assert standin.calls == ["/schemas/types"]
    monkeypatch.setenv("REGISTRY_TOKEN", PASSWORD)
    standin.authorization = f"Bearer {PASSWORD}"
    open_to_all = of_registry(urls=[standin.url], token_env="REGISTRY_TOKEN")  # noqa: S106 - a name
    assert open_to_all.ok is None
    assert "cross the network unencrypted" in open_to_all.text


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (401, "refuses the credentials (HTTP 401)"),
        (404, "does not answer as a schema registry does; correct sources.registry.urls"),
        ("page", "does not answer as a schema registry does; correct sources.registry.urls"),
    ],
)
def test_what_is_wrong_with_a_registry_is_one_line(
    standin: RegistryStandin, fault: str | int, said: str
) -> None:
    standin.fault = fault
    one = of_registry(urls=[standin.url])
    assert one.ok is False
    assert said in one.text


def test_a_registry_that_is_down_or_whose_credential_is_missing_is_reported(standin: RegistryStandin) -> None:
    standin.stop()
    assert "does not answer (cannot connect" in of_registry(urls=[standin.url]).text
    missing = of_registry(urls=[standin.url], username_env="NOT_SET", password_env="NOT_SET_EITHER")  # noqa: S106
    assert missing == CheckResult(False, "sources.registry: NOT_SET is not set; set it, or remove it there")


async def test_the_secret_of_webhooks_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", PASSWORD)
    (one,) = await checked(github={"secret_env": "HOOK_SECRET"})
    assert one.ok
    assert "HOOK_SECRET" in one.text
    assert PASSWORD not in one.text
    file = tmp_path / "secret"
    (one,) = await checked(github={"secret_file": str(file)})
    assert one.ok is False
    assert f"{file}: the secret cannot be read" in one.text


async def test_the_keys_of_pubsub_are_fetched() -> None:
    google = Google()
    application = web.Application()
    application.router.add_get("/certs", google.publish)
    async with TestServer(application) as server:
        pubsub = {
            "audience": "https://uneri.example/pubsub",
            "service_accounts": ["push@acme.iam.gserviceaccount.com"],
            "keys": str(server.make_url("/certs")),
        }
        (one,) = await checked(pubsub=pubsub)
        assert one.ok
        google.down = True
        (one,) = await checked(pubsub=pubsub)
    assert one.ok is False
    assert "cannot be fetched from" in one.text
    assert "correct sources.pubsub.keys" in one.text
