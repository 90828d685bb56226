"""A journey worker whose core has the fault of `tests.integration.poison`.

python -m tests.faults.poisoned_worker worker journeys
"""

from laudstream.cli.main import main
from tests.integration import poison

if __name__ == "__main__":
    poison.install()
    main()
