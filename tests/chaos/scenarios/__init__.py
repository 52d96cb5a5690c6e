"""All scenarios, by what is hurt. Importing this enters them into the list of faults."""

from tests.chaos.scenarios import gateway, hosts, lost_hosts, many_runners, network, runner, scheduler, stream

ALL = (gateway, hosts, lost_hosts, many_runners, network, runner, scheduler, stream)
