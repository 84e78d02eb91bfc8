"""What AWS answers when it does not answer, in one line with the remedy."""

from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's own
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
)

_DENIED: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ForbiddenException"}
_THROTTLED: Final = {
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
    "RequestLimitExceeded", "LimitExceededException", "ProvisionedThroughputExceededException",
}  # fmt: skip
_STALE: Final = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN: Final = {
    "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "SignatureDoesNotMatch",
    "InvalidSignatureException",
}  # fmt: skip

_ACTION_OF: Final = {
    "DescribeScalableTargets": "application-autoscaling:DescribeScalableTargets",
    "DescribeLimits": "dynamodb:DescribeLimits",
    "DescribeTable": "dynamodb:DescribeTable",
    "ListTables": "dynamodb:ListTables",
    "GetAccountSettings": "lambda:GetAccountSettings",
    "GetFunctionConcurrency": "lambda:GetFunctionConcurrency",
    "ListFunctions": "lambda:ListFunctions",
    "ListServiceQuotas": "servicequotas:ListServiceQuotas",
    "AssumeRole": "sts:AssumeRole",
    "GetCallerIdentity": "sts:GetCallerIdentity",
}
"""The action that a policy must allow, by operation; API Gateway has one for all that reads."""


def action_of(operation: str) -> str:
    """Return the action that a policy must allow for an operation.

    Examples
    --------
    >>> action_of("ListTables"), action_of("GetRestApis")
    ('dynamodb:ListTables', 'apigateway:GET')
    """
    return _ACTION_OF.get(operation, "apigateway:GET")


def words_of(error: BotoCoreError | ClientError) -> str:
    """Return one line: what happened and what helps."""
    if isinstance(error, ClientError):
        return _refused(error)
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found; set AWS_PROFILE, or give the machine or the pod a role"
    if isinstance(error, ProfileNotFound):
        return f"{_line(error)}; correct AWS_PROFILE"
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"AWS does not answer ({_line(error)}); check the region, the network and its proxy"
    return f"{_line(error)}; check the credentials and the region"


def _refused(error: ClientError) -> str:
    code = error.response.get("Error", {}).get("Code", "")
    action = action_of(error.operation_name)
    if code in _DENIED:
        if action == "sts:AssumeRole":
            return f"access denied: {action}; allow it, and let the role trust this account (docs/limits.md)"
        return f"access denied: {action}; add it to the policy of the role (docs/limits.md)"
    if code in _THROTTLED:
        return f"throttled: {action} was refused {_attempts(error)} times in a row; try again later"
    if code in _STALE:
        return f"the credentials have expired ({code}); renew them"
    if code in _UNKNOWN:
        return f"AWS does not know the credentials ({code}); renew them, or enable the region for the account"
    return f"{action}: {_line(error)}; try again later"


def _attempts(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
