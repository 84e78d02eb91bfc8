"""The letters of a picture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from alerting.sinks import typeface
from alerting.sinks.typeface import CARRIED, FAMILY, JapaneseFont, japanese_font, runs, shortened, width

SIZE = 2048  # an em of the font: widths are whole numbers
NAMES = st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="\u00ad"), max_size=40)


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder where a person's own fonts are."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(typeface, "_SHARED", ())
    monkeypatch.delenv("XDG_DATA_DIRS", raising=False)
    japanese_font.cache_clear()
    yield tmp_path / "fonts"
    japanese_font.cache_clear()


def install(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("bold", [False, True])
def test_letters_are_as_wide_as_the_font_says(bold: bool) -> None:
    font = ImageFont.truetype(CARRIED[bold], SIZE, layout_engine=ImageFont.Layout.BASIC)
    for text in ("i", "W", "…", "0123456789,.", "Größe · Ω Жук → λ", "now"):
        assert width(text, SIZE, bold=bold) == sum(font.getlength(item) for item in text)


def test_what_the_font_lacks_is_as_wide_as_it_usually_is() -> None:
    assert width("注文", 21) == 42
    assert width("\U00013000", 21) == width("0", 21)


@given(NAMES, st.floats(60, 400))
def test_a_shortened_text_fits_and_is_whole_where_it_did(text: str, widest: float) -> None:
    short = shortened(text, widest, 21)
    assert width(short, 21) <= widest
    assert (short == text) == (width(text, 21) <= widest)
    assert short == text or text.startswith(short.removesuffix("…").rstrip())


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ([], None),
        (["DejaVuSans.ttf", "notes.txt"], None),
        (["noto/NotoSansCJK-Bold.ttc", "noto/NotoSansCJK-Regular.ttc"], ("Noto Sans CJK JP", 1, 0)),
        (["NotoSansJP-Black.otf", "NotoSansJP-Regular.otf"], ("Noto Sans JP", 1)),
        (["ipag.ttf", "ipaexg.ttf", "ipagp.ttf"], ("IPAexGothic", 1)),
        (["ipag.ttf", "ipagp.ttf"], ("IPAGothic", 0)),
        (["TakaoGothic.ttf", "TakaoPGothic.ttf"], ("TakaoGothic", 0)),
        (["meiryo.ttc", "meiryob.ttc"], ("Meiryo", 0, 1)),
        (["ヒラギノ角ゴシック W3.ttc", "ヒラギノ角ゴシック W6.ttc"], ("Hiragino Sans", 0, 1)),
        (["ipaexg.ttf", "NotoSansCJK-Regular.ttc"], ("Noto Sans CJK JP", 1)),
    ],
)
def test_a_japanese_font_is_known_by_the_name_of_its_file(
    fonts: Path, installed: list[str], found: tuple[str, *tuple[int, ...]] | None
) -> None:
    install(fonts, *installed)
    expected = found and JapaneseFont(found[0], [str(fonts / installed[place]) for place in found[1:]])
    assert japanese_font() == expected


def test_only_what_the_font_lacks_is_written_in_another(fonts: Path) -> None:
    assert runs("POST 注文 · 3") == [("POST 注文 · 3", "")]
    install(fonts, "ipaexg.ttf")
    japanese_font.cache_clear()
    assert runs("POST 注文 · 3") == [("POST ", ""), ("注文", f"IPAexGothic, {FAMILY}"), (" · 3", "")]
    assert runs("") == [("", "")]


def test_the_font_comes_with_its_licence() -> None:
    folder = Path(CARRIED[0]).parent
    assert {path.name for path in folder.iterdir()} == {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "LICENSE"}
    assert "Bitstream Vera Fonts Copyright" in (folder / "LICENSE").read_text("utf-8")


def test_the_font_has_every_latin_letter() -> None:
    letters = (chr(code) for code in range(0x250))
    assert not typeface.lacking("".join(letter for letter in letters if letter.isprintable()))
