"""Uploads in parts that nobody will finish: a killed process leaves them, they cost room and no listing shows them.

Contract: only uploads that began before `older_than` are taken away; one that is finished or taken away meanwhile is
none. Nothing of an object that exists is touched.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from archive.storage.s3_errors import http_status

ABANDONED_AFTER = timedelta(days=1)


def sweep(client: Any, bucket: str, older_than: timedelta = ABANDONED_AFTER) -> int:
    """Take them away; how many went. Raises what boto3 raises."""
    limit, gone = datetime.now(UTC) - older_than, 0
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", ()):
            if upload["Initiated"] <= limit:
                gone += _abort(client, bucket, upload)
    return gone


def _abort(client: Any, bucket: str, upload: dict) -> int:
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except ClientError as error:
        if http_status(error) != 404:
            raise
        return 0
    return 1
