"""When answers are no better than guesses."""

from itertools import permutations
from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.evaluate.chance import DEVIATIONS, at_chance

CLASSES = st.integers(0, 3)


def drawn(accuracy: float, images: int, classes: int, seed: int = 0) -> tuple[list[int], list[int]]:
    """Predictions and labels of a graph that knows `accuracy` of the images and guesses at the others."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    guesses = random.integers(0, classes, images)
    known = random.random(images) < accuracy
    return np.where(known, labels, guesses).tolist(), labels.tolist()


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_guesses_are_at_chance(classes: int) -> None:
    assert sum(at_chance(*drawn(0.0, 500, classes, seed)) for seed in range(20)) >= 19


@pytest.mark.parametrize(("accuracy", "classes"), [(0.3, 2), (0.1, 10), (0.05, 1000), (0.99, 10)])
def test_a_weak_graph_that_knows_something_is_not(accuracy: float, classes: int) -> None:
    assert not any(at_chance(*drawn(accuracy, 2000, classes, seed)) for seed in range(10))


def test_one_class_for_every_image_is_at_chance() -> None:
    assert at_chance([3] * 100, [n % 10 for n in range(100)])


def test_no_right_answer_is_at_chance_whatever_the_labels() -> None:
    assert at_chance([1, 1, 1], [0, 0, 0])


def test_labels_of_one_class_tell_nothing_against_a_graph_that_is_right() -> None:
    assert not at_chance([7, 7, 7, 2], [7, 7, 7, 7])


@pytest.mark.parametrize("images", [1, 2, 3])
def test_a_few_images_that_are_all_right_are_no_guesses(images: int) -> None:
    assert not at_chance(list(range(images)), list(range(images)))


def test_a_rare_class_that_is_often_found_is_no_guess_although_the_common_one_would_score_as_high() -> None:
    labels = [1] * 5 + [0] * 495
    assert not at_chance([1, 1, 1, 0, 0, 1, 1, 1, 1, 1] + [0] * 490, labels)


@given(st.lists(st.tuples(CLASSES, CLASSES), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_bound_is_that_of_all_orders_of_the_labels(pairs: list[tuple[int, int]]) -> None:
    predictions, labels = (list(each) for each in zip(*pairs, strict=True))
    rights = [sum(p == label for p, label in zip(predictions, order, strict=True)) for order in permutations(labels)]
    right, expected = rights[0], fmean(rights)
    if right and len(set(labels)) > 1:
        by_chance = right <= expected + DEVIATIONS * pstdev(rights) + 1e-9
        slight = right - expected <= 0.2 * (len(pairs) - expected) + 1e-9
        assert at_chance(predictions, labels) == (by_chance and slight)
