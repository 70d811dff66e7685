"""Apple's push service over HTTP/2."""
