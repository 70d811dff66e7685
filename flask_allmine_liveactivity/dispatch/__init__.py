"""Who runs delivery, chosen by ``LIVE_ACTIVITY_DELIVERY``."""
