"""The Kafka Streams peer (kafka_streams/CountEvents.java): its jars and classes are made on demand, in .cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from laudstream.errors import NotFound

SOURCES = Path(__file__).parent / "kafka_streams"
CACHE = Path(__file__).parents[2] / ".cache" / "kafka-streams"
JVM = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC")
"""It has one core: no collector that wants more. Compilers as they are."""


def command() -> list[str]:
    """Runs it; arguments follow. Raises NotFound where Maven or a JDK is missing, CalledProcessError."""
    for program, package in (("mvn", "maven"), ("javac", "default-jdk-headless")):
        if shutil.which(program) is None:
            raise NotFound(f"the Kafka Streams peer needs {program}: please install {package}")
    pom, source = SOURCES / "pom.xml", SOURCES / "CountEvents.java"
    classes = CACHE / "CountEvents.class"
    if not classes.exists() or classes.stat().st_mtime < max(pom.stat().st_mtime, source.stat().st_mtime):
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        subprocess.run(["mvn", "-q", "-B", "-f", str(pom), f"-Dcache={CACHE}", "package"], check=True)
        subprocess.run(["javac", "-cp", f"{CACHE}/*", "-d", str(CACHE), str(source)], check=True)
    return ["java", *JVM, "-cp", f"{CACHE}:{CACHE}/*", "CountEvents"]
