"""The page in a browser, driven by keys. Expected: orders and counts by hand."""

import functools
import json
import shutil
import subprocess
import time
import urllib.request

import cv2
import numpy as np
import pytest

from au_jax.faces.finder import Face
from au_jax.prediction import rows
from au_jax.prediction.inputs import Frame, Source
from au_jax.prediction.views import report_page

DRIVER = shutil.which("chromedriver")
NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
if not (DRIVER and BROWSER):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update"
)
TAB, SPACE = "\ue004", " "
LIMITS = {1: 0.5, 12: 0.5}
FACES = {"a.png": (0.2, 0.7), "b.png": (0.9, 0.1), "c.png": (0.6, 0.8)}  # AU01, AU12


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Return a function that sends commands of W3C's WebDriver in one session."""
    flags = [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]
    options = {"binary": BROWSER, "args": flags}
    expected = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    command = [str(DRIVER), "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            line = next(x for x in driver.stdout if "started successfully" in x)
            address = f"http://127.0.0.1:{line.split()[-1].strip('.')}/session"
            made = _ask(address, "POST", "", expected)
            call = functools.partial(_ask, f"{address}/{made['sessionId']}")
            yield call
            call("DELETE", "")
        finally:
            driver.terminate()


def _ask(address, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)["value"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return three pictures with a face each, an unreadable one, and a video."""
    folder = tmp_path_factory.mktemp("report")
    picture = np.random.default_rng(0).integers(0, 256, (100, 90, 3), np.uint8)
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(folder / "v.avi"), code, 25, (90, 100))
    lines, sources = [rows.columns(list(LIMITS))], []
    for name, values in FACES.items():
        cv2.imwrite(str(folder / name), picture)
        sources.append(Source(str(folder / name), "image"))
        lines.append(_row(sources[-1], 0, values))
    sources.append(Source(f"{'long' * 30}.png", "image"))
    lines.append(rows.empty_row(Frame(sources[-1], 0, 0.0, None), list(LIMITS)))
    sources.append(Source(str(folder / "v.avi"), "video"))
    for frame in range(5):
        writer.write(picture)
        lines.append(_row(sources[-1], frame, (frame / 10, 0.5)))
    writer.release()
    (folder / "aus.csv").write_bytes(rows.to_text(lines))
    out = folder / "report.html"
    report_page.write(folder / "aus.csv", out, sources, LIMITS, lambda: None)
    return out


def _row(source, index, values):
    points = np.stack([np.linspace(20, 60, 49), np.linspace(30, 70, 49)], axis=-1)
    face = Face((15, 20, 70, 80), 1.5, points.astype(np.float32))
    frame = Frame(source, index, index / 25, np.zeros((1, 1, 3), np.uint8))
    p = np.array(values, np.float32)
    return rows.face_row(frame, 0, face, p, p >= 0.5, 5 * p)


@pytest.fixture
def run(session, report):
    """Open the page; return a function that runs JavaScript in it."""
    session("POST", "/url", {"url": report.as_uri()})
    return lambda code: session("POST", "/execute/sync", {"script": code, "args": []})


def _press(session, keys):
    """Press keys; the element with the focus gets them."""
    actions = [
        {"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")
    ]
    device = {"type": "key", "id": "keyboard", "actions": actions}
    session("POST", "/actions", {"actions": [device]})


def _shown(run):
    """Return the names of the pictures in view, in order."""
    return run(
        "return [...document.querySelectorAll('.gallery li')]"
        ".filter(item => item.getClientRects().length)"
        ".map(item => item.querySelector('[title]').textContent.split(' ').pop())"
    )


def test_faces_are_sorted_by_the_keyboard(session, run):
    assert _shown(run) == ["a.png", "b.png", "c.png"]
    _press(session, TAB)
    assert run("return document.activeElement.id") == "order"
    _press(session, "AU12")
    assert _shown(run) == ["c.png", "a.png", "b.png"]
    _press(session, "\ue013")  # arrow up: the previous AU
    assert _shown(run) == ["b.png", "c.png", "a.png"]
    _press(session, "\ue013")
    assert _shown(run) == ["a.png", "b.png", "c.png"]


def test_faces_are_selected_by_the_keyboard(session, run):
    count = "return document.getElementById('count').textContent"
    _press(session, TAB + TAB + SPACE)
    assert _shown(run) == ["b.png", "c.png"]
    assert run(count) == "2 of 3 shown"
    _press(session, SPACE)
    assert _shown(run) == list(FACES)
    assert run(count) == "3 of 3 shown"
    _press(session, SPACE + TAB + SPACE)  # both AUs
    assert _shown(run) == ["c.png"]
    assert run(count) == "1 of 3 shown"


def test_the_focus_is_visible(session, run):
    reached = []
    for _ in range(1 + len(LIMITS)):
        _press(session, TAB)
        outline, late = ("", "", ""), time.monotonic() + 5
        # A busy machine draws the outline a little after the focus has moved.
        while outline[1:] != ("solid", "3px") and time.monotonic() < late:
            outline = tuple(
                run(
                    "const x = document.activeElement, style = getComputedStyle(x);"
                    "return [x.id || x.value, style.outlineStyle, style.outlineWidth]"
                )
            )
        assert outline[1:] == ("solid", "3px")
        reached.append(outline[0])
    assert reached == ["order", "AU01", "AU12"]


def test_pictures_and_plots_have_alternative_text(run):
    assert run("return document.images.length") == len(FACES) + len(LIMITS)
    assert run("return [...document.images].every(x => x.alt && x.naturalWidth)")
    plots = "[...document.querySelectorAll('svg')]"
    assert run(f"return {plots}.length") == len(LIMITS)
    assert run(f"return {plots}.map(x => x.role)") == ["img"] * len(LIMITS)
    said = run(f"return {plots}.map(x => x.ariaLabel)")
    assert all("active (from 0.50 on)" in text for text in said)
    meters = "[...document.querySelectorAll('meter')]"
    assert (
        run(f"return {meters}.filter(x => /, active$/.test(x.ariaLabel)).length") == 4
    )


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_page(session, run, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    command = "Emulation.setDeviceMetricsOverride"
    session("POST", "/goog/cdp/execute", {"cmd": command, "params": size})
    assert run("return innerWidth") == width
    assert run("return document.documentElement.scrollWidth") <= width


def test_the_page_requests_nothing(run):
    loaded = run("return performance.getEntriesByType('resource').map(x => x.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
