"""How the archive speaks to an S3 server: one boto3 client with bounded waiting, and the bucket of a test."""

import json
from typing import Any

import boto3
from botocore.config import Config


def make_client(config) -> Any:
    """A boto3 client with bounded waiting. Without keys boto3 looks for a role of the machine."""
    return boto3.client(
        "s3",
        endpoint_url=config.endpoint_url or None,
        aws_access_key_id=config.access_key_id or None,
        aws_secret_access_key=config.secret_access_key or None,
        region_name=config.region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": config.addressing},
            connect_timeout=config.connect_timeout,
            read_timeout=config.read_timeout,
            retries={"mode": "standard", "total_max_attempts": config.attempts},
            request_checksum_calculation=config.checksums,
            response_checksum_validation=config.checksums,
            max_pool_connections=32,
            tcp_keepalive=True,
        ),
    )


def create_bucket(config) -> None:
    """A bucket with Object Lock in which nobody may bypass it, as docs/stores.md has it; for tests and demonstrations.
    Production code never makes buckets."""
    client = make_client(config)
    client.create_bucket(Bucket=config.bucket, ObjectLockEnabledForBucket=True)
    rule = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:BypassGovernanceRetention",
        "Resource": f"arn:aws:s3:::{config.bucket}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    client.put_bucket_policy(Bucket=config.bucket, Policy=policy)
