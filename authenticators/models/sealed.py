"""A text that stands in the database as ciphertext."""

from typing import Any

from authenticators import contact


class SealedText:
    """A text kept as ciphertext bound to its row, with an optional blind index for look-up.

    Reading and writing need the row's `tenant`.
    """

    def __init__(self, column: str, index: str | None = None) -> None:
        self.column, self.index = column, index

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        if row is None:
            return self
        sealed = getattr(row, self.column)
        return None if sealed is None else row.tenant.unseal(sealed, *self._place(row)).decode()

    def __set__(self, row: Any, text: str | None) -> None:
        sealed = None if text is None else row.tenant.seal(text, *self._place(row))
        setattr(row, self.column, sealed)
        if self.index:
            setattr(row, self.index, "" if text is None else contact.index(row.tenant_id, text))

    def _place(self, row: Any) -> tuple[str, ...]:
        return (row._meta.db_table, self.column, str(row.pk))
