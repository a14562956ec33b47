import pytest

from headpursuit.explore import View


def test_an_address_brings_everything_back():
    view = View("red, blue", "explained", "L3H1", 'a & b? "ü"\nc=1', 5, "L1H1 L2H2", 2.5, "generated", 8, True, False)
    assert View.of_query(view.query()) == view
    assert View.of_query("?" + view.query()) == view


def test_defaults_are_not_in_the_address():
    assert View().query() == ""
    assert View.of_query("") == View()
    assert View(scale=-2.0).query() == "scale=-2.0"


@pytest.mark.parametrize(
    "query",
    ["scale=99", "scale=x", "scale=nan", "heads=0", "tokens=1e9", "score=best", "scope=nowhere", "x=1", "chat=maybe"],
)
def test_nonsense_in_an_address_is_left_out(query, as_users_run_it):
    assert View.of_query(query + "&concept=months") == View(concept="months")


@pytest.mark.parametrize("part", ["concept", "prompt", "picked"])
def test_long_text_is_refused(part):
    with pytest.raises(ValueError, match="9,999 characters; at most"):
        View(**{part: "x" * 9999})
