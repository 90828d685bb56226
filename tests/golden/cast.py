"""Who plays: a Shop whose customers all live in one partition, and what else a scene may put into the logs."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaProducer

from laudstream import topics
from laudstream.ids import derive
from laudstream.messages.delivery import Delivery
from laudstream.messages.request import SendRequest
from laudstream.records import codec
from tests.integration.kit import Shop, wait_until

ALWAYS = "always"


def enters(event: str, reentry: str = ALWAYS, **more: Any) -> dict[str, Any]:
    """An entry."""
    key = {"key": more.pop("key")} if "key" in more else {}
    return {"event": {"name": event, **key}, "reentry": reentry, **more}


class Cast:
    def __init__(self, shop: Shop, partition: int) -> None:
        self.shop, self.partition = shop, partition

    def who(self, word: str) -> str:
        """A customer of this partition; the same word is the same customer."""
        names = (self.shop.name(f"{word}{n}") for n in range(10_000))
        return next(name for name in names if self.shop.partition(name) == self.partition)

    async def publish(self, word: str, steps: dict[str, Any], **body: Any) -> str:
        """A journey, entered by the event of its own id; returns that."""
        id = self.shop.name(word)
        await self.shop.publish(id, steps, **{"entry": [enters(id)], **body})
        return id

    async def sql(self, statement: str, *values: Any) -> None:
        await self.shop.pool.execute(statement, self.shop.workspace, *values)

    async def row(self, customer: str, **attributes: Any) -> None:
        """Insert or change a row of `customers`: it comes by CDC."""
        await self.sql(
            """INSERT INTO customers (workspace_id, customer_id, customer_key, attributes) VALUES ($1, $2, '', $3)
            ON CONFLICT (workspace_id, customer_id) DO UPDATE SET attributes = customers.attributes || $3""",
            customer, attributes,
        )  # fmt: skip

    async def consent(self, customer: str, status: str) -> None:
        await self.sql(
            """INSERT INTO consents (workspace_id, customer_id, customer_key, channel, status, revision)
            VALUES ($1, $2, $3, 'email', $4, 0)
            ON CONFLICT (workspace_id, customer_id, channel, subscription) DO UPDATE SET status = $4""",
            customer, self.shop.key(customer).decode(), status,
        )  # fmt: skip

    async def suppress(self, customer: str) -> None:
        await self.sql(
            """INSERT INTO suppressions (workspace_id, customer_id, customer_key, channel, reason, revision)
            VALUES ($1, $2, $3, 'email', 'bounced', 0)""",
            customer, self.shop.key(customer).decode(),
        )  # fmt: skip

    async def came(self, *words: str) -> None:
        """Until rows that hold these words have come to the lane and are handled."""
        wanted = [word.encode() for word in words]

        async def there() -> bool:
            values = [record.value or b"" for record in await self.shop.records(topics.ROWS)]
            return all(any(word in value for value in values) for word in wanted)

        await wait_until(there, what=f"rows with {words}")
        await self.shop.handled(topics.ROWS)

    async def put(self, topic: str, customer: str, *values: bytes | None, key: bytes | None = None) -> None:
        """Records straight into the log, as they are."""
        async with AIOKafkaProducer(bootstrap_servers=self.shop.settings.kafka, acks="all") as producer:
            for value in values:
                await producer.send_and_wait(topic, value, key or self.shop.key(customer), self.partition)

    async def request(self, customer: str, step: str, attempt: int = 1) -> SendRequest:
        async def found() -> SendRequest | None:
            made = await self.shop.requests()
            wanted = (customer, step, attempt)
            return next((one for one in made if (one.customer, one.step, one.attempt) == wanted), None)

        one: SendRequest = await wait_until(found, what=f"a request of {step} to {customer}")
        return one

    async def deliver(self, request: SendRequest, kind: str, reason: str = "", times: int = 1) -> None:
        """What a provider's callback would tell."""
        told = Delivery(
            derive("delivery", request.send_id, kind, reason), request.send_id, request.workspace, request.customer,
            kind, request.requested_at + 1, request.channel, request.message_class, request.journey, request.version,
            request.run, request.step, request.visit, request.attempt, request.template, request.template_version,
            reason, life=request.life,
        )  # fmt: skip
        await self.put(topics.DELIVERIES, request.customer, *[codec.encode(told)] * times)
