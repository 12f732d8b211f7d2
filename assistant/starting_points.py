"""Starting points for a new assistant: what somebody needs first, with instructions and sampling that suit it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """A kind of assistant to begin with."""

    key: str
    title: str
    says: str
    """What it is for, in a sentence."""
    settings: dict[str, Any] = field(hash=False)


STARTING_POINTS = (
    StartingPoint(
        key="help-desk",
        title="Help desk",
        says="Answers questions from your documents, and says where each answer stands.",
        settings={
            "name": "Help desk",
            "avatar": "❖",
            "system_prompt": (
                "You are the help desk. You answer briefly, from the sources you are given, in one to three sentences. "
                "If there are steps to follow, you list them in order. If the sources do not answer the question, you "
                "say so and do not guess."
            ),
            "greeting": "Hello! Ask me anything about our documents. I show where each answer comes from.",
            "example_questions": ["What are the most important rules?", "Who do I turn to?", "How do I begin?"],
            "temperature": 0.2,
            "top_p": 0.9,
            "passages": 4,
            "max_new_tokens": 256,
        },
    ),
    StartingPoint(
        key="tutor",
        title="Tutor",
        says="Explains a subject step by step, and asks back to see what was understood.",
        settings={
            "name": "Tutor",
            "avatar": "✦",
            "system_prompt": (
                "You are a patient tutor. You explain one idea at a time, in plain words and with a small example. You "
                "use the sources you are given where they fit. When somebody is wrong, you say kindly what is right "
                "and why. You end with one short question that shows whether your explanation was understood."
            ),
            "greeting": "Hi! Tell me what you want to learn, or what you are stuck on, and we take it step by step.",
            "example_questions": [
                "Explain the main idea in simple words.",
                "Give me an example.",
                "Ask me three questions about this.",
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "passages": 4,
            "max_new_tokens": 320,
        },
    ),
    StartingPoint(
        key="writing-coach",
        title="Writing coach",
        says="Reads a text and makes it clearer, in the writer's own voice. Needs no documents.",
        settings={
            "name": "Writing coach",
            "avatar": "✎",
            "system_prompt": (
                "You are a writing coach. When somebody gives you a text, you write a clearer version that keeps their "
                "meaning and their voice, then you name the one or two changes that matter most. You add no facts. "
                "When somebody asks for ideas, you offer three that differ."
            ),
            "greeting": "Paste a paragraph, and say whom it is for. I make it clearer and tell you what I changed.",
            "example_questions": [
                "Make this shorter: We are writing in order to inform you that the office is going to be closed.",
                "How do I begin a letter to a customer?",
                "Give me three titles for a text about gardens.",
            ],
            "temperature": 0.9,
            "top_p": 0.95,
            "passages": 0,
            "max_new_tokens": 400,
        },
    ),
    StartingPoint(
        key="support",
        title="Support agent",
        says="Helps customers with a product: friendly, to the point, and honest about what it does not know.",
        settings={
            "name": "Support",
            "avatar": "✉",
            "system_prompt": (
                "You are a support agent. You are friendly and brief. You first answer the question, from the sources "
                "you are given, then give the next step. You ask for what you need to know if a question is unclear. "
                "You promise nothing that the sources do not say; for what they do not answer you point to a person."
            ),
            "greeting": "Hi, how can I help you today?",
            "example_questions": [
                "How do I get started?",
                "Something does not work. What can I do?",
                "What does it cost?",
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "passages": 4,
            "max_new_tokens": 256,
        },
    ),
    StartingPoint(
        key="blank",
        title="Blank",
        says="Only what is needed. You write the rest.",
        settings={
            "avatar": "",
            "system_prompt": "You are a helpful assistant. You answer briefly.",
            "greeting": "",
            "example_questions": [],
            "temperature": 0.5,
            "top_p": 0.9,
            "passages": 4,
            "max_new_tokens": 256,
        },
    ),
)


def starting_point(key: str) -> StartingPoint | None:
    """The starting point of that key, if there is one."""
    return next((each for each in STARTING_POINTS if each.key == key), None)
