"""The container image that every component runs in, named once."""

import os

from octavo import __version__
from octavo.errors import SpecError

VARIABLE = "OCTAVO_IMAGE"
"""The environment variable that names another image where pipelines and components are compiled."""

PUBLISHED = f"octavo/octavo:{__version__}"
"""The image as the project builds it, without a registry's host."""


def image_reference(setting: str) -> str:
    """The image that compiled components name.

    Args:
        setting: a whole reference (`registry.example.com/ml/octavo:0.1.0`, or one with a digest); one without tag and
            digest gets this package's version; empty for the published image.

    Raises:
        SpecError: when it cannot be a reference to an image.
    """
    if not setting:
        return PUBLISHED
    if any(sign.isspace() for sign in setting) or "://" in setting or setting.endswith(("/", ":", "@")):
        raise SpecError(
            f"{VARIABLE} is {setting!r}, which is no image: write HOST/NAME, HOST/NAME:TAG or HOST/NAME@sha256:DIGEST"
        )
    tagged = "@" in setting or ":" in setting.rpartition("/")[2]
    return setting if tagged else f"{setting}:{__version__}"


IMAGE = image_reference(os.environ.get(VARIABLE, ""))
"""What every component's compiled form names."""
