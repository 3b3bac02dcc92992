"""A service in Python that writes the users of examples/users: it needs Temporal's client, and nothing of Lockstep."""

import asyncio
import os
import sys
import uuid

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

MIGRATION = os.environ.get("LOCKSTEP_MIGRATION", "users")
TASK_QUEUE = f"lockstep-{MIGRATION}"


class Refused(Exception):
    """A write that had no effect. `code` is one of docs/errors.md."""

    def __init__(self, failure: ApplicationError):
        super().__init__(failure.message)
        self.code = failure.type


class Users:
    def __init__(self, temporal: Client):
        self.temporal = temporal

    async def save(self, kind: str, operation_id: str | None = None, **content):
        """Writes, and waits until the primary has committed. Gives operation id, version and token.

        To send it again under its operation id is safe, and answers what the first did.
        """
        operation_id = operation_id or str(uuid.uuid4())
        request = {"entity": "user", "kind": kind, "operationId": operation_id, "ack": "primary", **content}
        start = WithStartWorkflowOperation(
            "save",
            request,
            id=f"write/{MIGRATION}/{operation_id}",
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_queue=TASK_QUEUE,
        )
        try:
            # With the request, so that another write that has the id is not taken for this one.
            return await self.temporal.execute_update_with_start_workflow(
                "acknowledged", request, start_workflow_operation=start
            )
        except (WorkflowUpdateFailedError, WorkflowFailureError) as error:
            if isinstance(error.cause, ApplicationError):
                raise Refused(error.cause) from error
            raise


async def main():
    temporal = await Client.connect(
        os.environ.get("TEMPORAL_ADDRESS", "127.0.0.1:7233"),
        namespace=os.environ.get("TEMPORAL_NAMESPACE", "default"),
    )
    users = Users(temporal)
    key = str(uuid.uuid4())
    ada = {"id": key, "email": f"{key}@example.com", "name": "Ada"}

    operation_id = str(uuid.uuid4())
    created = await users.save("create", operation_id, value=ada)
    print("created", created["version"])
    again = await users.save("create", operation_id, value=ada)
    print("sent again", again["version"] == created["version"])
    try:
        await users.save("delete", operation_id, key=key)
    except Refused as refused:
        print("refused", refused.code)

    updated = await users.save("update", key=key, patch={"name": "Ada Lovelace"})
    # Versions are texts: they are larger than what JSON's numbers are exact for.
    print("updated", int(updated["version"]) > int(created["version"]))

    for kind, content in [
        ("create", {"value": ada}),
        ("create", {"value": {**ada, "email": "no address"}}),
        ("update", {"key": key}),
        ("delete", {"key": key, "ifUnchangedSince": created["token"]}),
    ]:
        try:
            await users.save(kind, **content)
        except Refused as refused:
            print("refused", refused.code)

    await users.save("delete", key=key, ifUnchangedSince=updated["token"])
    print("deleted")


if __name__ == "__main__":
    asyncio.run(main())
    # Threads of Temporal's client may still run, and abort a process whose interpreter is being taken down:
    # https://github.com/temporalio/sdk-python/issues/300. It has no close, so the interpreter is left as it is.
    sys.stdout.flush()
    os._exit(0)
