"""All scenarios, by what is hurt. Importing this enters them into the list of faults."""

from tests.chaos.scenarios import (
    clocks,
    disks,
    engine,
    gateway,
    hosts,
    identities,
    images,
    lost_hosts,
    many_runners,
    network,
    power,
    readers,
    runner,
    scheduler,
    stops,
    stream,
    watchers,
)

ALL = (
    *(clocks, disks, engine, gateway, hosts, identities, images, lost_hosts),
    *(many_runners, network, power, readers, runner, scheduler, stops, stream, watchers),
)
