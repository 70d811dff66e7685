"""What stands above each operation that changes data."""

from __future__ import annotations

PRODUCTION = "Production"
DEVELOPMENT = "Development"

ENGLISH = (
    "With the **Production** server selected in the playground, real production data is affected. "
    "Use the **Development** server for tests."
)
TURKISH = (
    "Playground'da **Production** sunucusu seçiliyken gerçek canlı veriler etkilenir. "
    "Testler için **Development** sunucusunu kullanın."
)


def above_the_operation() -> str:
    """Both languages, as Markdown."""
    return f"> ⚠️ **Production warning.** {ENGLISH}\n>\n> ⚠️ **Canlı ortam uyarısı.** {TURKISH}"
