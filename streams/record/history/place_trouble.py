"""Why the place of a history cannot be used, in one line with its remedy."""

import re
from typing import Final

import pyarrow as pa

_BUCKET: Final = re.compile(r"[Bb]ucket '(?P<bucket>[^']*)'")
_CODE: Final = re.compile(r"AWS Error (?P<code>\w+)")
_STATUS: Final = re.compile(r"HTTP status (?P<status>\d+)")
_CONNECTION: Final = re.compile(
    r"curlCode: \d+, (?P<short>[^;]*)(?:; Details: (?P<details>.*?))?(?: \(Request|$)"
)
_REQUEST: Final = re.compile(r" ?\(Request ID: [^)]*\)")

_REFUSED: Final = re.compile(
    r"ACCESS_DENIED|ACCESS_KEY|TOKEN|SIGNATURE|CREDENTIAL|UNRECOGNIZED_CLIENT|AccessDenied|InvalidToken"
)
_MOVED: Final = "301"


def place_trouble(error: Exception) -> str:
    """Return why a place cannot be read or written.

    What AWS's client says is long and names no remedy: a bucket that is not there, refused credentials, an
    endpoint out of reach and another region are told in words of our own, all else as it is.

    Examples
    --------
    >>> place_trouble(OSError("Bucket 'acme' not found. To create buckets, enable the option."))
    'there is no bucket acme; create it, or correct history.place'
    """
    text = " ".join(str(error).split())
    found = _BUCKET.search(text)
    bucket = f"bucket {found['bucket']}" if found else "the bucket"
    code = _CODE.search(text)
    if found and (" not found" in text or (code and code["code"] == "NO_SUCH_BUCKET")):
        return f"there is no {bucket}; create it, or correct history.place"
    if code is None:
        what = (
            "history.place is not understood: "
            if isinstance(error, pa.ArrowInvalid) and "URI" in text
            else ""
        )
        return f"{what}{text}"
    if code["code"] == "NETWORK_CONNECTION":
        reason = _CONNECTION.search(text)
        why = (reason["details"] or reason["short"]).rstrip() if reason else "no connection"
        return f"the endpoint of {bucket} cannot be reached ({why}); check the network and endpoint_override"
    if (status := _STATUS.search(text)) and status["status"] == _MOVED:
        return f"{bucket} is in another region; name it in history.place with ?region="
    if _REFUSED.search(code["code"]):
        return (
            f"access to {bucket} was denied ({code['code']}); check the credentials, and that they may list "
            "the bucket, and get, put and delete its objects"
        )
    return _REQUEST.sub("", text)
