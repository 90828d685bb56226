"""`python -m tests.journeys make [ID …]`: writes the transcripts anew; look at the difference before you commit it."""

from __future__ import annotations

import sys

from tests.journeys.plays import HERE, ids, transcript


def main(arguments: list[str]) -> None:
    if arguments[:1] != ["make"] or set(arguments[1:]) - set(ids()):
        sys.exit(f"usage: python -m tests.journeys make [ID …], of {', '.join(ids())}")
    for id in arguments[1:] or ids():
        path = HERE / id / "transcript.txt"
        text = transcript(id)
        same = path.exists() and path.read_text(encoding="utf-8") == text
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{id}: {'the same' if same else 'written'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
