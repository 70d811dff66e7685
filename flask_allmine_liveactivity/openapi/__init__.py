"""The endpoint as its callers see it: an OpenAPI document, types, samples, a page.

.. versionadded:: 0.1.0
"""

from flask_allmine_liveactivity.openapi.document import openapi_document
from flask_allmine_liveactivity.openapi.typescript import typescript

__all__ = ["openapi_document", "typescript"]
