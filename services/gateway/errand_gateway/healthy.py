"""`errand-gateway healthy`: asks the running gateway of this host whether it can work."""

import sys

import httpx2

from errand_common.addresses import on_this_host
from errand_gateway.config import GatewaySettings

_ANSWER_S = 4.0


async def healthy(settings: GatewaySettings) -> int:
    """Returns 0 when it can, else 1 with words."""
    address = _address(settings)
    try:
        async with httpx2.AsyncClient(timeout=_ANSWER_S, trust_env=False) as client:
            response = await client.get(f"http://{address}/readyz")
    except httpx2.HTTPError as exc:
        print(f"no gateway answers at {address} ({type(exc).__name__}); is it running?", file=sys.stderr)
        return 1
    if response.is_success:
        return 0
    print(response.json().get("detail", response.status_code), file=sys.stderr)
    return 1


def _address(settings: GatewaySettings) -> str:
    written = (
        settings.address_file.read_text().strip() if settings.address_file and settings.address_file.exists() else ""
    )
    return on_this_host(written or settings.listen)
