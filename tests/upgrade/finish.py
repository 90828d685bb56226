"""The last step of an upgrade, `laudstream upgrade finish`, on a stack whose parts are all of the new release (A14).

In every lane a customer rests meanwhile, and goes on afterwards. Where the new release knows more than the old one, it
is refused while a worker of the old release is there; then all lanes have the new numbers; such a worker leaves its
lanes closed, says so and is not ready, and one of the new release goes on with them. Else there is nothing to do. A
visitor who says who they are becomes that customer only once all lanes know what that is (R50).
"""

from __future__ import annotations

import msgspec

from laudstream.errors import Broken
from laudstream.journey.codec import MERGES
from laudstream.local.child import Child
from laudstream.records import levels
from tests.chaos.oracle import Findings
from tests.chaos.schedule import WORKERS
from tests.chaos.watch import Watch
from tests.integration.kit import Shop, leave, wait_for, wait_until
from tests.upgrade.release import Release
from tests.upgrade.stack import Installation

SETTLE_S = 60.0
CLOSED = "is written by a newer release"
"""In the log of a worker that leaves a lane closed."""
NOTHING = "nothing to do"


async def finish(stack: Installation, findings: Findings) -> str:
    """Returns what the command said. Raises AssertionError for what does not come in time."""
    raises = not stack.old.levels.cover(stack.new.levels)
    async with Shop(stack) as shop, Watch(shop) as watch:
        resting = await _rest(shop)
        visitor, user = resting[0], shop.name("user")
        if stack.old.levels.state_format < MERGES:
            await _signs_in(shop, visitor, user)
            if (await shop.get(f"customers/{user}"))["aliases"]:
                findings.wrong.append(f"{visitor} is merged before all lanes know what that is")
        if raises:
            await _refused(stack, findings)
        said = await stack.command(stack.new, "upgrade", "finish", "--yes")
        again = await stack.command(stack.new, "upgrade", "finish", "--yes")
        if raises == said.startswith(NOTHING) or not again.startswith(NOTHING):
            findings.wrong.append(f"upgrade finish: {stack.old.levels} to {stack.new.levels}: {said!r}, then {again!r}")
        at = {levels.of(head) for head in (await shop.logs.heads()).values()}
        if at != {stack.new.levels}:
            findings.wrong.append(f"after upgrade finish to {stack.new.levels} lanes are at {sorted(at)}")
        if raises:
            await _closed(stack, findings)
        await _signs_in(shop, visitor, user)
        resting[0] = user
        for who in resting:
            await shop.track(who, shop.name("go"))
        await wait_until(
            lambda: all((who, shop.name("rest")) in watch.ended_at for who in resting), SETTLE_S, "all who rested go on"
        )
    return said


async def _signs_in(shop: Shop, visitor: str, user: str) -> None:
    await shop.post("identify", {"anonymousId": visitor, "userId": user})


async def _rest(shop: Shop) -> list[str]:
    """A customer of each lane has a run that waits."""
    rest, found, number = shop.name("rest"), dict[int, str](), 0
    await shop.publish(rest, {"rest": wait_for(shop.name("go"), "done", "P1D", "late"), "done": leave("done"),
                              "late": leave("late")})  # fmt: skip
    while len(found) < shop.settings.partitions:
        who = shop.name(f"c{number}")
        found.setdefault(shop.partition(who), who)
        number += 1
    for who in found.values():
        await shop.track(who, rest)
        await shop.decided(who, "entered")
    return [*found.values()]


async def _refused(stack: Installation, findings: Findings) -> None:
    """While one worker is of the old release."""
    await _become(stack, stack.old)
    try:
        said = await stack.command(stack.new, "upgrade", "finish", "--yes")
        findings.wrong.append(f"upgrade finish with a worker of {stack.old.name}: {said!r}")
    except Broken as error:
        if f"knows {stack.old.levels}" not in str(error):
            findings.wrong.append(f"upgrade finish with a worker of {stack.old.name}: {error}")
    await _become(stack, stack.new)


async def _closed(stack: Installation, findings: Findings) -> None:
    """A worker of the old release comes when all lanes are raised."""
    child, other = _part(stack), stack.part(WORKERS[0])
    ready = child.server.ready

    async def says() -> bool:
        return CLOSED in child.log.read_text(errors="replace")

    await child.stop()
    child.server = msgspec.structs.replace(child.server, ready=says)
    stack.give(child.name, stack.old)
    await child.start()
    await wait_until(other.server.ready, SETTLE_S, f"{other.name} goes on with its lanes")
    if await ready():
        findings.wrong.append(f"{child.name} of {stack.old.name} is ready, with lanes beyond what it knows")
    await child.stop()
    child.server = msgspec.structs.replace(child.server, ready=ready)
    await _become(stack, stack.new)


async def _become(stack: Installation, release: Release) -> None:
    child = _part(stack)
    await child.stop()
    stack.give(child.name, release)
    await child.start()


def _part(stack: Installation) -> Child:
    child: Child = stack.part(WORKERS[1])
    return child
