"""The chart of an incident."""

import io
import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from alerting.incidents.incident import Incident
from alerting.sinks import chart, typeface
from alerting.sinks.chart import BAND, INCIDENT, INK, NOW, alternative, composed, draw
from alerting.sinks.typeface import FAMILY, JapaneseFont, width
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from detectors.model.finding import Trace, Verdict
from tests.alerting.given import T0, finding, incident, scope, table_finding, trace

ZONE = ZoneInfo("Asia/Tokyo")
SVG = "{http://www.w3.org/2000/svg}"


def pixels(shown: Incident) -> np.ndarray:
    with Image.open(io.BytesIO(draw(shown, ZONE))) as picture:
        return np.asarray(picture.convert("RGB")) / 255


def coloured(picture: np.ndarray, colour: str, opacity: float = 1.0) -> int:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255 * opacity + 1 - opacity
    return int((np.abs(picture - wanted).max(axis=2) < 0.02).sum())


def paths(shown: Incident, style: str) -> list[str]:
    """Return the outlines that are drawn in a colour, without those of the legend."""
    root = ET.fromstring(composed(shown, ZONE))  # noqa: S314  our own
    return [element.attrib["d"] for element in root.findall(f"{SVG}path") if style in element.attrib.values()]


def texts(shown: Incident, words: Phrases = ENGLISH, zone: ZoneInfo = ZONE) -> Iterator[ET.Element]:
    return ET.fromstring(composed(shown, zone, words)).iter(f"{SVG}text")  # noqa: S314  our own


def title(shown: Incident, words: Phrases = ENGLISH) -> str:
    return "".join(text.text or "" for text in texts(shown, words) if text.get("font-weight") == "700")


def anchored(shown: Incident, anchor: str, zone: ZoneInfo = ZONE) -> list[str | None]:
    return [text.text for text in texts(shown, zone=zone) if text.get("text-anchor") == anchor]


def times(curve: Trace, factor: float) -> Trace:
    return replace(
        curve,
        **{
            name: [factor * value for value in getattr(curve, name)]
            for name in ("now", "last_week", "lower", "upper")
        },
    )


def test_the_chart_has_the_curve_and_the_incident_on_white() -> None:
    picture = pixels(incident())
    assert picture.shape == (624, 1344, 3)
    assert coloured(picture, NOW) > 1000
    assert coloured(picture, INCIDENT) > 100
    assert np.allclose(picture[0, 0], 1)


def test_it_is_written_where_no_font_is_installed() -> None:
    picture = pixels(incident())
    assert coloured(picture[20:70, :500], INK) > 500  # the title
    assert coloured(picture[85:115, 800:], INK) > 100  # the legend


def test_the_incident_is_shaded_from_its_start_to_its_end() -> None:
    def shaded(start: int) -> int:
        return coloured(pixels(replace(incident(), start=start)), INCIDENT, 0.16)

    assert shaded(T0 - 7200) > 3 * shaded(T0 - 1200) > 0


def test_the_shade_ends_with_the_curve_not_with_what_it_drew_along() -> None:
    one = incident(table_finding(end=T0 - 3600, trace=trace()))
    one = replace(one, start=T0 - 7200)
    same, longer = replace(one, end=T0 - 3600), replace(one, end=T0)
    assert draw(same, ZONE) == draw(longer, ZONE)


def test_what_began_before_the_hours_that_are_shown_begins_with_them() -> None:
    old, older = (replace(incident(), start=T0 - 3600 * hours) for hours in (5, 50))
    assert draw(old, ZONE) == draw(older, ZONE)


