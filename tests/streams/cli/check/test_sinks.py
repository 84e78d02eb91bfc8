"""``uneri check`` reaches each receiver, posts nothing to a webhook, and says in one line what is wrong."""

import pytest

from config.settings import NotifySettings
from streams.cli.check.settings_checks import CheckResult
from streams.cli.check.sinks import check_sinks
from tests.alerting.sinks.alarm_standins import EmailStandin, OpsgenieStandin, PagerdutyStandin, TeamsStandin
from tests.alerting.sinks.alertmanager_standin import AlertmanagerStandin
from tests.alerting.sinks.webhook_standin import SECRET, WebhookStandin

PASSWORD = "password-canary-577215664901"  # noqa: S105  made up


async def checked(**notify: object) -> list[CheckResult]:
    settings = NotifySettings.model_validate(notify)
    return [sink async for sink in check_sinks(settings, {"HOOK_SECRET": SECRET, "BAD": "whsec_!"})]


async def test_a_webhook_that_answers_is_fine_and_gets_no_post() -> None:
    async with WebhookStandin() as hook:
        url = f"{hook.url}/hook/{PASSWORD}?key={PASSWORD}"
        one, two = await checked(
            webhooks=[{"name": "a", "url": url, "secret_env": "HOOK_SECRET"}, {"name": "b", "url": url}]
        )
        assert hook.calls == []
    assert one.ok
    assert two.ok
    assert one.text.endswith("bodies are signed")
    assert "not signed" in two.text
    assert PASSWORD not in one.text + two.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secret_env": "UNSET"}, "UNSET is not set"),
        ({"secret_env": "BAD"}, "the secret in BAD is invalid"),
        ({}, "does not answer (cannot connect, connection refused)"),
        (
            {"url": "http://nobody.invalid/"},
            "(cannot connect, the name of its host is unknown)",
        ),
    ],
)
async def test_a_problem_with_a_webhook_is_reported(
    changes: dict[str, str], said: str, closed_port: int
) -> None:
    [found] = await checked(
        webhooks=[{"name": "a", "url": f"http://127.0.0.1:{closed_port}/{PASSWORD}", **changes}]
    )
    assert found.ok is False
    assert said in found.text
    assert PASSWORD not in found.text
    assert "\n" not in found.text


async def test_the_status_of_an_alertmanager_is_read() -> None:
    async with AlertmanagerStandin() as pager:
        [found] = await checked(alertmanagers=[{"name": "ops", "url": pager.url}])
        assert [path for _, path in pager.calls] == ["/api/v2/status"]
        assert (found.ok, found.text.endswith("answers, version 0.27.0")) == (True, True)
        pager.always = "404"
        [found] = await checked(alertmanagers=[{"name": "ops", "url": pager.url}])
        assert (found.ok, found.text.endswith("answers HTTP 404; check its url")) == (False, True)


async def test_an_alertmanager_that_does_not_answer_is_reported(closed_port: int) -> None:
    [found] = await checked(alertmanagers=[{"name": "ops", "url": f"http://127.0.0.1:{closed_port}"}])
    assert (found.ok, "does not answer" in found.text) == (False, True)


ALARMS = {"pagerduty": PagerdutyStandin, "opsgenie": OpsgenieStandin, "teams": TeamsStandin}


@pytest.mark.parametrize("kind", ALARMS)
async def test_what_calls_somebody_is_reached_and_nobody_is_called(kind: str) -> None:
    async with ALARMS[kind]() as receiver:
        settings = {"name": "duty", **({} if receiver.PATH else {"url": receiver.url})}
        notify = NotifySettings.model_validate({kind: [settings]})
        variable = getattr(notify, kind)[0].secret_env
        secret = receiver.address if receiver.PATH else receiver.SECRET
        [found] = [sink async for sink in check_sinks(notify, {variable: secret})]
        assert receiver.calls == []
        assert (found.ok, f"--to {kind}:duty" in found.text) == (True, True)
        [missing] = [sink async for sink in check_sinks(notify, {})]
        assert (missing.ok, f"{kind} duty: {variable} is not set" in missing.text) == (False, True)
        assert receiver.SECRET not in found.text


async def test_a_mail_server_without_a_login_needs_no_secret() -> None:
    async with EmailStandin() as receiver:
        given = {"server": receiver.url, "sender": "u@shop.example", "to": ["ai@shop.example"]}
        notify = NotifySettings.model_validate({"email": [{"name": "duty", **given}]})
        [found] = [sink async for sink in check_sinks(notify, {})]
        assert (found.ok, found.text.startswith(f"email duty: smtp://{receiver.url} answers")) == (True, True)
        notify = NotifySettings.model_validate({"email": [{"name": "duty", "user": "uneri", **given}]})
        [found] = [sink async for sink in check_sinks(notify, {})]
        assert found.text.startswith("email duty: SMTP_PASSWORD is not set")


async def test_a_secret_that_is_no_address_where_it_is_to_be_one_is_reported() -> None:
    notify = NotifySettings.model_validate({"discord": [{"name": "duty"}]})
    [found] = [sink async for sink in check_sinks(notify, {"DISCORD_WEBHOOK_URL": f"ftp://{PASSWORD}"})]
    assert found.text.startswith("discord duty: DISCORD_WEBHOOK_URL holds no address")
    assert PASSWORD not in found.text
