"""What a step is told of the Job that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octavo.errors import SpecError
from octavo.reading import first_fault


class JobSettings(BaseModel):
    """What the pods of a Job have that the step's own pod cannot tell.

    Attributes:
        parallelism: how many of them there are at the same time, at most.
        resources: requests and limits of each, as in a pod.
        service_account: whom they run as; the step's own account when empty. They get no token of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parallelism: Annotated[int, Field(ge=1)]
    resources: Mapping[str, Mapping[str, str]]
    service_account: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> JobSettings:
        """Read the document that the step was given.

        Raises:
            SpecError: when a part is missing, unknown, or cannot be.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as fault:
            got, fields = fault.errors()[0]["input"], ", ".join(cls.model_fields)
            why = f"{first_fault(fault)}, got {got!r} (fields: {fields})"
            raise SpecError(f"the settings of the Job are not valid: {why}") from fault
