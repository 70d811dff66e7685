"""A local APNs: small, but true to what Apple checks and answers.

It speaks HTTP/2 over TLS on a real socket, so that a push engine is tested through the very code
that talks to Apple. It stands alone: nothing of the rest of the package is used here.
"""

from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.apns import LocalApns
from flask_allmine_liveactivity.simulator.received import Received

__all__ = ["Answer", "LocalApns", "Received"]
