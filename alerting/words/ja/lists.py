"""What messages say of many incidents in Japanese: states, counts and floods."""

from typing import Final

from alerting.incidents.incident import Incident

_STATES: Final = {
    "open": "継続中",
    "worsening": "悪化",
    "easing": "改善傾向",
    "resolved": "解消",
    "withdrawn": "取り消し",
}

_STAGES: Final = {
    "silences": "通知停止",
    "maintenance": "メンテナンス",
    "quiet_hours": "通知抑制時間帯",
    "inhibition": "アカウント全体のインシデントに集約",
    "flood": "大量発生による集約",
}


def count(what: str, number: int) -> str:
    """Return ``what: number``."""
    return f"{what}: {number:,}件"


def state(of: Incident) -> str:
    """Name the state an incident is in."""
    return _STATES[of.state]


def stage(of: str) -> str:
    """Name a stage of the notification pipeline."""
    return _STAGES.get(of, of.replace("_", " "))


def and_more(more: int) -> str:
    """Say how many are not shown."""
    return f"ほか {more:,}件"


def more_in_file(more: int) -> str:
    """Say how many are not shown here but in the attached file."""
    return f"ほか {more:,}件はスレッドの添付ファイルに記載"


def flood_title(incidents: int, still_open: int) -> str:
    """Return the title of the one message of many incidents."""
    if not still_open:
        return f"【解消】大量発生したインシデント {incidents:,}件がすべて解消"
    return f"インシデントが大量発生（{incidents:,}件、うち未解決 {still_open:,}件）"


def flood_sentence(incidents: int, still_open: int) -> str:
    """Say why they share one message."""
    opened = f"短時間に {incidents:,}件のインシデントが発生したため、1つのメッセージにまとめ"
    if not still_open:
        return f"{opened}ました。すべて解消しています。"
    return f"{opened}て随時更新します。うち {still_open:,}件が未解決です。まず共通の原因をご確認ください。"
