"""A local server that speaks S3 (moto), for facts in object storage.

Belongs here: starting it, its credentials, buckets. What must hold is in the tests.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

SECRET = "not-a-secret-but-hidden-as-one"


@contextmanager
def local_storage() -> Iterator["Storage"]:
    """A running server, with the environment by which this process and its children find it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        storage = Storage()
        patch.setenv("AWS_ENDPOINT_URL", storage.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "not-a-key-but-hidden-as-one")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        try:
            yield storage
        finally:
            storage.stop()


class Storage:
    """The server. It can be stopped and started again: what it holds stays, in this process."""

    def __init__(self) -> None:
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()

    def stop(self) -> None:
        self._server.stop()

    def new_bucket(self) -> str:
        """Address of a new bucket."""
        import s3fs

        name = f"facts-{uuid4().hex[:12]}"
        s3fs.S3FileSystem().call_s3("create_bucket", Bucket=name)
        return f"s3://{name}"
