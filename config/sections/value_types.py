"""The types of single values, with their bounds and checks."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from config.sections import validators

Seconds = Annotated[int, Field(gt=0, le=7 * 86400)]
Delay = Annotated[int, Field(ge=0, le=7 * 86400)]
Amount = Annotated[float, Field(gt=0, le=1_000_000_000)]
AmountOrZero = Annotated[float, Field(ge=0, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Address = Annotated[str, AfterValidator(validators.host_and_port)]
PathName = Annotated[str, AfterValidator(validators.path_name)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$")]
LinkKind = Annotated[str, AfterValidator(validators.link_kind)]
AccountName = Annotated[str, AfterValidator(validators.account_name)]
LinkTemplate = Annotated[str, AfterValidator(validators.link_template)]
RunbookKey = Annotated[str, AfterValidator(validators.runbook_key)]
RunbookTemplate = Annotated[str, AfterValidator(validators.runbook_template)]
TimeZone = Annotated[str, AfterValidator(validators.time_zone)]
HolidayRegion = Annotated[str, AfterValidator(validators.holiday_region)]
Moment = Annotated[str, AfterValidator(validators.moment)]
Day = Annotated[Moment, AfterValidator(validators.whole_day)]
MomentAfterStart = Annotated[Moment, AfterValidator(validators.after_start)]
ScopeName = Annotated[str, AfterValidator(validators.scope_name)]
MeasureName = Annotated[str, AfterValidator(validators.measure_name)]
LabelName = Annotated[str, AfterValidator(validators.label_name)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
SinkName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+"), AfterValidator(validators.web_address)]
SlackChannel = Annotated[str, AfterValidator(validators.slack_channel)]
SlackMember = Annotated[str, Field(pattern=r"^[UWS][A-Z0-9]{2,20}$")]
Mention = Annotated[str, Field(pattern=r"^(here|[UWS][A-Z0-9]{2,20})$")]
DestinationName = Annotated[str, AfterValidator(validators.destination)]
SecretFile = Annotated[str, Field(pattern=r"^\.{0,2}/"), AfterValidator(validators.path_name)]  # nor a secret
VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]  # capitals: a secret put there has others
AwsRegion = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
AwsRole = Annotated[str, Field(pattern=r"^(self|arn:aws[a-z-]*:iam::[0-9]{12}:role/.+)$")]
AwsExternalId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
VerdictName = Annotated[
    Literal["spike", "drop", "shift", "growth", "limit", "absence", "fatal"],
    BeforeValidator(validators.verdict_name),
]
