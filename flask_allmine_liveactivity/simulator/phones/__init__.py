"""The iPhones behind the local APNs: a model of ActivityKit, and of the app that runs on them.

    phones = Phones(bundle_id="com.example.allmine")
    with LocalApns(devices=phones) as apns:
        phone = phones.add("Ada's iPhone")
        phone.log_in(HttpBackend("http://127.0.0.1:5000"), "ada", "lovelace")
        activity = phone.follow(stream_id)      # registers at the backend, as the app does
        ...                                     # the stream is cancelled
        assert phone.lock_screen == []

Nothing here sleeps, and there is no thread: what time brings about is computed from the clock when
somebody looks. Apple publishes no source of iOS; each rule names where it is from.
"""

from flask_allmine_liveactivity.model.content_state import ContentState
from flask_allmine_liveactivity.simulator.phones.activity import Activity
from flask_allmine_liveactivity.simulator.phones.backend import (
    Backend,
    HttpBackend,
    LogInFailed,
    WsgiBackend,
)
from flask_allmine_liveactivity.simulator.phones.log import Event
from flask_allmine_liveactivity.simulator.phones.phone import Phone
from flask_allmine_liveactivity.simulator.phones.phones import Phones
from flask_allmine_liveactivity.simulator.phones.registration import Registration

__all__ = [
    "Activity",
    "Backend",
    "ContentState",
    "Event",
    "HttpBackend",
    "LogInFailed",
    "Phone",
    "Phones",
    "Registration",
    "WsgiBackend",
]
