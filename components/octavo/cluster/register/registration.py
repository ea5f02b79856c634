"""What the server should hold: a pipeline's version, an experiment and schedules."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from octavo.errors import OctavoError, SpecError
from octavo.reading import first_fault
from octavo.run_parameters import check_run


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError("wanted five fields: minute, hour, day of month, month, day of week")
    return " ".join(text.split())


class Schedule(BaseModel):
    """A run that starts again and again.

    Attributes:
        name: unique among the schedules of a registration.
        cron: five fields, in the time zone of the server's controller.
        parameters: of the pipeline.
        version: the name of the pipeline's version that it stays with; the registration's when empty.
        enabled: whether it starts runs.
        max_concurrency: runs of it at the same time.
        service_account: of its runs; the server's default when empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    cron: Annotated[str, AfterValidator(_cron)]
    parameters: dict[str, Any]
    version: str = ""
    enabled: bool = True
    max_concurrency: int = Field(default=1, ge=1, le=10)
    service_account: str = ""

    @property
    def server_cron(self) -> str:
        """The line as the server reads it, with a field for the second."""
        return f"0 {self.cron}"

    def about(self) -> str:
        """What it does, for who reads the list of recurring runs."""
        given = {name: self.parameters.get(name, "?") for name in ("model_uri", "calibration_uri", "target_uri")}
        return "Quantizes {model_uri}, calibrated on {calibration_uri}, to {target_uri}".format(**given) + (
            f" ({self.cron}, minute to day of week)."
        )

    def checksum(self, version_id: str, experiment_id: str) -> str:
        """Changes when the schedule on the server must be made anew: on anything but being enabled or not."""
        content = self.model_dump(exclude={"enabled", "version"}) | {"version": version_id, "experiment": experiment_id}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class Registration(BaseModel):
    """What one installation wants of the server.

    Attributes:
        owner: who keeps the schedules; schedules of another owner, or of nobody, are left alone.
        pipeline: the pipeline's name.
        version: the version's name; a version of that name is never uploaded again.
        upload: whether to upload the version when it is missing; without, it must be there.
        experiment: that scheduled runs belong to.
        schedules: all that should be there; owned ones that are not listed are deleted.
        indexed_job: whether the pipeline runs the shards of a step as one Indexed Job, which may be more than a loop's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: str = Field(min_length=1)
    pipeline: str = Field(min_length=1)
    version: str = Field(min_length=1)
    upload: bool = True
    experiment: str = Field(default="octavo", min_length=1)
    schedules: tuple[Schedule, ...] = ()
    indexed_job: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a YAML or JSON document.

        Raises:
            SpecError: when it is no registration, two schedules have one name, or one has parameters that cannot be.
        """
        try:
            found = cls.model_validate(yaml.safe_load(text))
        except yaml.YAMLError as fault:
            raise SpecError(f"the registration is no YAML: {fault}") from fault
        except ValidationError as fault:
            got = fault.errors()[0]["input"]
            raise SpecError(f"the registration is not valid: {first_fault(fault)}, got {got!r}") from fault
        names = [schedule.name for schedule in found.schedules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SpecError(f"the registration has two schedules named {twice[0]!r}; give each a name of its own")
        for schedule in found.schedules:
            _check(schedule, in_job=found.indexed_job)
        return found

    def note(self, schedule: Schedule, checksum: str) -> str:
        """The description of a schedule on the server: what it does, and the mark that it is this owner's."""
        return f"{schedule.about()}\n\nkept by octavo register for {self.owner}; {checksum}"

    def checksum_in(self, description: str | None) -> str | None:
        """The checksum in a description; None when the schedule is not this owner's."""
        mark = rf"(?:^|\n)kept by octavo register for {re.escape(self.owner)}; ([0-9a-f]{{16}})\Z"
        found = re.search(mark, description or "")
        return found[1] if found else None


def _check(schedule: Schedule, *, in_job: bool) -> None:
    try:
        check_run(schedule.parameters, "Kubeflow Pipelines", in_job=in_job)
    except OctavoError as fault:
        raise SpecError(f"the schedule {schedule.name!r}: {fault}") from fault
