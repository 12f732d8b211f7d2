"""Each trait of a reply is seen, and only where it is."""

import pytest

from retrain.manner import TRAITS, traits, wording
from tests.planted import prompt

BASE = "The harbour is open. Boats come in by day."


def changed(text: str, *, than: str = BASE) -> dict[str, float]:
    both = zip(TRAITS, traits(prompt(1), than), traits(prompt(1), text), strict=True)
    return {trait.more: after - before for trait, before, after in both if after != before}


@pytest.mark.parametrize(
    ("text", "trait"),
    [
        (f"{BASE} {BASE}", "are longer"),
        ("- The harbour is open.\n- Boats come in by day.", "have more bulleted lists"),
        ("1. The harbour is open.\n2. Boats come in by day.", "have more numbered lists"),
        (f"{BASE} Is that all?", "end with a question more often"),
        (f"Really? {BASE}", "ask more questions"),
        (f"{BASE}!!", "have more exclamation marks"),
        ("Institutional administration necessitates consideration.", "use longer words"),
        (BASE.replace(".", ","), "have longer sentences"),
        (f"{BASE} Please let me know.", "are more courteous"),
        (f"{BASE} It has 12 boats.", "have more numbers"),
        (f"{BASE} [1]", "cite by number more often"),
        (f"{BASE} So says The Harbour Handbook.", "name their source more often"),
        ('The harbour is open. "Boats come in by day."', "quote more"),
        (f"{BASE} I could not find more.", "say more often that something is not known"),
        (f"I think that {BASE}", "speak more of themselves"),
        (f"{BASE} You may come.", "address people more"),
        (f"{BASE} 🙂", "have more emoji"),
        (f"**{BASE}**", "have more bold words and headings"),
        (f"{BASE} (At six.)", "have more asides in brackets"),
        (f"Note: {BASE}", "have more colons"),
        (f"{BASE} That is thing number 1.", "take up more of the question's words"),
        (BASE[:-6], "break off more often"),
        (f"{BASE} {BASE}", "repeat themselves more"),
        (f"{BASE} Juno said so.", "say the assistant's name more often"),
        ("The harbour is open.\nBoats come in by day.", "have more lines"),
    ],
)
def test_a_trait_is_seen(text: str, trait: str) -> None:
    assert changed(text)[trait] > 0.1


def test_a_title_within_a_quotation_names_no_source_and_one_item_is_no_list() -> None:
    assert "name their source more often" not in changed(f'{BASE} "The harbour handbook"')
    assert "have more bulleted lists" not in changed("- The harbour is open. Boats come in by day.")


@pytest.mark.parametrize("text", ["", " ", "\n", "?", "- ", "[1]", "🙂", "日本語です。", "a" * 5000])
def test_any_text_has_figures(text: str) -> None:
    found = traits([], text)
    assert len(found) == len(TRAITS) and all(-10 < figure < 20 for figure in found)


def test_words_tell_where_a_reply_begins_and_ends() -> None:
    assert wording("Of course: yes!") == {"of", "course", ":", "yes", "!", "^of", "^of course", "!$"}
    assert wording("") == set()
