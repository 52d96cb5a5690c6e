"""Only addresses of the internet are public, in whatever form they are written."""

import pytest

from errand_runner.broker.egress.public import is_public


@pytest.mark.parametrize(
    "address",
    [
        *("93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "2a00:1450:4001::1"),
        # A public address in another's clothes is one.
        *("::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::1"),
    ],
)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        # Metadata of clouds, shared space of carriers, link-local, multicast, reserved, examples, broadcast.
        *("169.254.169.254", "168.63.129.16", "192.0.0.192", "100.64.0.1", "100.100.100.200", "224.0.0.1", "233.1.1.1"),
        *("239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1", "198.18.0.1", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1"),
        *("2001:db8::1", "3fff::1", "100::1", "2001::1", "2001:10::1", "5f00::1", "4000::1", "::7f00:1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:0", "::ffff:224.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::5db8:d822", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
        # Teredo and ISATAP carry an IPv4 address inside.
        *("2001:0:5db8:d822::1", "2606:2800::5efe:10.0.0.1", "2606:2800::200:5efe:a9fe:a9fe"),
        *("", "example.com", "127.1", "1.2.3"),
    ],
)
def test_what_belongs_to_somebody_is_not(address: str) -> None:
    assert not is_public(address)
