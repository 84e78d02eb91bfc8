"""Sessions of browsers: what a cookie proves, and that no other one does."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from streams.process.web.sessions import SessionKeyError, Sessions, session_key
from streams.process.web.tokens import AccessScope, KnownToken, Tokens, digest_of, new_token

KEY = b"k" * 32
READ, OPERATE, INTAKE = (new_token() for _ in range(3))
READING = KnownToken(digest_of(READ), frozenset({AccessScope.READ}))
OPERATING = KnownToken(digest_of(OPERATE), frozenset({AccessScope.READ, AccessScope.OPERATE}))
SENDING = KnownToken(digest_of(INTAKE), frozenset({AccessScope.INTAKE}))
TOKENS = Tokens([READING, OPERATING, SENDING])


def asking(value: str, host: str = "uneri.example.com:8765", name: str = "uneri_board_8765") -> web.Request:
    """Return a request with a cookie."""
    return make_mocked_request("GET", "/board/wall", headers={"Host": host, "Cookie": f"{name}={value}"})


def begun(token: str, sessions: Sessions | None = None) -> str:
    """Return the cookie of a new session."""
    session = (sessions or Sessions(TOKENS, KEY)).begin(token, secure=False)
    assert session is not None
    return session.value


def test_a_session_allows_what_its_token_allows() -> None:
    sessions = Sessions(TOKENS, KEY)
    assert sessions.allowed(asking(begun(READ))) == {AccessScope.READ}
    assert sessions.allowed(asking(begun(OPERATE))) == {AccessScope.READ, AccessScope.OPERATE}


def test_no_session_begins_with_a_token_that_does_not_allow_reading() -> None:
    sessions = Sessions(TOKENS, KEY)
    assert sessions.begin(INTAKE, secure=False) is None
    assert sessions.begin(new_token(), secure=False) is None
    assert sessions.begin("", secure=False) is None


def test_two_sessions_of_one_token_have_nothing_in_common() -> None:
    one, other = (begun(READ).split(".") for _ in range(2))
    assert one[2] != other[2]
    assert one[3] != other[3]


def test_a_session_is_known_by_every_process_that_has_the_key_and_by_no_other() -> None:
    value = begun(READ)
    assert Sessions(TOKENS, KEY).allowed(asking(value))
    assert not Sessions(TOKENS, b"o" * 32).allowed(asking(value))
    assert not Sessions(TOKENS).allowed(asking(value))


def test_a_session_ends_with_its_token_and_comes_back_with_it() -> None:
    sessions = Sessions(TOKENS, KEY)
    value = begun(READ, sessions)
    sessions.replace_tokens(Tokens([OPERATING]))
    assert not sessions.allowed(asking(value))
    sessions.replace_tokens(Tokens([READING]))
    assert sessions.allowed(asking(value))


def test_without_any_token_no_cookie_is_good() -> None:
    assert not Sessions(Tokens(), KEY).allowed(asking(begun(READ)))


def test_what_was_said_of_tls_cannot_be_taken_back() -> None:
    session = Sessions(TOKENS, KEY).begin(READ, secure=True)
    assert session is not None
    assert not Sessions(TOKENS, KEY).allowed(asking(session.value.replace(".s.", ".p.")))


@given(
    place=st.integers(0, 200),
    to=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=';,"\\'),
)
def test_a_cookie_with_any_other_letter_is_no_session(place: int, to: str) -> None:
    value = begun(READ)
    place %= len(value)
    changed = value[:place] + to + value[place + 1 :]
    assert bool(Sessions(TOKENS, KEY).allowed(asking(changed))) == (changed == value)


@given(
    value=st.text(
        st.characters(min_codepoint=33, max_codepoint=255, exclude_characters=';,"\\'), max_size=120
    )
)
def test_whatever_a_cookie_holds_is_no_error(value: str) -> None:
    assert not Sessions(TOKENS, KEY).allowed(asking(value))


def test_daemons_on_two_ports_of_a_host_have_cookies_of_their_own() -> None:
    value = begun(READ)
    sessions = Sessions(TOKENS, KEY)
    assert not sessions.allowed(asking(value, host="uneri.example.com:8766"))
    assert not sessions.allowed(asking(value, host="uneri.example.com"))
    assert sessions.allowed(asking(value, host="uneri.example.com", name="uneri_board"))
    assert sessions.allowed(asking(value, host="[::1]:8765"))
    assert sessions.allowed(asking(value, host="[::1]", name="uneri_board"))


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.key"
    key = session_key(path)
    assert len(key) == 32
    assert session_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_key_and_one_that_cannot_be_made_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(SessionKeyError, match="delete it"):
        session_key(tmp_path / "short")
    with pytest.raises(SessionKeyError, match="cannot be used"):
        session_key(tmp_path / "nowhere" / "key")
