"""How series are judged, and the capacity that is known."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.sections.section import Mistake, Section
from config.sections.values import Amount, AmountOrZero, AwsExternalId, AwsRegion, AwsRole, PathName


class JudgeSettings(Section):
    """How series are judged. The published scores were measured with these defaults."""

    weeks: Annotated[int, Field(ge=1, le=8)] = Field(4, description="past weeks that form a baseline")
    young: Annotated[int, Field(ge=0, le=366 * 86400)] = Field(
        7 * 86400, description="a series with less history than this is not reported, seconds"
    )
    sensitivity: Annotated[float, Field(ge=0.2, le=5)] = Field(
        1.0, description="2 reports deviations half as large, 0.5 only those twice as large"
    )
    persist: Annotated[int, Field(ge=1, le=60)] = Field(
        2,
        description="consecutive steps before a deviation is reported; one of hourly values",
    )
    recover: Annotated[int, Field(ge=1, le=240)] = Field(
        5, description="consecutive normal steps before a finding ends"
    )
    growth_per_day: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="smallest certain rise per day, as a fraction, that is reported as growth"
    )
    horizon_days: Annotated[float, Field(gt=0, le=365)] = Field(
        14, description="a limit that growth is certain to reach within this many days is reported"
    )
    near: Annotated[float, Field(ge=0.2, le=1)] = Field(
        0.9,
        description="share of its limit that a table, function or account may use for minutes unreported",
    )


class Floor(Section):
    """Smallest deviation that is reported: it must exceed both values."""

    absolute: AmountOrZero = Field(
        description="smallest difference that matters, per second (ms for latency); a quarter of it for "
        "small changes of counts that last"
    )
    relative: AmountOrZero = Field(
        description="smallest difference that matters, as a fraction of the expected value"
    )


class Floors(Section):
    """Smallest deviation that is reported, by measure; rates are per second."""

    requests: Floor = Floor(absolute=0.1, relative=0.3)
    cold_starts: Floor = Floor(absolute=0.2, relative=1.0)
    errors_user: Floor = Floor(absolute=0.02, relative=1.0)
    errors_backend: Floor = Floor(absolute=0.005, relative=1.0)
    errors_fatal: Floor = Floor(absolute=0.005, relative=1.0)
    throttles: Floor = Floor(absolute=0.005, relative=1.0)
    rcu: Floor = Floor(absolute=0.2, relative=0.3)
    wcu: Floor = Floor(absolute=0.2, relative=0.3)
    busy: Floor = Floor(absolute=1.0, relative=0.5)  # one slow request is a fraction of that over a step
    latency: Floor = Floor(absolute=50.0, relative=1.0)
    latency_code: Floor = Floor(absolute=50.0, relative=1.0)
    latency_auth: Floor = Floor(absolute=50.0, relative=1.0)
    cost: Floor = Floor(absolute=0.0014, relative=0.3)  # 5 an hour
    values: Floor = Floor(absolute=0.0, relative=0.5)


class TableLimit(Section):
    """Provisioned or maximum capacity of a table."""

    rcu: Amount | None = Field(None, description="read capacity units per second")
    wcu: Amount | None = Field(None, description="write capacity units per second")


class AwsSettings(Section):
    """Where `uneri limits --aws` and the daemon read limits: every region of every account."""

    daily: bool = Field(False, description="the daemon reads them once a day and keeps them in limits.file")
    regions: list[AwsRegion] = Field(
        default_factory=list, description="such as eu-west-1; the region of the credentials when absent"
    )
    roles: list[AwsRole] = Field(
        default_factory=list,
        description="ARN of a role to assume, one per account; self: the account of the credentials, which "
        "is the only one when absent",
    )
    external_id: AwsExternalId | None = Field(
        None, description="external id that the trust policies of the roles ask for"
    )


class LimitsSettings(Section):
    """Known capacity: growth is forecast against it, and messages show the headroom."""

    tables: dict[str, TableLimit] = Field(default_factory=dict, description="by table name, or account/name")
    functions: dict[str, Amount] = Field(
        default_factory=dict, description="concurrency, by function name, or account/name"
    )
    accounts: dict[str, Amount] = Field(default_factory=dict, description="concurrency, by account id")
    levels: dict[str, Annotated[float, Field(gt=0, le=1e15)]] = Field(
        default_factory=dict,
        description="of levels that samples state, by name of the level, or account/name; a limit that the "
        "samples state wins",
    )
    file: PathName | None = Field(
        None,
        description="limits read from a cloud, as written by `uneri limits --aws --write`; those above win",
    )
    aws: AwsSettings | None = Field(None, description="where to read limits from AWS")

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what cannot be kept."""
        if self.aws is not None and self.aws.daily and self.file is None:
            yield (), {}, "aws.daily has nowhere to keep what it reads; set limits.file"
