"""Our registrations with Hatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_staged.hatch.collector import StagedEnvironmentCollector
    from hatch_staged.hatch.environment import StagedEnvironment
    from hatch_staged.hatch.publisher import StagedPublisher

# Hatch registers every plugin of a kind when it looks for one, so each hook imports only its own class.


@hookimpl
def hatch_register_publisher() -> type[StagedPublisher]:
    """Register the publisher `staged`."""
    from hatch_staged.hatch.publisher import StagedPublisher  # noqa: PLC0415 - see above

    return StagedPublisher


@hookimpl
def hatch_register_environment() -> type[StagedEnvironment]:
    """Register the environment type `staged`."""
    from hatch_staged.hatch.environment import StagedEnvironment  # noqa: PLC0415 - see above

    return StagedEnvironment


@hookimpl
def hatch_register_environment_collector() -> type[StagedEnvironmentCollector]:
    """Register the environment collector `staged`."""
    from hatch_staged.hatch.collector import StagedEnvironmentCollector  # noqa: PLC0415 - see above

    return StagedEnvironmentCollector
