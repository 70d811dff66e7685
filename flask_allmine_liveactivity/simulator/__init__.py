"""A local APNs: small, but true to what Apple checks and answers.

    with LocalApns() as apns:
        app.config.update(apns.settings)
        ...                                          # whatever sends a push
        (push,) = apns.wait_for(1)
        assert (push.event, push.problems) == ("end", ())

It speaks HTTP/2 over TLS on a real socket, so that a push engine is tested through the very code
that talks to Apple. The iPhones behind it are in ``simulator.phones``. All of it stands alone:
nothing of the rest of the package is used here.
"""

from flask_allmine_liveactivity.simulator.answers import Answer, Fault
from flask_allmine_liveactivity.simulator.apns import LocalApns
from flask_allmine_liveactivity.simulator.channels import Channels, StoragePolicy
from flask_allmine_liveactivity.simulator.devices import Devices
from flask_allmine_liveactivity.simulator.faults import Faults
from flask_allmine_liveactivity.simulator.keys import SigningKey
from flask_allmine_liveactivity.simulator.received import Received

__all__ = [
    "Answer",
    "Channels",
    "Devices",
    "Fault",
    "Faults",
    "LocalApns",
    "Received",
    "SigningKey",
    "StoragePolicy",
]
