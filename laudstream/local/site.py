"""Where things of a local stack lie: the clone, the cache of `make setup`, the data folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import laudstream
from laudstream.errors import Invalid

_PACKAGES = Path(laudstream.__file__).resolve().parents[1]
_MARK = Path("local-env") / "server.properties"
_BLANK = re.compile(r"@([a-z_]+)@")
SETUP = "run `make setup`"


class Site(NamedTuple):
    root: Path
    """The clone: local-env/, kafkaconnect/."""
    data: Path
    """Everything that this stack writes."""
    cache: Path
    """Jars."""

    @classmethod
    def at(cls, data: Path | str = ".data") -> Site:
        """Raises Invalid outside of a clone."""
        for root in (_PACKAGES, Path.cwd()):
            if (root / _MARK).is_file():
                return cls(root, Path(data).resolve(), root / ".cache")
        raise Invalid("the servers' configurations (local-env/) are not here: run this in a clone of laudstream")

    def log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.data / "run" / f"{name}.pid"

    def make_folders(self) -> None:
        for name in ("logs", "run", "config"):
            (self.data / name).mkdir(parents=True, exist_ok=True)

    def configured(self, name: str, to: str = "", **values: object) -> Path:
        """A file of local-env/ with its blanks filled in, in the data folder, under its own name or `to`."""
        path = self.data / "config" / (to or name)
        path.write_text(self.filled(name, **values), encoding="utf-8")
        return path

    def filled(self, name: str, **values: object) -> str:
        """Text of a file of local-env/; each `@name@` becomes values[name]. Raises KeyError for one not given."""
        text = (self.root / "local-env" / name).read_text(encoding="utf-8")
        return _BLANK.sub(lambda blank: str(values[blank[1]]), text)

    def jars(self) -> Path:
        return self._there(self.cache / "kafka-libs", "the jars of Kafka")

    def plugins(self) -> Path:
        return self._there(self.cache / "connect-plugins", "the Debezium plugin")

    def _there(self, folder: Path, what: str) -> Path:
        if not folder.is_dir() or not any(folder.iterdir()):
            raise Invalid(f"{what} are not in {folder}: {SETUP}")
        return folder


def program(name: str, package: str) -> Path:
    """A program on the PATH. Raises Invalid, naming the Debian package that has it."""
    found = shutil.which(name)
    if not found:
        raise Invalid(f"{name} is not installed: {SETUP}, or install {package}")
    return Path(found)
