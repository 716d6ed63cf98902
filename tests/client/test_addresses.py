"""Which hosts are inside."""

from __future__ import annotations

import pytest

from hatch_staged.client.addresses import is_private, resolve

INSIDE = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "::1", "fe80::1", "fd00::1"]


@pytest.mark.parametrize("address", [*INSIDE, "::ffff:127.0.0.1"])
def test_inside(address: str) -> None:
    assert is_private("h", lambda _host: ["93.184.216.34", address])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_outside(address: str) -> None:
    assert not is_private("h", lambda _host: [address])


def test_the_system_is_asked() -> None:
    assert resolve("127.0.0.1") == {"127.0.0.1"}
    assert resolve("fe80::1%1") <= {"fe80::1"}


@pytest.mark.parametrize("host", ["x" * 300, "a..b"])
def test_what_is_no_host_is_nowhere(host: str) -> None:
    assert resolve(host) == frozenset()
    assert not is_private(host, resolve)
