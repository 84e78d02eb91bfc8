"""Settings of a connection to Kafka that contradict each other are refused with the remedy."""

from pathlib import Path

import pytest

from config.load import ConfigError, load_settings

ENDPOINT = '{token_url: "https://a.example/", client_id: me, client_secret_env: WORD}'


CONTRADICTIONS = """
security: sasl_ssl
2:13: kafka.security is 'sasl_ssl': needs a mechanism; set kafka.sasl_mechanism

sasl_mechanism: PLAIN
2:19: kafka.sasl_mechanism is 'PLAIN': has no effect with security plaintext; set kafka.security to sasl_ssl
(sasl_plaintext without TLS)

{security: ssl, sasl_mechanism: PLAIN}
2:35: kafka.sasl_mechanism is 'PLAIN': has no effect with security ssl; set kafka.security to sasl_ssl

tls: {ca: ca.pem}
2:8: kafka.tls has no effect with security plaintext; set kafka.security to ssl

{security: ssl, tls: {key: a.key}}
2:30: kafka.tls.key is 'a.key': belongs to no certificate; set kafka.tls.cert

{security: sasl_plaintext, sasl_mechanism: AWS_MSK_IAM}
2:46: kafka.sasl_mechanism is 'AWS_MSK_IAM': is for encrypted connections only; set kafka.security to sasl_ssl

{security: sasl_ssl, sasl_mechanism: OAUTHBEARER}
2:40: kafka.sasl_mechanism is 'OAUTHBEARER': needs a token; set kafka.oauth.token_url or
kafka.oauth.token_file

oauth: {scope: a}
2:10: kafka.oauth names no source of tokens; set either token_url or token_file

oauth: {token_url: "https://a.example/", token_file: b, client_id: me, client_secret_env: WORD}
2:10: kafka.oauth names two sources of tokens; set either token_url or token_file

oauth: {token_url: "https://a.example/", client_id: me}
2:22: kafka.oauth.token_url is 'https://a.example/': needs the client's credentials; set client_id and
client_secret_env or client_secret_file

oauth: {token_file: a, extensions: {auth: b}}
2:39: an extension's name consists of letters and is not 'auth'; correct it
"""


@pytest.mark.parametrize("story", CONTRADICTIONS.strip().split("\n\n"))
def test_a_contradiction_is_reported_at_its_place(tmp_path: Path, story: str) -> None:
    written, *expected = story.splitlines()
    file = tmp_path / "uneri.yaml"
    file.write_text(f"kafka:\n  {written}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert str(caught.value) == f"{file}:{' '.join(expected)}"


@pytest.mark.parametrize(
    "text",
    [
        "{security: ssl}",
        "{security: ssl, tls: {ca: a, cert: b, key: c, key_password_env: WORD, verify_name: false}}",
        "{security: sasl_ssl, sasl_mechanism: SCRAM-SHA-512, username_env: NAME, password_env: WORD}",
        f"{{security: sasl_ssl, sasl_mechanism: OAUTHBEARER, oauth: {ENDPOINT}}}",
        "{security: sasl_ssl, sasl_mechanism: OAUTHBEARER, oauth: {token_file: /run/token}}",
        "{security: sasl_ssl, sasl_mechanism: AWS_MSK_IAM}",
    ],
)
def test_what_companies_run_is_valid(text: str) -> None:
    load_settings("uneri.yaml", f"kafka: {text}\n")
