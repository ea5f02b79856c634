from __future__ import annotations

import time
from typing import Any

import pytest

from octavo.runtime.in_order import in_order


def test_results_come_in_the_items_order_even_when_the_first_takes_longest() -> None:
    def work(item: int) -> int:
        time.sleep(0.05 if item == 0 else 0)
        return item

    assert list(in_order(work, range(6), at_once=3)) == list(range(6))


def test_no_more_items_are_drawn_than_are_worked_on() -> None:
    drawn: list[int] = []

    def items() -> Any:
        for item in range(6):
            drawn.append(item)
            yield item

    results = in_order(lambda item: item, items(), at_once=2)
    assert next(results) == 0
    assert len(drawn) == 2
    assert list(results) == [1, 2, 3, 4, 5]


def test_a_fault_in_one_item_comes_out() -> None:
    def work(item: int) -> float:
        return 1 / (item - 2)

    with pytest.raises(ZeroDivisionError):
        list(in_order(work, range(6), at_once=2))
