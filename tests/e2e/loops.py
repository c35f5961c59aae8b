#!/usr/bin/env python3
"""A path that leads back into the tunnel is found and shut; the others go on."""

import time

import harness
from harness import check

RATE = harness.eased(500)
SECONDS = 3


def bridge_leads_back(test):
    """One of two bridges leads to mpclient's own port for applications: it is shut, with a line; the other one loses nothing"""
    tunnel = harness.Tunnel(test, target=test.echo("--ignore-above", 1000).port)
    tunnel.add_bridges(1)
    back = test.bridge(tunnel.port, name="leads back")
    tunnel.add_path(back.port, "name=back")
    tunnel.start_server()
    tunnel.start_client()
    tunnel.client.wait_for(r"is shut: what is sent on it comes back", 10)
    time.sleep(1)
    before = test.tell(back, "stats")
    # What came back before the path was shut is still on its way through the echo.
    harness.check_clean(test.send(tunnel.port, "--for", SECONDS, "--rate", RATE, "--size", "100-900").json(), "by the other bridge")
    after = test.tell(back, "stats")
    sent = after["up"]["received"] - before["up"]["received"]
    check(sent == 0, f"{sent} packets were still sent on the path that leads back")
    tunnel.client.stop()
    check(tunnel.client.find(r"own_packet [1-9]"), "what came back is not counted")


if __name__ == "__main__":
    harness.run(bridge_leads_back)
