"""Job logs as HTML."""

from __future__ import annotations

import pytest

from graphql_api.job_log import html_of_tail, html_summary


def html(text, lines=100):
    return html_summary(text, lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n", ""),
        ("plain", "<span>plain</span>"),
        ("a\nb\n", "<span>a</span><br/><span>b</span>"),
        ("a\n\nb\n", "<span>a</span><br/><br/><span>b</span>"),
        (
            '<script>alert(1)</script> & "x"',
            "<span>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;</span>",
        ),
        ("\x1b[31mred\x1b[0m plain", '<span class="term-fg-red">red</span><span> plain</span>'),
        ("\x1b[1;32mbold green\x1b[m", '<span class="term-bold term-fg-green">bold green</span>'),
        ("\x1b[91mx", '<span class="term-fg-l-red">x</span>'),
        ("\x1b[41mx\x1b[49my", '<span class="term-bg-red">x</span><span>y</span>'),
        (
            "\x1b[31ma\nb\x1b[39mc",
            '<span class="term-fg-red">a</span><br/><span class="term-fg-red">b</span><span>c</span>',
        ),
        ("\x1b[38;5;9mx\x1b[38;2;1;2;3my", "<span>x</span><span>y</span>"),
        ("\x1b[1mx\x1b[22my", '<span class="term-bold">x</span><span>y</span>'),
        ("a\x1b[2Kb\x1b[10;10Hc\x07", "<span>a</span><span>b</span><span>c</span>"),
        ("10%\r50%\r100%\n", "<span>100%</span>"),
        ("windows\r\nlines\r\n", "<span>windows</span><br/><span>lines</span>"),
    ],
)
def test_text(text, expected):
    assert html(text) == expected


def test_time_stamps_are_taken_off():
    text = (
        "2024-05-22T12:43:46.962646Z 00O Running\n"
        "2024-05-22T12:43:47.000001Z 01O one \n"
        "2024-05-22T12:43:47.000002Z 01O+line\n"
        "2024-05-22T12:43:48.000000Z 01E oops\n"
    )
    assert html(text) == "<span>Running</span><br/><span>one line</span><br/><span>oops</span>"


def test_section_marks_are_taken_off():
    text = "section_start:15:build[collapsed=true]\r\x1b[0KBuilding\nwork\nsection_end:16:build\r\x1b[0K\n"
    assert html(text) == "<span>Building</span><br/><span>work</span>"


def test_section_marks_within_time_stamps():
    text = (
        "2024-05-22T12:43:46.9Z 00O section_start:15:prepare\r\n2024-05-22T12:43:46.9Z 00O+\x1b[0KPreparing\n"
    )
    assert html(text) == "<span>Preparing</span>"


def test_last_lines():
    text = "".join(f"{number}\n" for number in range(10))
    assert html(text, 2) == "<span>8</span><br/><span>9</span>"
    assert html(text, 0) == ""


def test_cut_line_and_broken_characters():
    assert html_of_tail(b"\xa4cut\nwhole \xff\n", 10, whole=False) == "<span>whole \ufffd</span>"
    assert html_of_tail(b"first\nlast", 10, whole=True) == "<span>first</span><br/><span>last</span>"


def test_no_input_takes_long():
    text = "\x1b[" * 60_000 + "section_start:" * 5_000
    assert isinstance(html(text), str)
