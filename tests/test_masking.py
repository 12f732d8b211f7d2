"""What is masked in the rows of a run, what is no address, phone or card number, and that rows stay comparable."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from retrain.dataset import HELD_OUT, TRAIN, TRAIN_LESSONS, TRAIN_SINGLES, freeze, read
from retrain.masking import CARDS, EMAILS, PHONES, Masking, mask
from tests.test_dataset import lesson, pair, pair_set, single

FOUND = [
    (EMAILS, "jane.doe@example.com"),
    (EMAILS, "o'neil+news@mail.example.co.uk"),
    (EMAILS, "jürgen@müller.example.de"),
    (PHONES, "+44 20 7946 0958"),
    (PHONES, "+49 (0)30 1234567"),
    (PHONES, "+1 (212) 555-1234"),
    (PHONES, "+4915112345678"),
    (PHONES, "0049 30 1234567"),
    (PHONES, "0049301234567"),
    (PHONES, "(+44) 20 7946 0958"),
    (PHONES, "(020) 7946 0958"),
    (PHONES, "0171/1234567"),
    (PHONES, "01 23 45 67 89"),
    (PHONES, "06.12.24.57.89"),
    (PHONES, "0612345678"),
    (PHONES, "(212) 555-1234"),
    (PHONES, "212-555-1234"),
    (PHONES, "1 800 555 0199"),
    (CARDS, "4111 1111 1111 1111"),
    (CARDS, "4111-1111-1111-1111"),
    (CARDS, "378282246310005"),
    (CARDS, "3782 822463 10005"),
    (CARDS, "5555555555554444"),
]
AFTER_A_CUE = ["98765 43210", "123456", "5550134", "12 34 56 78", "555\u20110134"]
LEFT = [
    "From 1999-2024, in 2019, 2020 and 2021 (2022-2023).",
    "$1,234,567.00, or 1.234.567,00 EUR, or 1 234 567 EUR; +5 000 000 and +10 000 000 people.",
    "Version 1.2.3.4, v0.12.345.6789, 10.0.12.34567 and RFC 2606.",
    "2024-01-15 10:30:00, 15/01/2024 10:30, 01.02.2024 10.30, 04/2024-05/2024, 01/02/2024 - 03/04/2024.",
    "09.00-12.30 13.30-17.00, 9.30 - 17.00, 0800-1800.",
    "200 pieces, 3500 screws, sizes 250 300 4000, 12 x 34 x 56 cm, 17 of 20.",
    "Order 0612345678, invoice no. 0301234567, #0301234567.",
    "So it is [1] [2] [12], says ISBN 978-3-16-148410-0, or ISBN 0-306-40615-2, or ISBN 0306406152.",
    "192.168.178.255 or 010.001.002.003; 0.30000000004; 3.14159265358979; 12345678901234567890.",
    "1234 5678 9012 3456 and 4111 1111 1111 1112 fail the check; 20240115103000 and 1700000000000 are times.",
    "@someone, user@localhost, https://x.org/0171234567/123. Call 3 people. Call 1 000 000 times. Ring 2024-01-15.",
]


def marked(text: str) -> str:
    return mask(text, lambda kind, found: f"<{kind}:{found}>")


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_what_is_personal_is_found_whole_wherever_it_stands(kind: str, text: str) -> None:
    assert marked(text) == f"<{kind}:{text}>"
    assert marked(f"Ask at {text}, or ({text}). On 01.02.2024 {text}") == (
        f"Ask at <{kind}:{text}>, or (<{kind}:{text}>). On 01.02.2024 <{kind}:{text}>"
    )


@pytest.mark.parametrize("number", AFTER_A_CUE)
@pytest.mark.parametrize("cue", ["call ", "Tel.: ", "phone number is ", "Call us on ", "FAX: "])
def test_a_word_before_it_tells_a_phone_number(cue: str, number: str) -> None:
    assert marked(number) == number
    assert marked(f"Please {cue}{number}.") == f"Please {cue}<{PHONES}:{number}>."


@pytest.mark.parametrize("text", LEFT)
def test_other_numbers_stay(text: str) -> None:
    assert marked(text) == text


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def row(prompt: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "chosen": said(chosen),
        "rejected": said(rejected),
        "rows": ["rating:1"],
    }


def test_the_same_number_has_the_same_stand_in_within_a_row_and_others_have_others() -> None:
    masking = Masking()
    [one] = masking.rows(
        [row("Anna has a@b.de and +44 20 7946 0958.", "A@b.de, (020) 7946 0958", "c@b.de, (020) 7946 0959")]
    )
    prompt, chosen, rejected = (one[part][0]["content"] for part in ("prompt", "chosen", "rejected"))
    email, phone = chosen.split(", ")
    assert prompt == f"Anna has {email} and {phone}."
    assert email != rejected.split(", ")[0] and phone != rejected.split(", ")[1]
    assert email.split("@")[1].startswith("example.") and "-555-01" in phone
    assert masking.counts == {EMAILS: 2, PHONES: 2, CARDS: 0}
    assert one["rows"] == ["rating:1"]


def test_no_stand_in_is_the_one_that_all_rows_have_and_none_is_used_twice_in_a_row() -> None:
    rows = [row(f"Question {n}? Call +44 20 7946 0958, x@y.de", "4111 1111 1111 1111", "no") for n in range(40)]
    masked = Masking().rows(rows)
    assert len({each["prompt"][0]["content"].split("Call ")[1] for each in masked}) > 10
    many = " ".join(f"a{n}@b.de +44 20 7946 {n:04};" for n in range(300))
    [one] = Masking().rows([row("?", many, "no")])
    words = one["chosen"][0]["content"].split()
    assert len(set(words)) == len(words) == 600 and "b.de" not in one["chosen"][0]["content"]


def test_every_file_of_a_run_is_masked_alike_and_the_counts_say_how_many(tmp_path: Path) -> None:
    private = "Write to jane@corvid.de, call +44 20 7946 0958 or pay with 4111 1111 1111 1111: {}"

    def of(kind: Any, numbers: range, **rest: Any) -> list[Any]:
        return [kind(n, question=private.format(n), **rest) for n in numbers]

    runs = {
        "dpo": (pair_set(of(pair, range(10))), []),
        "kto": (pair_set((), [*of(single, range(9), label=True), *of(single, range(10, 19), label=False)]), []),
        "sft": (pair_set(), of(lesson, range(10))),
        "sft+dpo": (pair_set(of(pair, range(10))), of(lesson, range(20))),
    }
    for method, (made, lessons) in runs.items():
        folder = tmp_path / method
        folder.mkdir()
        counts = freeze(made, folder, method=method, seed=3, lessons=lessons)
        assert counts["masked"] == {EMAILS: 1, PHONES: 1, CARDS: 1}
        text = "".join(path.read_text() for path in folder.iterdir())
        assert "corvid" not in text and "7946" not in text and "4111" not in text and text.count("555-01") >= 10
        prompts = {}
        for name in (TRAIN, TRAIN_SINGLES, TRAIN_LESSONS, HELD_OUT):
            for line in read(folder / name) if (folder / name).is_file() else []:
                shown = json.dumps(line["prompt"])
                assert prompts.setdefault(shown.rpartition(": ")[2], shown) == shown


def test_long_text_takes_no_long_time() -> None:
    texts = ["1 " * 50_000, "1" * 100_000, "a." * 50_000 + "@", "+1" + "-" * 50_000, "call " * 20_000, "0(1" * 30_000]
    started = time.process_time()
    for text in texts:
        assert isinstance(marked(text + " @ 123456"), str)
    assert time.process_time() - started < 10
