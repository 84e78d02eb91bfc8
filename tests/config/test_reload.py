"""Reload: the sections that it takes up, and those that wait for a restart."""

import pytest

from config.load import annotation_at, load_settings
from config.reload import RESTART, EmptiedError, reload_of
from config.settings import Settings


def test_what_is_read_at_the_start_only_is_named_and_stays_as_it_was() -> None:
    text = (
        "time: {idle: 40}\nkafka: {brokers: ['a:1']}\njudge: {weeks: 2, persist: 3}\n"
        "floors: {rcu: {absolute: 1, relative: 1}}\naccounts: {'1': {name: prod}}\nnotify: {flood: 20}\n"
        "log: {format: json}\n"
    )
    found = reload_of(Settings(), load_settings(None, text))
    assert found.restart == ("time.idle", "kafka", "judge.weeks")
    assert set(found.changed) == {"log.format", "judge.persist", "floors.rcu", "accounts", "notify.flood"}
    kept = found.settings
    assert (kept.time, kept.kafka, kept.judge.weeks) == (Settings().time, None, 4)
    assert (kept.judge.persist, kept.notify.flood, kept.account_names) == (3, 20, {"1": "prod"})


def test_the_same_file_changes_nothing() -> None:
    assert reload_of(Settings(), load_settings(None, ""))[1:] == ((), ())


def test_a_file_that_was_emptied_changes_nothing() -> None:
    running = load_settings(None, "slack: {channel: '#ops'}")
    with pytest.raises(EmptiedError, match="sets nothing any more; write it again, or restart the daemon"):
        reload_of(running, load_settings(None, "# being written\n"))


def test_only_what_decides_who_is_notified_leaves_the_judgement_alone() -> None:
    assert not reload_of(Settings(), load_settings(None, "slack: {channel: '#ops'}")).judges_otherwise
    assert reload_of(
        Settings(), load_settings(None, "floors: {rcu: {absolute: 1, relative: 1}}")
    ).judges_otherwise


def test_every_setting_that_waits_exists() -> None:
    for name in RESTART:
        assert annotation_at(tuple(name.split("."))) is not None
