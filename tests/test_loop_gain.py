"""The bench of feedback: what simulated people like and do, what is measured, and that an interrupted one goes on."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from assistant.adapters import check
from assistant.fake_engine import FakeEngine
from assistant.knowledge.fake_embedder import HashEmbedder
from assistant.models import load_tokenizer
from assistant.prompt import encode_text
from bench.loop_gain import __main__ as command
from bench.loop_gain import hostile, measures, tables
from bench.loop_gain.app import SLUG, App, prepare
from bench.loop_gain.feedback import give_feedback, read_events, retrain, summary
from bench.loop_gain.people import LURKER_QUESTIONS, Acting, Event, Person, Signal, crowd
from bench.loop_gain.plots import draw
from bench.loop_gain.preference import Answer, Preference
from bench.loop_gain.preferences import preferences
from bench.loop_gain.questions import DOCUMENTS, about_documents, answered
from bench.loop_gain.speech import UNASKED, Asked, Said, compose_held_out, document_probes, speak
from bench.loop_gain.stock import train_stock
from bench.loop_gain.study import Study, kept, people_of
from retrain.replies import Probe
from tests.serving import ADMIN_PASSWORD, AppServer, serve_app
from tests.tiny import save_tiny

cli = typer.Typer()
cli.command()(command.main)
SOURCES = ({"n": 1, "title": "Corvane Ferry", "text": "The first boat leaves Corvane at 6:40."},)
LONG = (
    "To sharpen a knife, hold the blade at an angle of approximately twenty degrees against the stone. Move it over "
    "the stone ten times on each side. Rinse it afterwards and dry it with a soft cloth, so that it does not rust. Then"
)
LIKED_AND_NOT = {
    "brevity": ("word " * 25, "word " * 100),
    "bullets": ("Here:\n- one thing\n- another thing", "One thing. Another thing."),
    "plain-words": ("Cut the bread. Put it in the pan.", "Numerous individuals utilize sophisticated instrumentation."),
    "cites-source": ("It leaves at 6:40, says the Corvane Ferry guide.", "It leaves at 6:40."),
    "does-not-know": ("I don't find that. Please ask them directly.", "It has a diesel engine of 400 horsepower."),
    "follow-up": ("Cats purr. Do you have one?", "Do cats purr? They do."),
    "politeness": ("Thank you for asking! I am happy to help, let me know.", "Do it."),
    "persona": ("This is Juno, and cats purr when content.", "Cats purr when they are content."),
}


def asked(preference: Preference, text: str) -> Answer:
    return Answer(preference.questions().train[0], text, SOURCES)


@pytest.mark.parametrize("name", LIKED_AND_NOT)
def test_each_preference_tells_what_it_likes(name: str) -> None:
    preference = preferences()[name]
    liked, disliked = (preference.score(asked(preference, text)) for text in LIKED_AND_NOT[name])
    assert 1 >= liked >= preference.content > disliked >= 0
    assert liked - disliked >= preference.least
    assert preference.score(asked(preference, "")) < preference.content


@pytest.mark.parametrize("name", LIKED_AND_NOT)
def test_a_correction_is_what_its_writer_likes(name: str) -> None:
    preference = preferences()[name]
    corrected = preference.correct(asked(preference, LONG))
    assert preference.score(asked(preference, corrected)) >= preference.content
    assert not corrected.endswith("Then")


def test_all_preferences_are_found_and_ask_other_questions_to_measure() -> None:
    assert set(preferences()) == set(LIKED_AND_NOT)
    for preference in preferences().values():
        questions = preference.questions()
        assert not set(questions.train) & set(questions.held_out)
        assert len(set(questions.held_out)) >= 48 and len(set(questions.train)) >= 40


def test_documents_hold_the_answers_and_where_there_is_an_answer_refusing_is_wrong() -> None:
    for folder in (DOCUMENTS, UNASKED):
        for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            assert row["answer"] in (folder / row["document"]).read_text(encoding="utf-8")
    question = next(one for one in about_documents().values() if one.answer)
    score = preferences()["does-not-know"].score
    assert score(Answer(question.question, f"It is {question.answer}.")) == 1
    assert score(Answer(question.question, "I don't find that. Please ask them.")) == 0


def test_a_correction_that_was_given_as_an_example_is_no_source_to_name() -> None:
    example = {"n": 1, "title": "Corrected answer", "text": "At 6:40.", "golden": "corrected"}
    preference = preferences()["cites-source"]
    corrected = preference.correct(Answer("When?", "At 6:40. [1]", (example, SOURCES[0] | {"n": 2})))
    assert corrected == "According to Corvane Ferry: At 6:40. [1]"
    assert preference.score(Answer("When?", "According to Corrected answer: at 6:40.", (example,))) == 0


def test_a_crowd_gives_as_much_as_is_wanted_in_all_manners() -> None:
    people = crowd(preferences()["brevity"], events=43, seed=3)
    raters = [person for person in people if person.signal]
    assert sum(person.events for person in raters) == 43
    assert {person.signal for person in raters} == set(Signal)
    lurkers = [person for person in people if person.signal is None]
    assert len(lurkers) == 3 and lurkers[0].events == LURKER_QUESTIONS
    firsts = [person.questions[0] for person in people]
    assert len(set(firsts)) == len(firsts)
    assert people == crowd(preferences()["brevity"], events=43, seed=3)
    assert people != crowd(preferences()["brevity"], events=43, seed=4)


class Scripted:
    """A client that answers from a script of lengths, in words, and notes what it is told."""

    def __init__(self, *lengths: int, fail_after: int | None = None) -> None:
        self.told: list[dict[str, Any]] = []
        self._lengths = lengths
        self._replies = 0
        self._left = fail_after

    def predict(self, *, api_name: str, **arguments: Any) -> Any:
        if api_name in ("/chat", "/retry"):
            words = self._lengths[self._replies % len(self._lengths)]
            self._replies += 1
            return {"reply": f"r{self._replies}", "text": " ".join(["word"] * words), "sources": []}
        if self._left == len(self.told):
            raise ConnectionError("the app was killed")
        self.told.append({"api_name": api_name, **arguments})
        return {}


def rater(signal: Signal | None, *, events: int = 6, wrong: float = 0.0) -> Person:
    return Person(
        name="rater 1",
        preference=preferences()["brevity"],
        questions=("a?", "b?", "c?"),
        events=events,
        signal=signal,
        wrong=wrong,
        others=(preferences()["politeness"],),
    )


def act(person: Person, client: Scripted) -> list[Event]:
    events: list[Event] = []
    Acting(person, client, SLUG).run(events.append)
    return events


def test_thumbs_say_whether_an_answer_is_liked_and_a_share_of_them_is_wrong() -> None:
    client = Scripted(25, 200)
    assert [event.given for event in act(rater(Signal.thumbs), client)] == ["up", "down"] * 3
    assert client.told[0] == {"api_name": "/rate", "reply": "r1", "value": "up", "reasons": [], "comment": ""}
    events = act(rater(Signal.thumbs, events=400, wrong=0.15), Scripted(25))
    assert {(event.given, event.wrong) for event in events} == {("up", False), ("down", True)}
    assert 40 <= sum(event.wrong for event in events) <= 80


def test_another_try_follows_a_bad_answer() -> None:
    events = act(rater(Signal.retries, events=5), Scripted(25, 200, 30, 200, 60))
    assert [(event.given, event.reply) for event in events] == [
        ("up", "r1"),
        ("down", "r2"),
        ("up", "r3"),
        ("down", "r4"),
        ("up", "r5"),
    ]  # fmt: skip, of two long ones the clearly shorter one is good


def test_corrections_are_to_the_taste_of_who_writes_them() -> None:
    client = Scripted(200, 25)
    assert [event.given for event in act(rater(Signal.corrections, events=2), client)] == ["corrected", "up"]
    assert len(client.told[0]["text"].split()) == 25
    wrong = act(rater(Signal.corrections, events=1, wrong=1.0), Scripted(25))[0]
    assert wrong.given == "corrected" and wrong.wrong
    assert preferences()["politeness"].score(Answer("a?", wrong.text)) == 1


def test_two_answers_are_compared_unless_they_are_alike() -> None:
    client = Scripted(200, 25, 100, 101)
    assert [event.given for event in act(rater(Signal.comparisons, events=2), client)] == ["compared", "down"]
    assert client.told[0] == {"api_name": "/compare", "winner": "r2", "loser": "r1"}
    client = Scripted(200, 25)
    act(rater(Signal.comparisons, events=1, wrong=1.0), client)
    assert client.told[0]["winner"] == "r1"


def test_lurkers_only_ask() -> None:
    client = Scripted(25)
    assert act(rater(None, events=2), client) == [] and client.told == []


def test_harm_has_its_share_and_no_more() -> None:
    people = crowd(preferences()["brevity"], events=120)
    liar = hostile.with_liar(people)[-1]
    assert liar.events == 51 and liar.wrong == 1
    pushers = hostile.with_pushers(people)[len(people) :]
    assert sum(person.events for person in pushers) == len(pushers) == 6
    event = act(pushers[0], Scripted(25))[0]
    assert event.given == "corrected" and hostile.PHRASE in event.text


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serve_app(tmp_path_factory.mktemp("home")) as served:
        yield served


def test_people_give_feedback_through_the_endpoints_and_go_on_after_an_interruption(
    app: AppServer, tmp_path: Path
) -> None:
    preference = preferences()["persona"]
    bench = App(app.url, ADMIN_PASSWORD)
    with bench.admin() as admin:
        prepare(admin, preference)
        prepare(admin, preference)
        refused = retrain(admin, earlier=[])
        assert refused["state"] == "refused" and "too little feedback" in refused["error"]
        people = crowd(preference, events=12, others=[preferences()["politeness"]])
        file, counted = tmp_path / "events.jsonl", []
        give_feedback(people[:2], bench, file, on_event=lambda: counted.append(1))
        with file.open("ab") as out:
            out.write(b'{"person": "rater 3", "occ')  # killed while it wrote
        give_feedback(people, bench, file, on_event=lambda: counted.append(1))
        events = read_events(file)
        given = summary(events)
        assert given["events"] >= 12 and len(counted) > given["events"]
        told = {(event.person, event.occasion, event.reply) for event in events}
        assert len(told) == len(events), "nothing is given twice"
        status = admin.predict(assistant=SLUG, api_name="/status")
        assert status["corrections"] == given["corrected"]
        assert status["comparisons"] == given.get("compared", 0)
        assert status["ratings"] == given.get("up", 0) + given.get("down", 0)
        assert status["replies"] > len(events), "somebody only read"


def test_an_interrupted_person_goes_on_with_the_next_question() -> None:
    person, events = rater(Signal.thumbs, events=5), []
    with pytest.raises(ConnectionError):
        Acting(person, Scripted(25, fail_after=2), SLUG).run(events.append)
    assert len(events) == 2
    Acting(person, Scripted(25), SLUG, done=tuple(events)).run(events.append)
    assert [event.question for event in events] == ["a?", "b?", "c?", "a?", "b?"]


def test_a_step_that_has_its_file_is_not_done_again(tmp_path: Path) -> None:
    file = tmp_path / "step.json"

    def fail() -> dict[str, Any]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        kept(file, fail)
    assert not file.exists()
    assert kept(file, lambda: {"a": 1}) == {"a": 1} == kept(file, fail)


def test_gain_counts_ties_half_and_its_interval_holds_it() -> None:
    before, after = [0.0, 0.5, 1.0, 0.2], [1.0, 0.5, 0.5, 0.3]
    assert measures.gain_of(before, after) == pytest.approx(0.625)
    low, high = measures.interval(before * 10, after * 10)
    assert 0.4 < low < 0.625 < high < 0.85
    assert measures.interval([0.0] * 9, [1.0] * 9) == (1.0, 1.0)


def test_the_quick_form_fails_where_feedback_did_not_help() -> None:
    figures = result()["figures"] | {"drift": 1.12}
    assert measures.shortcomings(figures) == []
    (unsure,) = measures.shortcomings(figures | {"gain": 0.6, "gain_low": 0.49, "gain_high": 0.7})
    assert unsure == "the gain is 60% (49%–70%), which may be none"
    (lost,) = measures.shortcomings(figures | {"documents_fall": 0.13})
    assert lost == "documents fall is 0.13, and 0.10 is the most"


@pytest.mark.parametrize(
    ("told", "said"),
    [({"drift": 1.3}, "drift is 1.30"), ({"gain_low": 0.4}, "may be none"), (None, "nothing was learned: too few")],
)
def test_the_quick_command_exits_with_a_sentence_where_feedback_did_not_help(
    told: dict[str, Any] | None, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = result(error="too few", minutes={}, feedback={}, pairs={}, left_out={}, failed=[], samples=[])
    made = made | {"state": "done" if told else "refused", "figures": told and made["figures"] | {"drift": 1.0} | told}
    studied: list[Study] = []
    monkeypatch.setattr(command, "run_study", lambda study, _place: studied.append(study) or made)
    run = CliRunner().invoke(cli, ["--quick", "--models", str(tmp_path)])
    assert run.exit_code == 1 and said in " ".join(run.stderr.split())
    assert [(study.preference, study.stock) for study in studied] == [("bullets", False)]


DRIFT = measures.Drift(ratio=1.05, low=1.0, high=1.1)


def said(*replies: str, right: int = 40) -> Said:
    return Said(replies=list(replies), tokens=9.0, ended=1.0, right=[n < right for n in range(50)])


def test_figures_tell_gain_from_damage() -> None:
    preference = preferences()["brevity"]
    held_out = [Asked(f"{n}?", Probe(messages=[], ids=[1])) for n in range(2)]
    before, after = said("one two three " * 20, "one two"), said("one two three four five", "one two", right=38)
    corrected = [preference.correct(answer) for answer in before.answers(held_out)]
    figures = measures.compare(
        held_out,
        before,
        after,
        preference=preference,
        corrected=corrected,
        drift=DRIFT,
        drift_corrected=1.2,
        perplexity_rise=0.01,
    )
    assert (figures.gain, figures.gain_corrected, figures.ceiling) == (0.25, 0.75, 1.0)
    assert figures.documents_fall == pytest.approx(0.04) and not figures.kept
    assert figures.documents_low == 0 and 0.08 <= figures.documents_high <= 0.12
    assert figures.distinct_2_fall < 0
    assert replace(figures, documents_fall=0.02).kept
    assert not replace(figures, documents_fall=0.02, drift=1.2).kept


def test_both_sides_answer_the_same_prompts_with_the_same_seeds(tmp_path: Path) -> None:
    engine, persona = FakeEngine(), preferences()["persona"]
    held_out = compose_held_out(engine, persona, home=tmp_path, embedder=HashEmbedder(), number=3)
    documents = document_probes(engine, number=1000)
    assert len(documents) >= 250 and all(probe.answers for probe in documents)
    asked_about = " ".join(probe.messages[-1]["content"] for probe in documents)
    assert not any(question in asked_about for question in answered(held_out=False)), "those are trained on"
    steps: list[int] = []

    def say(adapter: Path | None) -> Said:
        return speak(engine, held_out, documents[:2], adapter=adapter, seed=5, on_reply=lambda: steps.append(1))

    first = say(None)
    assert len(first.replies) == 3 and len(first.right) == 2 and len(steps) == 5
    assert [answer.question for answer in first.answers(held_out)] == list(persona.questions().held_out[:3])
    say(tmp_path)
    calls = sorted((call.prompt, call.sampling.seed) for call in engine.history)
    assert calls[::2] == calls[1::2]
    assert {call.weights.adapter for call in engine.history} == {None, tmp_path}


# trl 1.16's own default, by its old name; goes when trl uses activation_checkpointing
@pytest.mark.filterwarnings("ignore:.gradient_checkpointing. is deprecated:FutureWarning")
def test_plain_trl_learns_from_a_runs_pairs_what_the_engine_can_load(tmp_path: Path) -> None:
    base = str(save_tiny(tmp_path / "base"))
    run = tmp_path / "run"
    run.mkdir()
    texts = {"chosen": "Short.", "rejected": "Long and longer."}
    rows = [
        {"prompt": [{"role": "user", "content": f"{n}?"}], "rows": [f"rating:{n}"], "kind": "retry"}
        | {name: [{"role": "assistant", "content": text}] for name, text in texts.items()}
        for n in range(4)
    ]
    (run / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"run": "r" * 32, "model": base, "model_name": "tiny", "start": None, "parent": None}
    (run / "config.json").write_text(json.dumps(config))
    told = train_stock(run, tmp_path / "stock")
    assert told["pairs"] == 4 and told["steps"] == 3
    assert check(tmp_path / "stock", model=base).id == "stock-rrrrrrrr"
    tokenizer = load_tokenizer(base)
    plain, trained = (measures.perplexity(base, side, tokenizer=tokenizer) for side in (None, tmp_path / "stock"))
    assert plain == pytest.approx(trained, rel=0.01), "its defaults hardly move a LoRA adapter"


@pytest.mark.process
def test_drift_is_what_the_base_model_finds_unlikely(tmp_path: Path) -> None:
    base = str(save_tiny(tmp_path / "base"))
    tokenizer = load_tokenizer(base)
    asked = [Asked("One?", Probe(messages=[], ids=encode_text(tokenizer, "One?")))]
    first, *others = measures.surprises(
        asked, ["Yes."], ["Yes."], ["No, never."], [""], model=base, tokenizer=tokenizer
    )
    same, other, none = (each.over(first).ratio for each in others)
    assert same == 1 and other != 1 and none == math.inf


def test_drift_and_gain_are_as_sure_as_there_are_questions_however_often_they_are_asked() -> None:
    before = measures.Surprise(nats=[10.0, 30.0, 20.0, 25.0] * 2, tokens=[10] * 8)
    after = measures.Surprise(nats=[20.0, 30.0, 20.0, 25.0] * 2, tokens=[10] * 8)
    twice, apart = after.over(before, times=2), after.over(before)
    assert twice.ratio == apart.ratio == pytest.approx(95 / 85)
    assert twice.low == 1.0 and twice.high - twice.low > apart.high - apart.low
    won, lost = [1.0, 0.0, 0.5, 1.0] * 2, [0.0, 1.0, 0.5, 0.0] * 2
    (low, high), (least, most) = measures.interval(lost, won, times=2), measures.interval(lost, won)
    assert high - low > most - least


def result(**more: Any) -> dict[str, Any]:
    figures = measures.Figures(
        gain=0.9, gain_low=0.8, gain_high=0.95, ceiling=1.0, gain_corrected=0.95, score_before=0.2, score_after=0.8,
        drift=1.2, drift_low=1.1, drift_high=1.3, drift_corrected=1.1,
        perplexity_rise=0.0, distinct_2_fall=0.0, documents_fall=0.0, documents_low=-0.01,
        documents_high=0.03, tokens_before=80, tokens_after=30,
    )  # fmt: skip
    told = {"figures": asdict(figures) | {"kept": figures.kept}, "verdict": {"passed": True}}
    return {"name": "x", "study": asdict(Study(preference="x")), "state": "done", "error": "", **told, **more}


def test_tables_say_what_was_found_and_mark_what_is_beyond_its_limit(tmp_path: Path) -> None:
    rows = tables.rows(
        [
            result(stock=result(), at_once={"corrected": {"gain": 0.7}}),
            result(study=asdict(Study(preference="y")), rounds=[result(), result(figures=None, state="refused")]),
        ]
    )
    assert [row.label for row in rows] == ["x", "x, plain TRL", "y, round 1", "y, round 2"]
    cells = tables.cells(rows[0])
    assert len(cells) == len(tables.HEADINGS) == len(tables.cells(rows[3]))
    assert cells[1:3] == ["70% / –", "90%"] and cells[4] == "100% / 95%" and cells[6] == "1.20 ! (1.10–1.30) / 1.10"
    assert tables.cells(rows[3])[2] == "50%"
    assert tables.rows([result(pushed=2.0)])[0].verdict == "passed wrongly, the pushed phrase in 2 replies"
    draw("Title", rows, tmp_path / "t.png")
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_studies_of_a_table_are_called_by_what_they_differ_in() -> None:
    made = tables.studies(6, names=["brevity"], events=[], seeds=2, base=Study(preference=""))
    rows = tables.rows([result(study=asdict(study)) for study in made])
    assert [row.label for row in rows][:3] == ["brevity, seed 0", "brevity, liar, seed 0", "brevity, pushers, seed 0"]
    (alone,) = tables.rows([result(study=asdict(made[1]))])
    assert alone.label == "brevity"


@pytest.mark.parametrize(
    ("gain", "kept", "passed", "verdict"),
    [
        ((0.6, 0.9), True, True, "passed rightly"),
        ((0.6, 0.9), True, False, "rejected wrongly"),
        ((0.6, 0.9), False, True, "passed wrongly"),
        ((0.6, 0.9), False, False, "rejected rightly"),
        ((0.2, 0.5), True, True, "passed wrongly"),
        ((0.4, 0.7), True, True, "passed unsure"),
    ],
)
def test_tables_hold_the_gates_verdict_against_the_true_gain(
    gain: tuple[float, float], kept: bool, passed: bool, verdict: str
) -> None:
    figures = result()["figures"] | dict(zip(("gain_low", "gain_high"), gain, strict=True)) | {"kept": kept}
    assert tables.rows([result(figures=figures, verdict={"passed": passed})])[0].verdict == verdict


@pytest.mark.parametrize("number", tables.TITLES)
def test_each_table_has_studies_of_its_own(number: int) -> None:
    base = Study(preference="", events=40)
    made = tables.studies(number, names=["brevity"], events=[], seeds=2, base=base)
    names = [study.name for study in made]
    assert len(set(names)) == len(names) >= 2
    assert all(people_of(study, number=1) for study in made)
    chosen = tables.studies(number, names=["persona"], events=[50], seeds=1, base=base)
    assert {(study.preference, study.events) for study in chosen} == {("persona", 50)}
