import csv
import lzma
from pathlib import Path

import numpy as np
import pytest

from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.simulation import Simulation
from streams.offline.simulate.traffic import read_shape
from streams.offline.sources.csv_series import SeriesError

KPI = Path(__file__).parents[3] / "data" / "kpi" / "431a8542-c468-3988-a508-3afd06a218da.csv.xz"
START = 1_756_652_400


def backend(rate: float, length: str) -> Scenario:
    return Scenario.model_validate(
        {
            "length": length,
            "accounts": {"main": {"account": "1"}},
            "clients": {"ios": {"versions": {"1": 1}}},
            "functions": {"put": {"calls": [{"table": "items", "wcu": 1}]}},
            "services": {"shop": {"account": "main", "routes": {"PUT /": {"function": "put", "rate": rate}}}},
        }
        | {"start": "2025-09-01T00:00:00+09:00"}
    )


@pytest.mark.release
def test_traffic_follows_a_real_kpi_minute_by_minute() -> None:
    with lzma.open(KPI, "rt") as file:
        real = np.array([float(row["value"]) for row in csv.DictReader(file)])
    real /= real.mean()
    made = Simulation(backend(200, "2d"), shape=read_shape(KPI))
    minutes = np.zeros(2 * 1440)
    for delivery in made.lines(START + 86400, START + 86400 + 2 * 3600):
        minutes += np.bincount((delivery.arrivals // 1000 - START) // 60, minlength=len(minutes))
    day = slice(1440, 1440 + 120)
    expected = real[day] * 200 * 60
    # Poisson: the standard deviation of a minute is the root of its mean
    assert np.abs((minutes[day] - expected) / np.sqrt(expected)).max() < 5
    assert np.corrcoef(minutes[day], real[day])[0, 1] > 0.98


def test_a_shape_repeats_itself_in_whole_weeks_with_mean_one() -> None:
    shape = read_shape(KPI)
    assert len(shape.values) == 5 * 7 * 1440
    assert shape.values.mean() == pytest.approx(1)
    seconds = np.array([0.0, 59.9, 60.0])
    assert shape.at(seconds).tolist() == shape.at(seconds + 35 * 86400).tolist()


def test_a_missing_row_repeats_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("timestamp,value\n0,1\n60,3\n180,2\n240,2\n")
    assert read_shape(path).values.tolist() == pytest.approx([5 / 11, 15 / 11, 15 / 11, 10 / 11, 10 / 11])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,value\n0,1\n", r":1: no columns timestamp and value; start the file with the header"),
        ("timestamp,value\n0,1\n60,x\n", r":3: value 'x' is not a number"),
        ("timestamp,value\n60,1\n0,1\n", "ascending timestamps"),
        ("timestamp,value\n0,1\n60,-1\n", "not negative"),
        ("timestamp,value\n0,nan\n60,1\n", "finite"),
        ("", r": empty file; start it with the header"),
    ],
)
def test_a_bad_series_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(SeriesError, match=said) as raised:
        read_shape(path)
    assert "\n" not in str(raised.value)
