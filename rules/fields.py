"""What a page sent."""

from typing import Any, Protocol


class Fields(Protocol):
    """As much of a QueryDict as the builder needs: the last value of a name, and all of them."""

    def get(self, name: str, default: str) -> Any: ...

    def getlist(self, name: str) -> list[str]: ...
