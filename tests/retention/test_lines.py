"""Where things stand in a TOML file."""

from __future__ import annotations

from retention.lines import read_lines

TEXT = '''\
top = 1
[schedule]  # a comment
id = "a"
long = """
[[class]]
id = "not a field"
"""
short = """one line"""
after = 1

  [[ class ]]
a.b = 1
[[class]]
a-b = 1
a-b = 2
'''


def test_tables_and_fields_are_found() -> None:
    lines = read_lines(TEXT)
    assert lines.of("schedule") == 2
    assert lines.of("schedule", 0, "id") == 3
    assert lines.of("schedule", 0, "short") == 8
    assert lines.of("schedule", 0, "after") == 9
    assert lines.of("class") == 11
    assert lines.of("class", 0, "a") == 12
    assert lines.of("class", 1) == 13
    assert lines.of("class", 1, "a-b") == 14


def test_what_is_not_found_has_the_line_of_its_table_or_none() -> None:
    lines = read_lines(TEXT)
    assert lines.of("schedule", 0, "nothing") == 2
    assert lines.of("class", 2, "a") is None
    assert lines.of("rule") is None
    assert lines.of("top") == 1


def test_lines_may_end_as_they_do_elsewhere() -> None:
    lines = read_lines("[a]\r\nb = 1\r\n")
    assert (lines.of("a"), lines.of("a", 0, "b")) == (1, 2)


def test_single_quotes_may_span_lines_too() -> None:
    lines = read_lines("[a]\nb = '''\n[c]\n'''\nd = 1\n")
    assert lines.of("c") is None
    assert lines.of("a", 0, "d") == 5


def test_nothing_within_a_text_of_several_lines_is_a_table_or_a_field() -> None:
    lines = read_lines('[a]\nb = """\none\n[c]\nd = 1\n"""\ne = 1\n')
    assert (lines.of("c"), lines.of("a", 0, "d"), lines.of("a", 0, "e")) == (None, 1, 7)


def test_names_are_found_in_every_letter_that_toml_allows() -> None:
    lines = read_lines("[Table_A-1]\nKey_b-2 = 1\nKEY = 1\n")
    assert (lines.of("Table_A-1"), lines.of("Table_A-1", 0, "Key_b-2"), lines.of("Table_A-1", 0, "KEY")) == (1, 2, 3)
