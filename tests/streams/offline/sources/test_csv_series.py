"""Series are read in all usual forms, and verdicts are written in the documented one."""

import gzip
import lzma
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.score.score import Scored
from detectors.state import zstd
from streams.offline.sources.csv_series import CsvSeries, SeriesError, read_series, write_verdicts


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def written(text: str | bytes, name: str = "cpu.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def values_of(path: Path) -> list[float | None]:
    return [None if math.isnan(value) else value for value in read_series(path).values]


ROWS = "timestamp,value\n1760000000,1.5\n1760000060,2\n"


@pytest.mark.parametrize(
    ("pack", "name"),
    [
        (bytes, "cpu.csv"),
        (gzip.compress, "cpu.csv.gz"),
        (lzma.compress, "cpu.csv.xz"),
        (lambda data: zstd.compress(data[:20]) + zstd.compress(data[20:]), "cpu.csv.zst"),
    ],
    ids=["plain", "gzip", "xz", "zstd"],
)
def test_a_compressed_file_is_read_like_a_plain_one(
    file: Callable[..., Path], pack: Callable[[bytes], bytes], name: str
) -> None:
    series = read_series(file(pack(ROWS.encode()), name))
    assert series.times.tolist() == [1760000000, 1760000060]
    assert series.values.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    "text",
    [
        ROWS.rstrip("\n"),
        ROWS + "\n\n",
        ROWS.replace("\n", "\r\n"),
        "\ufeff" + ROWS,
        ROWS.replace("timestamp,value\n", ""),
        ROWS.replace("timestamp,value", '"Timestamp", Value'),
        "value,host,timestamp\n1.5,a,1760000000\n2,b,1760000060\n",
        'timestamp,host,value\n1760000000,"a,b",1.5\n1760000060,"c",2\n',
    ],
    ids=["no last newline", "empty lines at the end", "crlf", "bom", "no header", "header", "more", "quoted"],
)
def test_line_ends_headers_and_further_columns_make_no_difference(
    file: Callable[..., Path], text: str
) -> None:
    series = read_series(file(text))
    assert (series.times.tolist(), series.values.tolist()) == ([1760000000, 1760000060], [1.5, 2.0])
    assert (series.stamps, series.texts) == (["1760000000", "1760000060"], ["1.5", "2"])


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("1760000000", 1760000000),
        ("1760000000.9", 1760000000),
        ("1760000000123", 1760000000),
        ("1.76e9", 1760000000),
        ("2025-10-09T08:53:20Z", 1760000000),
        ("2025-10-09 08:53:20", 1760000000),
        ("2025-10-09T17:53:20.5+09:00", 1760000000),
        ("2025-10-09", 1759968000),
        ("0", 0),
    ],
)
def test_a_time_is_read_in_every_usual_form_and_kept_as_written(
    file: Callable[..., Path], stamp: str, seconds: int
) -> None:
    series = read_series(file(f"timestamp,value\n{stamp},1\n"))
    assert (series.times.tolist(), series.stamps) == ([seconds], [stamp])


def test_forms_of_time_may_change_from_row_to_row(file: Callable[..., Path]) -> None:
    path = file("timestamp,value\n1760000000,1\n1760000060000,2\n2025-10-09T08:55:20Z,3\n")
    assert read_series(path).times.tolist() == [1760000000, 1760000060, 1760000120]


def test_empty_nan_and_infinite_values_are_gaps(file: Callable[..., Path]) -> None:
    texts = ["", " ", "nan", "NaN", "inf", "-Infinity", "1e999"]
    body = "".join(f"{60 * row},{text}\n" for row, text in enumerate(texts))
    assert values_of(file(f"timestamp,value\n{body}600,-1e-3\n")) == [None] * len(texts) + [-0.001]


def test_the_suffix_of_a_compressed_file_may_be_in_upper_case(file: Callable[..., Path]) -> None:
    assert values_of(file(gzip.compress(b"timestamp,value\n60,1\n"), "CPU.CSV.GZ")) == [1.0]


