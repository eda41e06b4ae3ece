"""What a check of the kit raises."""


class ClauseBroken(AssertionError):
    """A log does not keep a clause; raised by checks that look at several clauses at once.

    Attributes:
        number: the clause.
    """

    def __init__(self, number: str, message: str) -> None:
        super().__init__(message)
        self.number = number
