"""The chart of an incident."""

import io
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.sinks import chart
from alerting.sinks.chart import BAND, INCIDENT, NOW, alternative, draw
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict
from tests.alerting.given import T0, finding, incident, scope, table_finding, trace

ZONE = ZoneInfo("Asia/Tokyo")


def pixels(shown: Incident) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(draw(shown, ZONE)))[..., :3]


def coloured(picture: np.ndarray, colour: str) -> int:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return int((np.abs(picture - wanted).max(axis=2) < 0.02).sum())


def test_the_chart_has_the_curve_and_the_incident_on_white() -> None:
    picture = pixels(incident())
    assert picture.shape[1] > 1.9 * picture.shape[0]
    assert coloured(picture, NOW) > 1000
    assert coloured(picture, INCIDENT) > 100
    assert np.allclose(picture[0, 0], 1)


def test_the_incident_is_shaded_from_its_start_to_its_end() -> None:
    def shaded(start: int) -> int:
        orange = pixels(replace(incident(), start=start)) - np.array([1.0, 0.945, 0.84])
        return int((np.abs(orange).max(axis=2) < 0.03).sum())

    assert shaded(T0 - 7200) > 3 * shaded(T0 - 1200) > 0


def test_the_shade_ends_with_the_curve_not_with_what_it_drew_along() -> None:
    one = incident(table_finding(end=T0 - 3600, trace=trace()))
    one = replace(one, start=T0 - 7200)
    same, longer = replace(one, end=T0 - 3600), replace(one, end=T0)
    assert np.array_equal(pixels(same), pixels(longer))


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")  # how it is cut does not depend on fonts
@pytest.mark.parametrize(
    ("error", "words", "end"),
    [
        ("com.example.ProvisionedThroughputExceededException", ENGLISH, ", 63 times"),
        ("在庫テーブルへの書き込みが上限を超えました例外", JAPANESE, " 63回"),
    ],
)
def test_a_long_title_is_cut_in_its_middle_so_that_it_says_how_many(
    monkeypatch: pytest.MonkeyPatch, error: str, words: Phrases, end: str
) -> None:
    titles: list[str] = []
    monkeypatch.setattr("alerting.sinks.chart.japanese", lambda: True)  # whichever fonts there are here
    monkeypatch.setattr(Figure, "text", lambda _self, _x, _y, text, **_: titles.append(text))
    about = scope("function", "inventory-of-the-shop-put-item")
    fatal = finding(about, verdict=Verdict.FATAL, error_type=error, times=63, trace=trace())
    draw(incident(fatal), ZONE, words)
    assert titles[0].endswith(end)
    assert "inventory-of-the-shop-put-item · " in titles[0]
    assert "…" in titles[0]
    assert sum(2 if east_asian_width(each) in "WF" else 1 for each in titles[0]) <= 69


def test_the_expected_band_is_drawn_only_where_it_is_known() -> None:
    def banded(known: bool) -> int:
        shown = trace()
        none: list[float | None] = [None] * len(shown.now)
        if not known:
            shown = replace(shown, lower=none, upper=none)
        light = pixels(incident(table_finding(trace=shown)))
        blue = np.array([int(BAND[i : i + 2], 16) for i in (1, 3, 5)]) / 255 * 0.24 + 0.76
        return int((np.abs(light - blue).max(axis=2) < 0.02).sum())

    assert banded(known=True) > 10 * banded(known=False)


def test_holes_in_the_data_and_names_full_of_markup_draw_without_a_warning() -> None:
    holes = trace()
    holes = replace(holes, now=[None if i % 7 else v for i, v in enumerate(holes.now)], last_week=[None] * 5)
    named = table_finding(trace=holes)
    assert named.scope is not None
    named = replace(named, scope=named.scope._replace(name="$a_b$ \\frac{x} <b> 注文"[:18]))
    assert draw(incident(named), ZONE).startswith(b"\x89PNG")


def test_the_same_incident_is_the_same_picture() -> None:
    assert draw(incident(), ZONE) == draw(incident(), ZONE)


def test_without_a_trace_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="has no trace"):
        draw(incident(table_finding(trace=None)), ZONE)


def test_the_picture_is_told_in_words_too() -> None:
    assert alternative(incident()) == (
        "Chart of table items, wcu, last 4 hours: reached 41 wcu/s, expected 8.2 wcu/s."
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("font", [True, False], ids=["with a font", "without a font"])
def test_a_chart_is_in_japanese_where_a_font_can_write_it(
    font: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if font and not chart.japanese():
        monkeypatch.setattr(chart, "families", lambda: ("DejaVu Sans",))
        font = False
    monkeypatch.setattr(chart, "japanese", lambda: font)
    english, japanese = draw(incident(), ZONE), draw(incident(), ZONE, JAPANESE)
    assert (english != japanese) == font


def test_the_alternative_of_a_chart_is_in_the_language_of_its_message() -> None:
    told = alternative(incident(), JAPANESE)
    assert (
        told == "テーブル items の書き込み容量の直近4時間のグラフ。想定 8.2 WCU/秒に対して 41 WCU/秒でした。"
    )
