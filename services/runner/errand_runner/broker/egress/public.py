"""Which addresses lie on the public internet, and in no network of somebody's own."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# What Python 3.11 calls global, and is not everybody's: Azure's host agent, protocols' own addresses (RFC 6890; a
# cloud's metadata is among them), and the relays that 6to4 had (RFC 7526).
_NOT_EVERYBODYS = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
# All that is given out of IPv6 (RFC 4291), so that whatever else there is or will be is refused by itself.
_UNICAST = IPv6Network("2000::/3")
# For examples in texts (RFC 9637); Python 3.11 does not know it.
_DOCUMENTATION = IPv6Network("3fff::/20")
_NAT64 = IPv6Network("64:ff9b::/96")
# The last half of an ISATAP address begins with one of these, and ends with an IPv4 address (RFC 5214).
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(text: str) -> bool:
    """Whether the address belongs to the internet. An IPv4 address inside an IPv6 one is judged as what it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_4(address)
    inner = address.ipv4_mapped or _translated(address)
    if inner is not None:
        return _is_public_4(inner)
    carried = (address.sixtofour, _isatap(address))
    if any(each is not None and not _is_public_4(each) for each in carried):
        return False
    given_out = address in _UNICAST and address not in _DOCUMENTATION
    return given_out and address.is_global and address.teredo is None


def _is_public_4(address: IPv4Address) -> bool:
    everybodys = not any(address in network for network in _NOT_EVERYBODYS)
    return address.is_global and not address.is_multicast and not address.is_reserved and everybodys


def _translated(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def _isatap(address: IPv6Address) -> IPv4Address | None:
    is_one = int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    return IPv4Address(int(address) & 0xFFFFFFFF) if is_one else None
