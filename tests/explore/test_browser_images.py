"""Images on the page of a model that sees."""

import pytest
import tiny_vision
from browsing import answered, expected, tab
from PIL import Image
from served import NEUTRAL, served

import headpursuit as hp
from headpursuit.analysis import capture
from headpursuit.explore import Workbench, workbench
from headpursuit.heads import Edit
from headpursuit.media import ImagePrompt

pytestmark = pytest.mark.browser

EDIT = {"picked": "L0H0 L1H1", "scale": 8, "prompt": "w5 w9", "chat": 1}


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbench, "neutral_texts", lambda: (NEUTRAL,))
        model = hp.load(str(tiny_vision.saved(tmp_path_factory.mktemp("model"))))
        prompts = tiny_vision.two_prompts(model)
        yield Workbench(model, capture(model, prompts), prompts)


@pytest.fixture(scope="module")
def seeing_address(seeing, tmp_path_factory):
    with served(seeing, tmp_path_factory.mktemp("served")) as url:
        yield url


def upload(page, file):
    page.set_input_files("#hp-image input[type=file]", file)
    page.wait_for_selector(f"#hp-image :text('{file.stem}')")


def complaint(page):
    page.click("#hp-ask")
    return page.inner_text("#hp-answers .hp-message")


def test_an_uploaded_image_is_answered_about_until_a_reload(chromium, seeing, seeing_address, tmp_path):
    file = tmp_path / "two.png"
    tiny_vision.drawing(1).save(file)
    with tab(chromium, seeing_address, **EDIT) as page:
        upload(page, file)
        page.click("#hp-ask")
        edit = Edit({"L0H0": 8, "L1H1": 8})
        assert answered(page) == expected(seeing, edit, ImagePrompt("w5 w9", file), chat=True)
        assert page.is_visible("#hp-answers .hp-picture img")
        page.reload()
        page.wait_for_selector("#hp-heatmap .head")
        page.click("#hp-ask")
        assert answered(page) == expected(seeing, edit, "w5 w9", chat=True)
        assert "No image was given" in page.inner_text("#hp-answers .hp-picture")


def test_the_script_on_the_page_names_the_image(chromium, seeing_address, tmp_path):
    file = tmp_path / "two.png"
    tiny_vision.drawing(1).save(file)
    with tab(chromium, seeing_address, **EDIT) as page:
        page.click("text=The same on the command line")
        upload(page, file)
        page.wait_for_function(
            "document.querySelector('#hp-python textarea').value.includes(\"ImagePrompt('w5 w9', 'two.png')\")"
        )


def test_what_is_no_image_is_told_by_its_name(chromium, seeing_address, tmp_path):
    text, disguised = tmp_path / "words.txt", tmp_path / "disguised.png"
    for file in (text, disguised):
        file.write_text("no image")
    with tab(chromium, seeing_address, **EDIT) as page:
        page.set_input_files("#hp-image input[type=file]", text)
        page.wait_for_selector(":text('Invalid file type: words.txt')")
    with tab(chromium, seeing_address, **EDIT) as page:
        upload(page, disguised)
        assert complaint(page).startswith("disguised.png is not an image that can be read")


def test_huge_images_are_refused(chromium, seeing_address, tmp_path):
    file = tmp_path / "huge.png"
    Image.new("1", (6000, 6000)).save(file)
    with tab(chromium, seeing_address, **EDIT) as page:
        upload(page, file)
        assert complaint(page) == "huge.png has 6000 x 6000 pixels; at most 25,000,000 are taken here"
