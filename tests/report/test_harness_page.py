import json
import re

import pytest

from headpursuit.records import from_record, to_record
from headpursuit.report import render
from headpursuit.report.pages import lm_eval
from headpursuit.studies.experiments.lm_eval import HarnessConfig, HarnessResult
from headpursuit.studies.experiments.lm_eval.changes import Change
from headpursuit.studies.experiments.lm_eval.result import KIND, HarnessArm, HarnessRow


def row(task, change, controls=(0.01, -0.02)):
    return HarnessRow(task, "acc", True, 50, 0.5, 0.05, 0.5 + change.value, None, change, controls)


@pytest.fixture
def finished(tmp_path):
    result = HarnessResult(
        config=HarnessConfig("models/tiny", ("t",), {"scales": {"L1H2": -1.0}, "scope": "all"}),
        concept="<b>countries</b>",
        model_summary="12 heads",
        command="headpursuit lm-eval models/tiny --edit e.json --tasks t",
        arms=(HarnessArm("base", {}, 0), HarnessArm("edit", {"L1H2": -1.0}, 7)),
        rows=(
            row("known", Change(-0.2, 0.05, -0.3, -0.1, True)),
            row("$un$known", Change(-0.0001, None, None, None, False)),
        ),
        sentence="The edit does damage.",
        warnings=("Truncating 3 tokens",),
        versions={"torch": "1"},
    )
    KIND.finish(KIND.begin(tmp_path / "run", result.config), result)
    return result, tmp_path / "run"


def test_the_page_says_what_was_found_and_loads_nothing(finished):
    result, folder = finished
    page = render(folder).read_text()
    for expected in (result.sentence, "Truncating 3 tokens", result.command, "−0.200", "−0.300 to −0.100", "$un$known"):
        assert expected in page
    assert "&lt;b&gt;countries" in page
    assert page.count("data:image/svg+xml") == 1
    assert not re.search(r'(src|href)="(?!data:|#|https://arxiv\.org)', page)
    assert render(folder).read_text() == page
    assert HarnessResult.load(folder) == result


def test_something_else_is_refused(finished):
    _, folder = finished
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"kind": "study"}))
    with pytest.raises(ValueError, match="is no lm-eval run"):
        lm_eval.page(folder)


def test_settings_come_back(finished):
    config = finished[0].config
    assert from_record(HarnessConfig, json.loads(json.dumps(to_record(config)))) == config
