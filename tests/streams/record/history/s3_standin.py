"""An S3 on this machine: moto's server, which can refuse keys, and go away and come back."""

import urllib.request
from typing import Final

import boto3
from moto.server import ThreadedMotoServer

from tests.free_port import free_port

REGION: Final = "eu-west-1"
_PLENTY: Final = 1_000_000  # calls that are not asked for a right


class S3Standin:
    """Serves until ``stop``; its buckets are there again after ``start``."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def create(self, bucket: str) -> str:
        """Create a bucket; return the place of a history in it."""
        client = boto3.client("s3", endpoint_url=self._url, region_name=REGION)
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        return self.place(bucket)

    def place(self, bucket: str) -> str:
        return f"s3://{bucket}/history?endpoint_override=127.0.0.1:{self.port}&scheme=http&region={REGION}"

    def refuse(self, *, keys: bool) -> None:
        """Refuse the keys that are used, or accept all."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self._url}/moto-api/reset-auth",
            data=str(0 if keys else _PLENTY).encode(),
            headers={"Content-Type": "text/plain"},
        )
        urllib.request.urlopen(request).close()  # noqa: S310

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()
