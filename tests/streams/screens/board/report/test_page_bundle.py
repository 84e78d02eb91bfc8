"""The script of a report: modules that import each other become one."""

import re

from streams.screens.board.board_assets import FOLDER
from streams.screens.board.report.page_bundle import report_page

PAGE = report_page('{"name": "</script><b>"}', {'a"b': "<p>x</p>"}, "<title>", "en")
SCRIPT = PAGE.rpartition("<script>")[2]


def test_no_module_imports_or_exports_anything_any_more() -> None:
    assert not re.search(r"^(?:import|export) ", SCRIPT, re.MULTILINE)
    assert 'from "./' not in SCRIPT


def test_each_module_is_there_once_and_before_those_that_import_it() -> None:
    order = re.findall(r"^const (\$\w+) = \(\(\) => \{$", SCRIPT, re.MULTILINE)
    assert len(order) == len(set(order))
    assert order[-1] == "$report_js"
    assert order.index("$preact_mjs") < order.index("$view_js") < order.index("$incidents_js")
    used = re.findall(r"^const .* = (\$\w+)(?:\.\$default)?;$", SCRIPT, re.MULTILINE)
    assert set(used) == set(order[:-1])


def test_only_what_a_report_shows_is_in_it() -> None:
    assert "$connection_js" not in SCRIPT, "nobody is listened to"
    assert "$map_js" not in SCRIPT
    assert (FOLDER / "map.js").exists()


def test_data_end_no_element() -> None:
    assert '{"name": "\\u003c/script>\\u003cb>"}' in PAGE
    assert "<title>&lt;title&gt;</title>" in PAGE
    assert '<template id="message-a&quot;b">' in PAGE
    assert PAGE.count("</script>") == 2
