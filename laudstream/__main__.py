"""`python -m laudstream`."""

from laudstream.cli.main import main

main()
