"""Names as they are in events are remembered in bounded memory: few of them, and not when they are long."""

import numpy as np
import pytest

from config import access_log_keys
from detectors.state.compiled import COMPILES
from streams.engine.decode.event import MAX_NAME_BYTES, EventClient
from streams.engine.decode.operations import WRITES, Kinds
from streams.engine.decode.paths import MEAN_LENGTH, CallIds, PathIds, RawPath, cut
from streams.engine.decode.returning_names import open_places
from streams.engine.decode.scan.name_table import LONGEST, MEAN_BYTES, NameTable
from streams.engine.decode.values import ValueKeys

MOST = 50
LONG = "x" * 5000
needs_compiler = pytest.mark.skipif(not COMPILES, reason="nothing is compiled here")


def path_of(number: int, text: str) -> RawPath:
    client = EventClient(name=text, version=text, tenant=text)
    return None, text, None, f"{number}{text}", text, None, client, None, None, False


def test_paths_of_long_names_are_remembered_only_while_there_is_room() -> None:
    ids = PathIds(MOST)
    numbers = [ids[path_of(number, LONG)] for number in range(2 * MOST)]
    assert sum(6 * len(LONG) for _ in ids) < 2 * MOST * MEAN_LENGTH + 7 * len(LONG)
    assert [ids[path_of(number, LONG)] for number in range(2 * MOST)] == numbers


def test_as_many_paths_of_usual_names_are_remembered_as_ever() -> None:
    ids = PathIds(MOST)
    for number in range(MOST):
        ids[path_of(number, "inventory-put-item")]
    assert len(ids) == open_places(MOST)


def test_tables_of_long_names_are_remembered_only_while_there_is_room() -> None:
    ids = CallIds(MOST)
    for number in range(2 * MOST):
        ids[number % 3, f"{number}{LONG}"]
    assert sum(len(table) for _, table in ids) < 2 * MOST * MEAN_LENGTH + 2 * len(LONG)


@needs_compiler
@pytest.mark.parametrize("width", [1, 9])
def test_the_table_of_compiled_code_is_full_of_few_long_names(width: int) -> None:
    table = NameTable(width, 1000)
    for number in range(1000):
        table.add([f"{number}".ljust(LONGEST, "x")] * width, number)
    assert 0 < table._count < 1000 * MEAN_BYTES / LONGEST * 2
    assert len(table._entries) < 1000 * width * 2 * MEAN_BYTES


@needs_compiler
def test_the_table_of_compiled_code_has_room_for_usual_names() -> None:
    table = NameTable(9, 1000)
    for number in range(1000):
        table.add([f"inventory-{number}"] * 9, number)
    assert table._count == 1000


def test_long_operations_and_keys_are_understood_and_not_remembered() -> None:
    paths = PathIds(MOST)
    assert paths[path_of(0, "of the record with the keys")] == 0
    kinds, keys = Kinds(), ValueKeys(MOST, paths)
    assert kinds["put" + LONG] == WRITES
    assert keys.look_up(["sales" + LONG, "sales" + LONG + "y"], np.zeros(2, int), np.zeros(2, int)) == [0, 0]
    assert not kinds
    assert not keys
    before = access_log_keys._remembered.cache_info().currsize
    assert access_log_keys.meaning_of("integration" + "_" * 5000 + "latency") == "ms.function"
    assert access_log_keys._remembered.cache_info().currsize == before


def test_a_name_that_needs_no_cut_is_not_copied() -> None:
    name = "é" * (MAX_NAME_BYTES // 2)
    assert cut(name) is name
    assert cut(name + "x") == name