@pytest.mark.parametrize(
    ("error", "words", "end"),
    [
        ("com.example.ProvisionedThroughputExceededException", ENGLISH, ", 63 times"),
        ("在庫テーブルへの書き込みが上限を超えました例外" * 2, JAPANESE, " 63回"),
    ],
)
def test_a_long_title_is_cut_in_its_middle_so_that_it_says_how_many(
    error: str, words: Phrases, end: str
) -> None:
    about = scope("function", "inventory-of-the-shop-put-item")
    fatal = finding(about, verdict=Verdict.FATAL, error_type=error, times=63, trace=trace())
    shown = title(incident(fatal), words)
    assert shown.endswith(end)
    assert "inventory-of-the-shop-put-item · " in shown
    assert "…" in shown
    assert width(shown, 30, bold=True) <= 1344 - 2 * 27


def test_a_title_of_wide_letters_fits_too() -> None:
    wide = title(incident(finding(scope("table", "W" * 80), trace=trace())))
    assert wide.endswith("+400 %")
    assert 1200 < width(wide, 30, bold=True) <= 1344 - 2 * 27


def test_a_long_zone_does_not_run_into_the_legend() -> None:
    near = incident(table_finding(limit=50.0))
    zone = ZoneInfo("America/Argentina/ComodRivadavia")
    row = [text for text in texts(near, zone=zone) if text.get("y") == "107.00"]
    (under, first) = row[0], row[1]
    assert (under.text or "").endswith("…")
    assert 27 + width(under.text or "", 21) < float(first.attrib["x"]) - 46 - 13  # what shows its line


def test_the_expected_band_is_drawn_only_where_it_is_known() -> None:
    shown = trace()
    none: list[float | None] = [None] * len(shown.now)
    known = coloured(pixels(incident(table_finding(trace=shown))), BAND, 0.24)
    unknown = coloured(pixels(incident(table_finding(trace=replace(shown, upper=none)))), BAND, 0.24)
    assert known > 10 * unknown


def test_the_curve_is_broken_where_a_value_is_missing_and_a_single_one_is_a_dot() -> None:
    whole = incident()
    (curve,) = paths(whole, NOW)
    assert curve.count("M") == 1
    now = list(trace().now)
    now[100:110], now[120], now[122] = [None] * 10, None, None
    broken = incident(table_finding(trace=replace(trace(), now=now)))
    (curve,) = paths(broken, NOW)
    assert [part.count("L") for part in curve.split("M")[1:]] == [99, 9, 0, 116]
    dots = replace(trace(), now=[None if i % 40 else v for i, v in enumerate(trace().now)])
    nothing = replace(trace(), now=[None] * 240)
    empty, dotted = (pixels(incident(table_finding(trace=item))) for item in (nothing, dots))
    assert coloured(dotted, NOW) > coloured(empty, NOW) + 6 * 8


def test_an_older_curve_that_is_shorter_ends_with_the_newer_one() -> None:
    short = incident(table_finding(trace=replace(trace(), last_week=[5.0] * 60)))
    whole, part = (paths(item, chart.LAST_WEEK)[0] for item in (incident(), short))
    assert whole.count("L") == 239
    assert part.count("L") == 59
    assert re.split("[ML]", part)[-1].split()[0] == re.split("[ML]", whole)[-1].split()[0]


def test_a_limit_is_drawn_and_named_where_it_is_near() -> None:
    near, far = (incident(table_finding(limit=limit)) for limit in (50.0, 100.0))
    assert (len(paths(near, INK)), len(paths(far, INK))) == (1, 0)
    assert [("limit" in {text.text for text in texts(item)}) for item in (near, far)] == [True, False]


@pytest.mark.parametrize(
    ("factor", "numbers"),
    [
        (1.0, ["0", "10", "20", "30", "40"]),
        (45_000.0, ["0", "500,000", "1,000,000", "1,500,000", "2,000,000"]),
        (0.00045, ["0", "0.005", "0.01", "0.015", "0.02"]),
        (0.0, ["0", "0.5", "1"]),
    ],
)
def test_levels_are_round_numbers_and_all_of_each_is_in_the_picture(
    factor: float, numbers: list[str]
) -> None:
    shown = incident(table_finding(trace=times(trace(), factor), limit=None))
    assert anchored(shown, "end") == numbers
    for number in texts(shown):
        if number.get("text-anchor") == "end":
            assert float(number.attrib["x"]) - width(number.text or "", 21) > 20


