"""The words of the book, read from its source: both languages are there, and set as they should be.

Every `Text(english, chinese)` in an experiment, a claim or what they share is looked at, also those
that only some runs reach.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

import shoal.book
from shoal.book.claims import CLAIMS, Claim
from shoal.book.experiments import EXPERIMENTS
from shoal.book.text import Text

FOLDER = Path(shoal.book.__file__).parent
FILES = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.py"))}
HAN = r"[\u4e00-\u9fff]"
FULL_WIDTH = r"[\u3000-\u303f\uff00-\uffef]"  # such as 。、《》（），：；？！
GAP = "\0"
"""Stands where a value will be filled in that may be of either language."""
NUMBER = "0"
"""Stands where a number will be filled in."""

NAMES = {"ReLU", "Dropout", "lr"}
"""Words that are the same in both languages."""

NOT_OUR_WORDS = {
    "批次": "小批量",
    "批标准化": "批归一化",
    "批量归一化": "批归一化",
    "正确率": "准确率",
    "精度": "准确率",
    "学习速率": "学习率",
    "权值": "权重",
    "测试数据": "测试集",
    "隐含层": "隐藏层",
    "过度拟合": "过拟合",
    "丢弃率": "Dropout 比率",
    "迭代周期": "轮",
}
"""One Chinese word for one thing: what is not written here, and what is written instead."""


class Words(NamedTuple):
    """One text: its places to fill are marked, and named with how their values are written."""

    at: str
    en: str
    zh: str
    en_fields: set[str]
    zh_fields: set[str]


def texts(name: str) -> Iterator[Words]:
    """Every text of a file whose languages stand there as strings."""
    for call in calls(name):
        en, zh = call.args
        if all(isinstance(each, ast.Constant | ast.JoinedStr) for each in call.args):
            (en, en_fields), (zh, zh_fields) = read(en), read(zh)
            yield Words(f"{name}:{call.lineno}", en, zh, en_fields, zh_fields)


def calls(name: str) -> Iterator[ast.Call]:
    """Every `Text(…, …)` of a file."""
    for node in ast.walk(ast.parse(FILES[name].read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Text" and len(node.args) == 2:
            yield node


def read(node: ast.expr) -> tuple[str, set[str]]:
    """A string with marks for what is filled in, and what that is."""
    if isinstance(node, ast.JoinedStr):
        parts = [
            (each.value, None, None) if isinstance(each, ast.Constant) else ("", *field_of(each))
            for each in node.values
        ]
    else:
        parts = [(text, field, spec) for text, field, spec, _ in Formatter().parse(node.value)]
    words, fields = "", set()
    for text, field, spec in parts:
        words += text
        if field is not None:
            words += NUMBER if spec else GAP
            fields.add(f"{field}:{spec}")
    return words, fields


def field_of(value: ast.FormattedValue) -> tuple[str, str]:
    """What an f-string fills in, the same for `text.en` and `text.zh`, and its format."""
    field = re.sub(r"\.(en|zh)\b(\[:-\d\])?", "", ast.unparse(value.value))
    spec = ast.unparse(value.format_spec)[2:-1] if value.format_spec else ""
    return field, spec


every_file = pytest.mark.parametrize("name", FILES)


@pytest.mark.parametrize("each", [*EXPERIMENTS.values(), *CLAIMS.values()], ids=lambda x: x.name)
def test_the_texts_of_experiments_and_claims_are_among_those_looked_at(each):
    folder, name = ("claims" if isinstance(each, Claim) else "experiments"), each.name
    found = {Text(x.en, x.zh) for x in texts(f"{folder}/{name.replace('-', '_')}.py")}
    own = {text for text in vars(each).values() if isinstance(text, Text)}
    assert len(own) >= 2
    assert own <= found


@every_file
def test_both_languages_say_something(name):
    assert not [x for x in texts(name) if bool(x.en.strip()) != bool(x.zh.strip())]


@every_file
def test_both_languages_are_filled_with_the_same(name):
    assert not [x for x in texts(name) if x.en_fields != x.zh_fields]


@every_file
def test_chinese_is_chinese_unless_it_is_a_name_or_a_number(name):
    others = [x for x in texts(name) if not re.search(HAN, x.zh)]
    assert not [x for x in others if set(re.findall(r"[^\W\d_]{2,}", x.zh)) - NAMES]


@every_file
def test_english_is_english(name):
    assert not [x for x in texts(name) if re.search(f"{HAN}|{FULL_WIDTH}", x.en)]


@every_file
def test_chinese_has_chinese_punctuation(name):
    half = rf"(?<={HAN})[,;:?!()]|[,;:?!()](?={HAN})|(?<={HAN})\.(?!\d)|\.(?={HAN})|['\"]"
    spaced = rf"\s{FULL_WIDTH}|{FULL_WIDTH}\s"
    assert not [x for x in texts(name) if re.search(f"{half}|{spaced}", x.zh)]


@every_file
def test_a_space_parts_chinese_from_latin_and_from_numbers_only(name):
    superfluous = rf"{HAN} {HAN}|  "
    missing = rf"{HAN}[A-Za-zα-ω\d]|[A-Za-zα-ω\d%°]{HAN}"
    assert not [x for x in texts(name) if re.search(f"{superfluous}|{missing}", x.zh)]


@every_file
def test_one_chinese_word_for_one_thing(name):
    assert not [(x, word) for x in texts(name) for word in NOT_OUR_WORDS if word in x.zh]


@every_file
def test_texts_that_are_put_together_keep_to_their_language(name):
    for call in calls(name):
        for node, unwanted in zip(call.args, (f"{HAN}|{FULL_WIDTH}", "^[,;:] "), strict=True):
            if not isinstance(node, ast.Constant | ast.JoinedStr):
                strings = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                assert not [s for s in strings if isinstance(s, str) and re.search(unwanted, s)]
