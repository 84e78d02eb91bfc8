"""Files beside the middleware: templates of AWS, a configuration of the collector, commands."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import SequenceNode

from streams.engine.decode.event import Event
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.formats import recognised
from tests.senders.lambda_runtime import SENDERS

AWS: Final = SENDERS / "aws"
TEMPLATES: Final = sorted(path.name for path in AWS.glob("*.yaml"))
GATEWAY: Final = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "extendedRequestId": "JKJaXmPLvHcESHA=",
    "requestTimeEpoch": "1764000000250",
    "accountId": "123456789012",
    "apiId": "a1b2c3d4e5",
    "stage": "prod",
    "httpMethod": "GET",
    "resourcePath": "/items/{id}",
    "routeKey": "GET /items/{id}",
    "path": "/prod/items/42",
    "status": "200",
    "responseLatency": "84",
    "integrationLatency": "61",
    "integration.status": "200",
    "integration.requestId": "8f5c1f4e-0000-4000-8000-000000000001",
    "awsEndpointRequestId": "8f5c1f4e-0000-4000-8000-000000000001",
    "authorizer.latency": "4",
    "error.responseType": "-",
    "xrayTraceId": "1-5759e988-bd862e3fe1be46a994272793",
    "identity.apiKeyId": "-",
}


class _Functions(SafeConstructor):
    """Reads the short forms of CloudFormation's functions as the long ones."""


def _function(constructor: SafeConstructor, suffix: str, node: Any) -> dict[str, Any]:
    if isinstance(node, SequenceNode):
        return {f"Fn::{suffix}": constructor.construct_sequence(node, deep=True)}
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": constructor.construct_scalar(node)}


_Functions.add_multi_constructor("!", _function)


def template(name: str) -> dict[str, Any]:
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Functions
    found: dict[str, Any] = reader.load((AWS / name).read_text("utf-8"))
    return found


def references(part: Any) -> set[str]:
    """Return the names that a part of a template refers to."""
    if isinstance(part, list):
        return {name for entry in part for name in references(entry)}
    if not isinstance(part, dict):
        return set()
    found = {name for entry in part.values() for name in references(entry)}
    if isinstance(part.get("Ref"), str):
        found.add(part["Ref"])
    if isinstance(part.get("Fn::GetAtt"), str):
        found.add(part["Fn::GetAtt"].split(".")[0])
    if isinstance(part.get("Fn::Sub"), str):
        found |= {name.split(".")[0] for name in re.findall(r"\$\{([^}]+)\}", part["Fn::Sub"])}
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_refers_only_to_what_it_has_and_uses_all_its_parameters(name: str) -> None:
    whole = template(name)
    known = {*whole["Parameters"], *whole["Resources"]}
    used = references([whole["Resources"], whole.get("Outputs", {})])
    assert {text for text in used if not text.startswith("AWS::")} <= known
    assert set(whole["Parameters"]) <= used


def test_what_one_template_exports_the_others_import() -> None:
    exported = {
        output["Export"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", "${Firehose}")
        for output in template("firehose.yaml")["Outputs"].values()
    }
    imported = set(
        re.findall(
            r'"Fn::ImportValue": !Sub "([^"]+)"', "".join((AWS / text).read_text() for text in TEMPLATES)
        )
    )
    assert exported == imported


@pytest.mark.release
@pytest.mark.parametrize("name", TEMPLATES)
def test_cloudformations_own_linter_accepts_a_template(name: str) -> None:
    linter = shutil.which("cfn-lint")
    if linter is None:
        pytest.skip("cfn-lint is missing: pip install cfn-lint")
    done = subprocess.run(
        [linter, "--regions", "eu-west-1", "--", name],
        cwd=AWS,
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )
    if done.returncode == 127 or "command not found" in done.stderr:  # a name on the path that does not start
        pytest.skip("cfn-lint does not start")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["access-log-rest.json", "access-log-http.json"])
def test_a_line_of_an_access_log_in_our_format_is_read_whole(name: str) -> None:
    text = (AWS / name).read_text("utf-8")
    assert text.count("\n") == 1  # API Gateway wants one line
    assert all(value.startswith("$context.") for value in json.loads(text).values())
    line = re.sub(r"\$context\.([A-Za-z.]+)", lambda found: GATEWAY[found[1]], text).encode()
    kind = recognised(line)
    assert kind is not None
    assert kind.name == "apigateway"
    (event,) = kind.read(line, Surroundings()).records
    assert isinstance(event, Event)
    assert (event.account, event.route, event.status) == ("123456789012", "GET /items/{id}", 200)
    assert stamp_of(event.ts) == 1764000000.25
    assert event.ms is not None
    assert (event.ms.total, event.ms.function, event.ms.auth) == (84, 61, 4 if "rest" in name else None)
    assert event.joins is not None
    assert GATEWAY["awsEndpointRequestId"] in event.joins.split()


def test_the_collector_sends_traces_as_uneri_reads_them_and_samples_nothing() -> None:
    whole = YAML(typ="safe").load((SENDERS / "otel" / "collector.yaml").read_text("utf-8"))
    used = whole["service"]["pipelines"]["traces"]
    for part in ("receivers", "processors", "exporters"):
        assert set(used[part]) <= set(whole[part])
    assert not [name for name in whole["processors"] if "sampl" in name]
    assert whole["exporters"]["kafka/uneri"]["traces"]["encoding"] == "otlp_proto"
    assert whole["exporters"]["otlp_http/uneri"]["headers"]["authorization"].startswith("Bearer ")


def test_the_commands_for_google_cloud_run_in_order_and_name_each_other(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    asked = tmp_path / "asked"
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(
        f'#!{bash}\nprintf "%s\\n" "$*" >> {asked}\n'
        '[[ "$*" == *writerIdentity* ]] && echo serviceAccount:writer@logging || true\n'
    )
    gcloud.chmod(0o755)
    own = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PROJECT": "shop", "URL": "https://uneri.example.com/"}
    done = subprocess.run(
        [bash, str(SENDERS / "gcp" / "setup.sh")],
        env=own,
        text=True,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    lines = asked.read_text().splitlines()
    assert all(line.startswith("--project shop ") for line in lines)
    whole = "\n".join(lines)
    assert "--push-endpoint https://uneri.example.com/pubsub " in whole
    assert "--push-auth-token-audience https://uneri.example.com/pubsub " in whole
    assert "--member serviceAccount:writer@logging --role roles/pubsub.publisher" in whole
    assert "pubsub.googleapis.com/projects/shop/topics/uneri-logs --log-filter" in whole
    without = subprocess.run(
        [bash, str(SENDERS / "gcp" / "setup.sh")],
        env={"PATH": own["PATH"]},
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert without.returncode != 0
