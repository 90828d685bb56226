"""Which addresses webhooks reach, and places that rest."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from agents.sending.guard import Forbidden, Guard, Resolver, networks
from laudstream.errors import Invalid


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:0:7f00:1",
        "fec0::1", "64:ff9b:1::a00:1", "3fff::1", "5f00::1", "4000::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_forbidden(address: str) -> None:
    with pytest.raises(Forbidden):
        Guard().check(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_a_public_address_is_not(address: str) -> None:
    Guard().check(address)


def test_the_operator_allows_networks_and_no_more() -> None:
    guard = Guard(networks(" 10.1.0.0/16, 127.0.0.1/32,fd00::/8"))
    for address in ("10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "fd00::5"):
        guard.check(address)
    for address in ("10.2.0.1", "127.0.0.2", "::1", "169.254.169.254"):
        with pytest.raises(Forbidden):
            guard.check(address)
    with pytest.raises(Invalid):
        networks("10.1.0.1/16")


def test_a_socket_is_made_for_allowed_addresses_only() -> None:
    """A name may lead elsewhere between the question and the connection: what counts is where the socket goes."""
    with pytest.raises(Forbidden):
        Guard().socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
    Guard().socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", 80))).close()


class Names:
    """A resolver that says what it is told to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
        return [{"hostname": host, "host": each, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
                for each in self.addresses]  # fmt: skip

    async def close(self) -> None:
        pass


async def test_a_name_with_one_forbidden_address_leads_nowhere() -> None:
    names: Any = Names("93.184.216.34", "127.0.0.1")
    with pytest.raises(Forbidden, match=r"rebind\.example is 127\.0\.0\.1, a loopback address"):
        await Resolver(Guard(), names).resolve("rebind.example", 80)
