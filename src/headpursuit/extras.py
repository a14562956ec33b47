"""Packages that only some uses need, and the error where one is missing."""


class ExtraMissing(ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, use: str, package: str, extra: str, cause: ImportError) -> None:
        super().__init__(
            f"{use} need the package {package} ({cause}); install it with: pip install 'headpursuit[{extra}]'"
        )
