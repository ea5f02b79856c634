"""How often a graph is right, as evaluate writes it."""

from __future__ import annotations

from octavo.documents.document import Document


class Evaluation(Document):
    """How often a graph is right.

    Attributes:
        images: how many were judged.
        classes: how many the graph tells apart.
        top1: percent whose best class is the label.
        top5: percent whose label is among the best five classes, or among all where there are fewer.
        correct1: images behind `top1`.
        correct5: images behind `top5`.
        predictions: the best class of each image, in the data set's order, as the graph counts classes.
        label_offset: the graph's class of label 0.
        at_chance: whether its answers tell no more about the labels than guesses would.
        batch_size: images that went through the graph at once.
        seconds: time spent in the graph, over all shards, the first run of each left out where there are more.
        output: the output that was scored.
        outputs: how many there were.
        rivals: others that look like scores, too.
    """

    STEP = "evaluate"

    images: int
    classes: int
    top1: float
    top5: float
    correct1: int
    correct5: int
    predictions: list[int]
    label_offset: int
    at_chance: bool = False
    batch_size: int
    seconds: float
    output: str
    outputs: int
    rivals: list[str]

    def lines(self) -> list[str]:
        """The counts, what they are of, and whether they are worth something, as lines of text."""
        counts = [
            f"top-1 {self.top1:.2f} ({self.correct1} of {self.images})",
            f"top-5 {self.top5:.2f} ({self.correct5} of {self.images})",
        ]
        guessing = "No better than guessing: check the preprocessing first, then the order of the classes"
        return [*counts, *filter(None, (self.note(), guessing if self.at_chance else ""))]

    def note(self) -> str:
        """What was scored, and how another output would be; "" where there was but one."""
        if self.outputs == 1:
            return ""
        scored = f"top-1 and top-5 are of the output {self.output!r}"
        if not self.rivals:
            return scored
        others = ", ".join(map(repr, self.rivals))
        verb = "looks" if len(self.rivals) == 1 else "look"
        choose = "name the one that counts first with --outputs (in the pipeline output_names)"
        return f"{scored}; {others} {verb} like scores for classes, too: {choose}"
