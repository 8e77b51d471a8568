"""Errors as people see them: one line that steers no terminal, and a caret below the place."""

from natc.errors import DumpError, Span


def test_the_caret_stands_below_the_place():
    error = DumpError("is not an address", Span("a.txt", 3, 4, "-s\t1.2.3 x", 5), "an IP address")
    assert error.render().splitlines() == [
        "a.txt:3:4: is not an address (expected an IP address)",
        "    -s 1.2.3 x",
        "       ^^^^^",
    ]


def test_a_long_line_is_cut_around_the_place():
    line = "a" * 500 + "!" + "b" * 500
    text, caret = Span("a.txt", 1, 501, line).draw().splitlines()
    assert text[caret.index("^")] == "!"
    assert len(text) < 150


def test_nothing_in_an_error_steers_a_terminal():
    hostile = "\x1b[31m\u202e\udcff\x00"
    said = DumpError(f"{hostile} is wrong", Span(hostile, 1, 2, f"x{hostile}", 4)).render()
    assert said.replace("\n", "").isprintable()
    assert said.splitlines()[0] == r"\x1b[31m\u202e\xff\x00:1:2: \x1b[31m\u202e\xff\x00 is wrong"


def test_of_a_long_word_the_beginning_and_the_end_are_said():
    said = str(DumpError("'" + "x" * 5_000_000 + "' is no address"))
    assert (said[:3], said[-16:]) == ("'xx", "xx' is no address"[-16:])
    assert len(said) < 1100