CURVES = st.lists(
    st.none() | st.floats(-1e300, 1e300) | st.sampled_from([math.inf, math.nan, 5e-324]), max_size=9
)


@given(
    CURVES.filter(bool),
    st.tuples(CURVES, CURVES, CURVES),
    st.integers(-50_000, 9_000),
    st.sampled_from([10, 60]),
)
def test_whatever_was_measured_lies_within_the_plot(
    now: list[float | None], beside: tuple[list[float | None], ...], start: int, step: int
) -> None:
    last, lower, upper = beside
    shown = Trace(start=T0 - step * len(now), step=step, now=now, last_week=last, lower=lower, upper=upper)
    root = ET.fromstring(composed(replace(incident(table_finding(trace=shown)), start=T0 + start), ZONE))  # noqa: S314
    for element in root.findall(f"{SVG}path")[1:]:  # the first is the paper
        for x, y in re.findall(r"[ML](\S+?) ([^MLHVhz]+)", element.attrib["d"]):
            assert 91 <= float(x) <= 1304
            assert 144 <= float(y) <= 549


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [("Asia/Tokyo", "14:00", "18:00"), ("Asia/Kathmandu", "11:00", "14:30")],  # 5:45 ahead of UTC
)
def test_half_hours_are_those_of_the_zone(zone: str, first: str, last: str) -> None:
    hours = anchored(incident(), "middle", ZoneInfo(zone))
    assert (hours[0], hours[-1]) == (first, last)
    assert len(hours) == (9 if zone == "Asia/Tokyo" else 8)


def test_only_the_last_four_hours_are_shown() -> None:
    long = incident(table_finding(trace=trace(hours=9)))
    assert anchored(long, "middle")[0] == "14:00"


@pytest.mark.parametrize("name", ["$a_b$ \\frac{x}", "<b> & 注文", "'\"]]>&amp;", "<!--", "é̩ 👩‍💻 שלום"])
def test_names_full_of_markup_are_written_as_they_are(name: str) -> None:
    named = table_finding()
    assert named.scope is not None
    shown = incident(replace(named, scope=named.scope._replace(name=name)))
    seen = name.replace("\u200d", "")  # what joins others cannot be seen
    assert f" {seen} · " in title(shown)
    assert draw(shown, ZONE).startswith(b"\x89PNG")


def test_the_same_incident_is_the_same_picture() -> None:
    assert draw(incident(), ZONE) == draw(incident(), ZONE)


def test_without_a_trace_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="has no trace"):
        draw(incident(table_finding(trace=None)), ZONE)


def test_the_picture_has_a_description() -> None:
    assert alternative(incident()) == (
        "Chart of table items, wcu, last 4 hours: reached 41 wcu/s, expected 8.2 wcu/s."
    )


@pytest.mark.parametrize("font", [JapaneseFont(FAMILY, []), None], ids=["with a font", "without a font"])
def test_a_chart_is_in_japanese_where_a_font_can_write_it(
    font: JapaneseFont | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (chart, typeface):
        monkeypatch.setattr(module, "japanese_font", lambda: font)
    english, japanese = draw(incident(), ZONE), draw(incident(), ZONE, JAPANESE)
    assert (english != japanese) == (font is not None)


def test_no_font_is_looked_for_where_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def search() -> None:
        pytest.fail("looks for fonts")

    for module in (chart, typeface):
        monkeypatch.setattr(module, "japanese_font", search)
    draw(incident(), ZONE)


def test_the_alternative_of_a_chart_is_in_the_language_of_its_message() -> None:
    reported = alternative(incident(), JAPANESE)
    assert (
        reported
        == "テーブル items の書き込み容量の直近4時間のグラフ。想定 8.2 WCU/秒に対して 41 WCU/秒でした。"
    )
