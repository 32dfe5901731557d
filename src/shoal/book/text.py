"""Text in the languages of the book, side by side, so that there is one source of each sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True)
class Text:
    """One text in English and in Chinese.

    >>> speed = Text("{name} is faster.", "{name} 更快。").format(name="Adam")
    >>> speed["en"], speed["zh"]
    ('Adam is faster.', 'Adam 更快。')
    """

    en: str
    zh: str

    def __getitem__(self, language: Language) -> str:
        text: str = getattr(self, language)
        return text

    def format(self, **values: Any) -> Text:
        """The text with `{name}` filled in; a value that is itself a Text, in each language.

        >>> what = Text("ends at {end}", "最终 {end}").format(end=Text("zero", "零"))
        >>> what["zh"]
        '最终 零'
        """
        filled = {
            language: self[language].format(**{k: say(v, language) for k, v in values.items()})
            for language in LANGUAGES
        }
        return Text(**filled)

    def __add__(self, other: Text) -> Text:
        """One sentence after the other; Chinese needs no space between them."""
        return Text(f"{self.en} {other.en}".strip(), self.zh + other.zh)


def say(value: Any, language: Language) -> Any:
    """A Text in a language; everything else, such as a number or a name, as it is."""
    return value[language] if isinstance(value, Text) else value


def listed(texts: list[Text] | list[str]) -> Text:
    """A list in words.

    >>> listed(["SGD", "Adam", "AdaGrad"])["en"], listed(["SGD", "Adam"])["zh"]
    ('SGD, Adam and AdaGrad', 'SGD 和 Adam')

    Chinese words stand without spaces.

    >>> listed([Text("a step", "步长"), Text("depth", "深度")])["zh"]
    '步长和深度'
    """

    def joined(language: Language, comma: str, last: str) -> str:
        words = [say(text, language) for text in texts]
        return last.join([comma.join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)

    spaced = joined("zh", "、", " 和 ")
    chinese = re.sub(r"(?<=[一-鿿]) (?=和 )|(?<= 和) (?=[一-鿿])", "", spaced)
    return Text(joined("en", ", ", " and "), chinese)
