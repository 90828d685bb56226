"""What a worker tells all who look at its group (`laudstream upgrade` does): a word more in its subscription.

Faust's assignor sends JSON as the user data of a subscription, and passes over keys that it does not know, also in a
leader of another release. A client id would be wrong after a restart of a static member: Kafka keeps that of the
process before.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.partition_assignor import PartitionAssignor

from laudstream.records.levels import TOLD


class Assignor(PartitionAssignor):
    """Faust's, of an app that has `told`."""

    def metadata(self, topics: Any) -> ConsumerProtocolMemberMetadata:
        made = super().metadata(topics)
        said = {**msgspec.json.decode(made.user_data), TOLD: self.app.told}
        return ConsumerProtocolMemberMetadata(made.version, made.subscription, msgspec.json.encode(said))
