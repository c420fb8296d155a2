"""Sequences whose members are made when asked for: memory doesn't grow with the examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class Lazy(Sequence[T_co]):
    """``size`` members, the i-th made by ``at(i)`` whenever it is asked for; slices stay lazy."""

    def __init__(self, size: int, at: Callable[[int], T_co]) -> None:
        self._range: range = range(size)
        self._at = at

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Lazy[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Lazy[T_co]:
        if isinstance(index, slice):
            part: Lazy[T_co] = Lazy(0, self._at)
            part._range = self._range[index]
            return part
        return self._at(self._range[index])

    def __iter__(self) -> Iterator[T_co]:
        return map(self._at, self._range)
