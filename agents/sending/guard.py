"""Which addresses webhooks may reach: public ones, and the networks that the operator named.

Templates are written by people who could reach our network through us. A name is looked up once per connection; each
address is looked at when it comes from there, and again just before the socket to it is made: a name that leads
elsewhere a moment later leads nowhere.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from laudstream.errors import Invalid

_UNICAST = IPv6Network("2000::/3")
"""What is given to networks of the world; beside it lie site-local addresses, NAT64 of one's own network
(64:ff9b:1::/48), and what means nothing yet."""
_NAT64 = IPv6Network("64:ff9b::/96")
_EXAMPLES = IPv6Network("3fff::/20")  # Python knows it from 3.13 on
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = IPv6Network("::/96")


class Forbidden(OSError):
    """An address that webhooks may not reach."""


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks with commas between. Raises Invalid."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise Invalid(f"webhook_networks: {error}; write e.g. 10.1.0.0/16,127.0.0.1/32") from None


class Guard:
    def __init__(self, allowed: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def check(self, address: str, name: str = "") -> None:
        """Raises Forbidden, saying what kind of address it is; ValueError if it is none."""
        found = ip_address(address.partition("%")[0])
        for each in _within(found):
            if not any(each.version == network.version and each in network for network in self._allowed):
                kind = _kind(each)
                if kind:
                    who = f"{name} is {address}, " if name and name != address else f"{address} is "
                    raise Forbidden(f"{who}a {kind} address: webhooks may not go there")

    def socket(self, info: Any) -> socket.socket:
        """A socket for exactly this address, as aiohttp's connector asks for it. Raises Forbidden."""
        family, kind, protocol, _, address = info
        self.check(address[0])
        return socket.socket(family, kind, protocol)


def _within(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address that packets end at: what is wrapped in it, else itself."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if any(address in network for network in (_NAT64, _TRANSLATED)) or (address in _COMPATIBLE and int(address) > 1):
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def _kind(address: IPv4Address | IPv6Address) -> str:
    """What keeps it from being public; empty: nothing."""
    for kind in ("loopback", "link_local", "multicast", "unspecified", "private"):
        if getattr(address, f"is_{kind}"):
            return kind.replace("_", "-")
    strange = isinstance(address, IPv6Address) and (address not in _UNICAST or address in _EXAMPLES)
    return "reserved" if strange or not address.is_global else ""


class Resolver(AbstractResolver):
    """The system's, but names that lead to a forbidden address lead nowhere."""

    def __init__(self, guard: Guard, system: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._system = system or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises Forbidden if any of the addresses is."""
        found = await self._system.resolve(host, port, family)
        for one in found:
            self._guard.check(one["host"], host)
        return found

    async def close(self) -> None:
        await self._system.close()
