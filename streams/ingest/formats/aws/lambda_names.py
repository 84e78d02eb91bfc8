"""Functions of AWS Lambda by their ARNs, log groups and log streams."""

import re
from typing import Final, NamedTuple

_ARN: Final = re.compile(r"arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([\w-]+)(?::[\w$-]+)?")
_GROUP: Final = re.compile(r"/aws/lambda/(?:[a-z0-9-]+\.)?([\w-]+)")  # Lambda@Edge: a region first
_STREAM: Final = re.compile(r"\d{4}/\d\d/\d\d/([\w-]+)\[")


class FunctionName(NamedTuple):
    """A function and where it runs, without its version or alias."""

    account: str
    region: str
    function: str


def function_of_arn(arn: str | None) -> FunctionName | None:
    """Return the function in the ARN of a function, a version or an alias; None if it is none.

    Examples
    --------
    >>> function_of_arn("arn:aws:lambda:eu-west-1:123456789012:function:put-item:live").function
    'put-item'
    """
    found = _ARN.fullmatch(arn) if arn else None
    return FunctionName(found[2], found[1], found[3]) if found else None


def function_of_log(group: str | None, stream: str | None) -> str | None:
    """Return the function that writes to a log group or, where functions share a group, to a log stream.

    Examples
    --------
    >>> function_of_log("/aws/lambda/put-item", "2026/01/01/[$LATEST]ab")
    'put-item'
    >>> function_of_log("shop", "2026/01/01/put-item[$LATEST]ab")
    'put-item'
    >>> function_of_log("nginx", "i-0abc") is None
    True
    """
    found = _GROUP.fullmatch(group or "") or _STREAM.match(stream or "")
    return found[1] if found else None
