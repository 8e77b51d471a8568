"""The page in a real browser: what is seen, the keyboard, both colour schemes, and nothing from anywhere else."""

import pytest

from natc.report.picture.page import page_lines
from tests.browser import browser
from tests.report.pictures import HOSTILE, answer, by_node_port, nodeport, service

#: Where something lies, is seen, or has the focus.
BOXES = "[...document.querySelectorAll('svg a.box')]"
SEEN = "[...document.querySelectorAll('.panel')].filter(p => getComputedStyle(p).display != 'none').map(p => p.id)"
FOCUS = "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
TOO_WIDE = "a => [...a.querySelectorAll('text')].some(t => t.getBBox().width > a.querySelector('rect').getBBox().width - 12)"
TAB, ENTER = 9, 13


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium, tmp_path):
    """Open the page of an answer; it must neither complain nor ask for anything but itself."""
    opened = []

    def open_page(result, **more):
        path = tmp_path / "page.html"
        path.write_text("\n".join(page_lines(result, "0")), encoding="utf-8")
        chromium.open(path, **more)
        opened.append(path)
        return chromium

    yield open_page
    chromium.run("0")  # everything that was said until now has arrived
    assert chromium.complaints() == []
    assert chromium.requests() == [opened[-1].as_uri()]


def enter(chromium):
    chromium.press("Enter", ENTER, "\r")


def test_boxes_and_odds_are_seen(page):
    seen = page(nodeport())
    titles = seen.run(f"{BOXES}.map(a => a.querySelector('.title').textContent)")
    assert titles[:4] == [
        "10.105.182.209:3000/tcp is default/nodeport-svc",
        "PREROUTING",
        "KUBE-SERVICES",
        "KUBE-SVC-FDIGUWRAAKMFZSYO",
    ]
    assert {"10.244.0.23:8080", "10.244.2.14:8080", "forwarded, masqueraded"} <= set(titles)
    odds = seen.run("[...document.querySelectorAll('svg .odds')].map(t => t.textContent)")
    assert odds == ["50 %"] * 4
    assert seen.run(SEEN) == []
    assert seen.run(f"{BOXES}.filter({TOO_WIDE}).map(a => a.id)") == []


def test_a_click_opens_the_rules_of_a_box_and_its_link_closes_them(page):
    seen = page(nodeport())
    seen.click("a.chain[aria-label^='chain KUBE-SVC-']")
    (panel,) = seen.run(SEEN)
    text = seen.run(f"document.getElementById('{panel}').innerText")
    assert "--probability 0.50000000000" in text
    assert "50 % = 1073741824 / 2^31" in text
    seen.click(f"#{panel} .close")
    assert seen.run(SEEN) == []


def test_the_keyboard_goes_through_the_boxes_in_reading_order(page):
    seen = page(nodeport())
    expected = seen.run(f"{BOXES}.map(a => a.id)")
    met = []
    for _ in range(len(expected) + 1):
        seen.press("Tab", TAB)
        met.append(seen.run(FOCUS))
    assert met == ["picture", *expected]
    places = seen.run(f"{BOXES}.map(a => a.getBoundingClientRect()).map(r => [r.x, r.y])")
    assert places[0][1] < places[1][1]
    assert [x for x, _ in places[1:5]] == sorted(x for x, _ in places[1:5])


def test_the_keyboard_opens_a_box_reads_it_and_comes_back(page):
    seen = page(nodeport())
    for _ in range(5):
        seen.press("Tab", TAB)
    box = seen.run(FOCUS)
    enter(seen)
    assert seen.run(SEEN) == [box.replace("n-", "p-")]
    seen.press("Tab", TAB)
    assert seen.run(FOCUS) == "close"
    enter(seen)
    assert seen.run(SEEN) == []
    assert seen.run(FOCUS) == box


def test_every_box_has_a_name_for_those_who_do_not_see_it(page):
    seen = page(nodeport())
    labels = seen.run(f"{BOXES}.map(a => a.getAttribute('aria-label'))")
    (label,) = [each for each in labels if each.startswith("chain KUBE-SVC-")]
    assert label == (
        "chain KUBE-SVC-FDIGUWRAAKMFZSYO, default/nodeport-svc, in nat PREROUTING; "
        "leads to KUBE-SEP-NKZTPYQZPUN2XBNX 50 %, KUBE-SEP-MNFYYX3FMXPBBV5P 50 %"
    )
    tree = seen.ask("Accessibility.getFullAXTree")["nodes"]
    links = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "link"]
    assert set(labels) <= set(links)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_can_be_read(page, scheme):
    seen = page(nodeport(), scheme=scheme)
    colours = "[document.body, document.querySelector('p.soft')].map(e => getComputedStyle(e).color)"
    background = _luminance(seen.run("getComputedStyle(document.body).backgroundColor"))
    assert (background < 0.1) is (scheme == "dark")
    box = _luminance(seen.run("getComputedStyle(document.querySelector('.chain rect')).fill"))
    for colour in seen.run(colours):
        assert _contrast(_luminance(colour), background) >= 4.5
    for part in ("title", "detail"):
        fill = seen.run(f"getComputedStyle(document.querySelector('.chain .{part}')).fill")
        assert _contrast(_luminance(fill), box) >= 4.5


def _luminance(colour):
    """The relative luminance of ``rgb(r, g, b)`` (WCAG 2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_a_hundred_endpoints_can_all_be_reached(page):
    seen = page(answer(service(100), "10.96.0.1", 80))
    assert seen.run(f"{BOXES}.length") < 40
    assert seen.run("document.querySelector('a.more .title').textContent") == "and 89 more"
    seen.run("document.querySelector('a.more').focus()")
    enter(seen)
    (panel,) = seen.run(SEEN)
    closed = f"[...document.querySelectorAll('#{panel} details')]"
    assert seen.run(f"{closed}.length") == 89
    seen.press("Tab", TAB)
    seen.press("Tab", TAB)
    assert seen.run(FOCUS) == "SUMMARY"
    enter(seen)
    assert seen.run(f"{closed}.filter(d => d.open).length") == 1
    assert "DNAT --to-destination 10.0.0.11:8080" in seen.run(f"{closed}[0].innerText")


def test_a_narrow_window_scrolls_the_picture_and_not_the_page(page):
    seen = page(nodeport(), width=400, height=800)
    assert seen.run("document.documentElement.scrollWidth") <= 400
    assert seen.run("document.querySelector('.picture').scrollWidth") > 1000


def test_the_seven_columns_of_a_node_port_need_no_scrolling(page):
    seen = page(by_node_port())
    columns = f"new Set({BOXES}.map(a => a.querySelector('rect').getAttribute('x'))).size"
    assert seen.run(columns) == 7
    assert seen.run("document.querySelector('.picture').scrollWidth") <= 1440
    letters = "document.querySelector('.chain .title').getBoundingClientRect().height"
    assert seen.run(letters) > 12
    assert seen.run(f"{BOXES}.filter({TOO_WIDE}).map(a => a.id)") == []


def test_hostile_text_is_only_text(page):
    seen = page(answer(service(2, HOSTILE), "10.96.0.1", 80))
    assert seen.run("document.querySelectorAll('img, script').length") == 0
    assert seen.run("document.querySelectorAll('svg').length") == 1
    assert "<img src=x onerror=alert(1)>" in seen.run("document.body.textContent")
