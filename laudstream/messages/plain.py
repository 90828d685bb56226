"""The plain text of an HTML mail, for those who read mail without HTML. One pass, linear, whatever the input."""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"<!--|<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\r\f\v\n\xa0]+")
_HIDDEN = frozenset(("head", "style", "script", "title", "template"))
_LINE = frozenset(("br", "tr", "li", "div", "dt", "dd", "option"))
_PARAGRAPH = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "hr", "pre"))


def plain(source: str) -> str:
    """Text of `source`: blocks on lines of their own, links as `text (address)`, scripts and styles left out."""
    out: list[str] = []
    hidden, link, at = "", "", 0
    while (tag := _TAG.search(source, at)) is not None:
        if not hidden and tag.start() > at:
            out.append(_BLANKS.sub(" ", source[at : tag.start()]))
        at = tag.end()
        if tag[2] is None:  # a comment; one that is never closed goes to the end
            end = source.find("-->", at)
            at = len(source) if end < 0 else end + 3
            continue
        closing, name = tag[1] == "/", tag[2].lower()
        if hidden:
            hidden = "" if closing and name == hidden else hidden
        elif name in _HIDDEN and not closing:
            hidden = name
        elif name in _PARAGRAPH:
            out.append("\n\n")
        elif name in _LINE:
            out.append("\n- " if name == "li" and not closing else "\n")
        elif name == "a":
            found = None if closing else _HREF.search(tag[3][:4_000])
            if closing and link and not (out and out[-1].strip() == link):
                out.append(f" ({link})")
            link = (found[1] or found[2] or found[3] or "") if found else ""
    if not hidden:
        out.append(_BLANKS.sub(" ", source[at:]))
    return _tidy(html.unescape("".join(out)))


def _tidy(text: str) -> str:
    """No blanks at the ends of lines, at most one empty line in a row."""
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.strip()
        if (line and line != "-") or (lines and lines[-1]):
            lines.append("" if line == "-" else line)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n" if lines else ""
