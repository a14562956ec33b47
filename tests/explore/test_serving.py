import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from served import served

from headpursuit.explore import serving
from headpursuit.extras import ExtraMissing


def get(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode("utf-8", "replace")


def test_it_is_served_to_this_machine_alone(address):
    assert address.startswith("http://127.0.0.1:")
    status, headers, page = get(address)
    assert status == 200
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "fonts.googleapis" not in page
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert get(address, Host="attacker.example")[0] == 403
    assert get(address, Origin="http://attacker.example")[0] == 403
    assert get(address, Origin=address.rstrip("/"))[0] == 200


def test_no_event_is_open_to_programs_and_nothing_is_shared(address):
    config = json.loads(get(address + "config")[2])
    assert config["analytics_enabled"] is False
    assert {event["api_visibility"] for event in config["dependencies"]} <= {"private", "undocumented"}


def test_settings_of_gradio_in_the_environment_are_not_heard(monkeypatch):
    pytest.importorskip("gradio")
    monkeypatch.setenv("GRADIO_ALLOWED_PATHS", "/")
    serving.check_installed()
    assert "GRADIO_ALLOWED_PATHS" not in os.environ


SOMEWHERE = ("/etc/passwd", str(Path(__file__)), "pyproject.toml", "../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd")


@pytest.mark.parametrize("path", SOMEWHERE)
@pytest.mark.parametrize("route", ["gradio_api/file=", "gradio_api/file/", "static/", "assets/", "svelte/"])
def test_files_of_this_machine_are_not_served(address, route, path):
    status, _, content = get(f"{address}{route}{path}")
    assert status in (403, 404)
    assert "root:" not in content
    assert "def test" not in content


def test_captures_and_studies_are_not_served(bench, tmp_path):
    pytest.importorskip("gradio")
    for file in (tmp_path / "studies" / "of-others" / "report.html", tmp_path / "cap" / "capture.json"):
        file.parent.mkdir(parents=True)
        file.write_text("secret")
    with served(bench, tmp_path) as address:
        for path in ("studies/of-others/report.html", "cap/capture.json", "studies/../cap/capture.json"):
            status, _, content = get(f"{address}gradio_api/file={tmp_path}/{path}")
            assert status == 403
            assert "secret" not in content


@pytest.mark.parametrize("route", ["gradio_api/file=", "gradio_api/proxy="])
def test_nothing_is_fetched_from_elsewhere(address, route, monkeypatch):
    """Gradio itself would pass on what other machines have."""
    reached = []
    monkeypatch.setattr("gradio.routes.secure_url_stream_response", lambda *args: reached.append(args))
    status, _, content = get(f"{address}{route}https://example.com/x")
    assert (status, content, reached) == (403, "this page fetches nothing from elsewhere", [])


def test_without_gradio_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    with pytest.raises(ExtraMissing, match=r"headpursuit\[explore\]"):
        serving.check_installed()
