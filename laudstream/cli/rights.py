"""Rights in Kafka: what a user needs (`laudstream topics rights`), and what ours has (`laudstream doctor`)."""

from __future__ import annotations

from collections.abc import Sequence

import click

from laudstream import kafka_rights
from laudstream.cli import show
from laudstream.cli.checks import Finding
from laudstream.cli.connect import settings
from laudstream.errors import Invalid, LaudstreamError
from laudstream.rights import MEANINGS, Right, commands, roles
from laudstream.settings import Settings

NAME = "rights in kafka"
_COLUMNS = ("role", "resource", "name", "prefix", "operation")


@click.command("rights")
@click.argument("names", metavar="[ROLE]…", nargs=-1, type=click.Choice(list(MEANINGS)))
@click.option("--user", "users", multiple=True, metavar="ROLE=USER", help="Instead of laudstream-<role>.")
@show.as_json
def rights_(names: tuple[str, ...], users: tuple[str, ...], json: bool) -> None:
    """Print the rights (ACLs) that each ROLE needs, as commands of kafka-acls.sh; all roles without one."""
    now = settings()
    given = _users(users)
    chosen = {role: rights for role, rights in roles(now).items() if role in (names or MEANINGS)}
    if json:
        rows = [(role, one.resource, one.name, one.prefix, one.operation) for role in chosen for one in chosen[role]]
        show.print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    for role, rights in chosen.items():
        click.echo(f"# {role}: {MEANINGS[role]}")
        for command in commands(rights, given.get(role, f"laudstream-{role}"), now.kafka):
            click.echo(command)


def _users(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        role, _, user = one.partition("=")
        if role not in MEANINGS or not user:
            raise click.BadParameter(f"{one}: ROLE=USER, with a role of {', '.join(MEANINGS)}", param_hint="--user")
        found[role] = user
    return found


async def look(now: Settings, wanted: Sequence[str]) -> Finding:
    """Whether our user may do all that these roles do; without any, of which roles it may do all."""
    lacking = {}
    try:
        for role, rights in roles(now).items():
            if not wanted or role in wanted:
                lacking[role] = await kafka_rights.missing(now, rights)
    except LaudstreamError as error:
        fix = next((one.fix for one in error.problems if one.fix), "") if isinstance(error, Invalid) else ""
        return Finding(NAME, "wrong", str(error), fix)
    user = now.kafka_user or "we"
    whole = [role for role, rights in lacking.items() if not rights]
    lost = {role: rights for role, rights in lacking.items() if rights}
    if wanted and lost:
        said = "; ".join(f"for {role}: {', '.join(map(str, rights))}" for role, rights in lost.items())
        return Finding(NAME, "wrong", f"{user} lacks, {said}", _give(now, lost))
    if not whole:
        near = min(lost, key=lambda role: len(lost[role]))
        said = f"{user} may do the whole work of no role; nearest is {near}, without {', '.join(map(str, lost[near]))}"
        return Finding(NAME, "warning", said, _give(now, {near: lost[near]}))
    return Finding(NAME, "ok", f"{user} may do the work of {', '.join(whole) if lost else 'every role'}")


def _give(now: Settings, lost: dict[str, list[Right]]) -> str:
    user = now.kafka_user or "<our user>"
    return "; ".join(command for rights in lost.values() for command in commands(rights, user, now.kafka))
