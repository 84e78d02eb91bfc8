"""The answers to buttons and slash commands in Japanese (``AnswerPhrases``)."""

from typing import Final

from alerting.commands.dispatch import CommandResult
from alerting.commands.memo import LONGEST as LONGEST_MEMO
from alerting.commands.slash import Fault

_REPLIES: Final = {
    CommandResult.DONE: "完了しました。",
    CommandResult.REPEATED: "すでに実行済みです。",
    CommandResult.UNKNOWN: "該当するインシデントまたは通知停止が見つかりません（期限切れの可能性あり）。",
    CommandResult.OVER: "このインシデントは解消済みのため、操作は不要です。",
    CommandResult.PAST: "終了時刻がすでに過ぎています。",
    CommandResult.CONFIGURED: "設定ファイルで定義された通知停止です。設定ファイル側で解除してください。",
}

_FAULTS: Final = {
    Fault.UNKNOWN: "認識できないコマンドです",
    Fault.WHOM: "通知を停止する対象を指定してください（例: table:items）",
    Fault.HOW_LONG: "期間を指定してください（例: 30m、2h、3d）",
    Fault.TOO_LONG: "期間が長すぎるか、短すぎます",
    Fault.SINCE: "対象（例 table:items）、期間（例 2h）の順に指定してください",
    Fault.WHICH: "解除する通知停止の ID を指定してください（/uneri 停止一覧 で確認できます）",
    Fault.ALONE: "「すべて」と個別の対象は同時に指定できません",
    Fault.TEXT: "入力が長すぎます",
    Fault.NOTE: "インシデントの ID（通知の最終行に記載）または「今」に続けて、メモの内容を入力してください",
    Fault.EMPTY_NOTE: "メモの内容を入力してください",
    Fault.LONG_NOTE: f"メモは {LONGEST_MEMO:,}文字以内で入力してください",
}


def reply(result: CommandResult, until: str) -> str:
    line = _REPLIES[result]
    return f"{line}{until} まで有効です。" if until and result is CommandResult.DONE else line


def fault(fault: Fault, word: str) -> str:
    return f"{_FAULTS[fault]}: {word}" if word else f"{_FAULTS[fault]}。"


def status(still_open: int, behind: str) -> str:
    how_many = f"は {still_open:,}件です" if still_open else "はありません"
    line = f"未解決のインシデント{how_many}。"
    return f"{line}データの遅延は{behind}です。" if behind else line


def silence(identity: str, what: str, until: str, by: str, why: str) -> str:
    line = f"*{identity}*  {what}" + (f" · {until} まで" if until else "") + (f" · {by}" if by else "")
    return f"{line} · 理由: {why}" if why else line


def changes(since: str) -> str:
    return f"{since} 以降の変化"


def deployed(when: str, change: str, of: str, by: str) -> str:
    return f"{when} · {of} の {change}" + (f"（{by}）" if by else "")


def new_leader(label: str, former: str, account: str) -> str:
    was = f" {former} から" if former else ""
    return f"{account} · 最も負荷の高いテーブルが{was} {label} に交代"