def test_a_file_without_rows_is_an_empty_series(file: Callable[..., Path]) -> None:
    series = read_series(file("timestamp,value\n"))
    assert (len(series.times), len(series.values), len(series.rising())) == (0, 0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": empty file; start it with the header timestamp,value"),
        ("timestamp,value,value\n60,1,2\n", ":1: more than one column named value; remove all but one"),
        ("time,cpu\n1,2\n", ":1: no columns timestamp and value; start"),
        (
            ROWS + "1760000120,many\n",
            ":4: value 'many' is not a number; write a number, or nothing for a gap",
        ),
        (ROWS + "1760000120,1_0\n", ":4: value '1_0' is not a number; "),
        (ROWS + "1760000120\n", ":4: 1 columns, but the first line has 2; write a gap as"),
        (ROWS + "1760000120,1,2\n", ":4: 3 columns, but the first line has 2; "),
        (ROWS + "\n1760000120,1\n", ":4: empty line; "),
        (
            ROWS + ",1\n",
            ":4: timestamp '' is not a valid time; write epoch seconds, epoch milliseconds or 2026-01-31T",
        ),
        (ROWS + "nan,1\n", ":4: timestamp 'nan' is not between the years 1970 and 2100; "),
        (ROWS + "-60,1\n", ":4: timestamp '-60' is not between the years"),
        (ROWS + "1e300,1\n", ":4: timestamp '1e300' is not between the years"),
        (ROWS + "2200-01-01,1\n", ":4: timestamp '2200-01-01' is not between the years"),
        (ROWS + "31.01.2026,1\n", ":4: timestamp '31.01.2026' is not a valid time; "),
        (ROWS + "9" * 400 + ",1\n", f":4: timestamp '{'9' * 40}' is not between"),
        (
            "1760000000,x\n",
            ":1: no columns timestamp and value; start the file with the header timestamp,value",
        ),
        ('timestamp,value\n"1\n2",3\n', ": a quoted field spans several lines; write each row on one line"),
        (b"timestamp,value\n1,\xff\n", ": not UTF-8 text; give CSV, plain or compressed as .gz, .xz or .zst"),
    ],
)
def test_errors_name_the_line(file: Callable[..., Path], text: str | bytes, message: str) -> None:
    path = file(text)
    with pytest.raises(SeriesError) as caught:
        read_series(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["cpu.csv.gz", "cpu.csv.xz", "cpu.csv.zst"])
@pytest.mark.parametrize("cut", [False, True], ids=["not packed", "cut off"])
def test_a_damaged_file_is_reported(file: Callable[..., Path], name: str, cut: bool) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".xz": lzma.compress,
        ".zst": zstd.compress,
    }
    pack = packers[Path(name).suffix]
    path = file(pack(ROWS.encode())[:-9] if cut else ROWS, name)
    with pytest.raises(SeriesError, match="the file is damaged, or its suffix does not match its content"):
        read_series(path)


@pytest.mark.parametrize(
    ("times", "rising"),
    [
        ([1, 2, 3], [True, True, True]),
        ([1, 1, 2], [True, False, True]),
        ([5, 3, 4, 6], [True, False, False, True]),
    ],
)
def test_a_row_counts_when_it_is_later_than_all_before_it(times: list[int], rising: list[bool]) -> None:
    series = CsvSeries([], [], np.array(times, np.int64), np.zeros(len(times)))
    assert series.rising().tolist() == rising


finite = st.floats(-1e12, 1e12)


@given(
    rows=st.lists(
        st.tuples(finite, st.one_of(finite, st.just(math.nan)), st.floats(0, 1), st.booleans()), max_size=30
    )
)
def test_verdicts_are_written_row_by_row_with_scores_that_read_back_equal(
    rows: list[tuple[float, float, float, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("out") / "below" / "cpu.csv"
    stamps, texts = [str(60 * at) for at in range(len(rows))], [repr(row[0]) for row in rows]
    values, expected, score = (np.array([row[of] for row in rows]) for of in range(3))
    alert = np.array([row[3] for row in rows], bool)
    kind = ["spike" if row[3] else "" for row in rows]
    series = CsvSeries(stamps, texts, np.arange(len(rows)) * 60, values)
    write_verdicts(path, series, Scored(expected, expected - 1, expected + 1, score, alert, kind))
    header, *lines = path.read_text().splitlines()
    assert header == "timestamp,value,expected,lower,upper,score,alert,kind"
    found = [line.split(",") for line in lines]
    assert [[f[0], f[1], f[6], f[7]] for f in found] == [
        list(row) for row in zip(stamps, texts, (str(int(a)) for a in alert), kind, strict=True)
    ]
    assert [float(f[5]) for f in found] == score.tolist()
    for (shown, lower, _), value in zip((f[2:5] for f in found), expected, strict=True):
        assert (shown == "") == math.isnan(value) == (lower == "")
        assert shown == "" or math.isclose(float(shown), value, rel_tol=1e-6)
    assert [file.name for file in path.parent.iterdir()] == ["cpu.csv"]


def test_a_link_in_place_of_the_draft_is_not_written_through(
    file: Callable[..., Path], tmp_path: Path
) -> None:
    series = read_series(file("timestamp,value\n0,1\n"))
    (tmp_path / "victim").write_text("kept")
    path = tmp_path / "out.csv"
    (tmp_path / f".out.csv.{os.getpid()}").symlink_to(tmp_path / "victim")
    one = np.ones(1)
    write_verdicts(path, series, Scored(one, one, one, one, one > 0, ["spike"]))
    assert (tmp_path / "victim").read_text() == "kept"
    assert path.exists()
    assert not path.is_symlink()
