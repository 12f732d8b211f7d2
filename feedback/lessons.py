"""From evidence to lessons: prompts with the answer to learn. Pure; what makes a preference is `feedback.pairs`.

Lessons are what people wrote themselves (corrections), and answers that they liked and that nobody objected to.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from assistant.prompt import ChatMessage
from feedback.claims import Claim, compared, corrected, polls
from feedback.evidence import Evidence
from feedback.rows import row_name


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A prompt and the answer to learn. `rows` are such as `correction:12` or, of a file's examples, `example:12`."""

    prompt: tuple[ChatMessage, ...]
    answer: str
    rows: tuple[str, ...]
    conversations: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    """Ids of the replies that it mends or repeats."""
    corrects: bool = False
    """Whether a person wrote it; else they liked it."""


def build_lessons(evidence: Evidence, *, distrusted: frozenset[str] = frozenset()) -> tuple[Lesson, ...]:
    """The last correction of each answer, and each approved answer whose prompt has no correction.

    What is made of nothing but `distrusted` rows is left out.
    """
    corrections = {claim.worse: claim for claim in corrected(evidence)}
    lessons = (
        *map(_of_correction, corrections.values()),
        *_approved(evidence, corrected_prompts={prompt for prompt, _ in corrections}),
    )
    return tuple(lesson for lesson in lessons if not distrusted.issuperset(lesson.rows))


def _of_correction(claim: Claim) -> Lesson:
    return Lesson(
        prompt=claim.prompt,
        answer=claim.chosen,
        rows=tuple(row_name(table, number) for table, number in claim.rows),
        conversations=claim.conversations,
        replies=claim.replies,
        corrects=True,
    )


def _approved(evidence: Evidence, *, corrected_prompts: Container[object]) -> Iterator[Lesson]:
    """Finished answers with thumbs up alone, which lost no comparison."""
    lost = {claim.worse for claim in compared(evidence) if not claim.tie}
    for poll in polls(evidence):
        if not all(vote.up for vote in poll.votes) or poll.text in lost or poll.text[0] in corrected_prompts:
            continue
        if poll.answer.finished:
            yield Lesson(
                prompt=poll.answer.prompt,
                answer=poll.answer.text,
                rows=tuple(row_name("rating", vote.row) for vote in poll.votes),
                conversations=tuple(dict.fromkeys(vote.answer.conversation for vote in poll.votes)),
                replies=tuple(dict.fromkeys((poll.answer.id, *(vote.answer.id for vote in poll.votes)))),
            )
