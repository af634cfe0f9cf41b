"""Every way in which boto3 or the operating system can fail has one kind and one sentence."""

import errno

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from archive.errors import StorageFailed
from archive.storage.files import explain as explain_os
from archive.storage.reading import TooShort, TooSlow
from archive.storage.s3_errors import WrongAnswer, explain, http_status


def client_error(code, status=400):
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "HeadObject")


@pytest.mark.parametrize(
    "error, kind",
    [
        (client_error("NoSuchKey", 404), "missing"),
        (client_error("NoSuchVersion", 404), "missing"),
        (client_error("404", 404), "missing"),
        (client_error("AccessDenied", 403), "denied"),
        (client_error("403", 403), "denied"),
        (client_error("SignatureDoesNotMatch", 403), "denied"),
        (client_error("BadDigest"), "changed"),
        (client_error("IncompleteBody"), "changed"),
        (client_error("QuotaExceeded", 403), "full"),
        (client_error("", 507), "full"),
        (client_error("SlowDown", 503), "unreachable"),
        (client_error("InternalError", 500), "unreachable"),
        (client_error("", 502), "unreachable"),
        (client_error("InvalidRequest"), "unsupported"),
        (client_error("NotImplemented", 501), "unsupported"),
        (client_error("SomethingNew", 418), "failed"),
        (client_error("RequestTimeTooSkewed", 403), "unreachable"),
        (TooSlow(), "unreachable"),
        (TooShort(), "unreachable"),
        (WrongAnswer(), "unreachable"),
        (ResponseParserError("x"), "unreachable"),
        (EndpointConnectionError(endpoint_url="x"), "unreachable"),
        (ConnectTimeoutError(endpoint_url="x"), "unreachable"),
        (ReadTimeoutError(endpoint_url="x"), "unreachable"),
        (SSLError(endpoint_url="x", error="y"), "unreachable"),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), "unreachable"),
        (ResponseStreamingError(error="y"), "unreachable"),
        (ProtocolError("reset"), "unreachable"),
        (NoCredentialsError(), "denied"),
        (ParamValidationError(report="x"), "unsupported"),
        (BotoCoreError(), "failed"),
    ],
)
def test_each_failure_of_a_server_has_its_kind_and_a_chinese_sentence(error, kind):
    found, sentence = explain(error, "D019/x")
    assert found == kind and sentence.endswith("。")


def test_a_clock_that_is_off_is_said():
    assert "时钟" in explain(client_error("RequestTimeTooSkewed", 403), "k")[1]


def test_a_fault_of_our_own_code_is_not_taken_for_one_of_the_store():
    assert explain(KeyError("x"), "k") is None
    assert http_status(KeyError("x")) is None


@pytest.mark.parametrize(
    "number, kind",
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EACCES, "denied"),
        (errno.EROFS, "denied"),
        (errno.ENOENT, "missing"),
        (errno.ESTALE, "unreachable"),
        (errno.EIO, "failed"),
        (errno.EXDEV, "failed"),
    ],
)
def test_each_failure_of_a_disk_has_its_kind_and_a_chinese_sentence(number, kind):
    found, sentence = explain_os(OSError(number, "x"))
    assert found == kind and sentence.endswith("。")


def test_a_storage_failure_tells_its_kind():
    assert StorageFailed(store="s", reason="r", kind="full").kind == "full"
    assert StorageFailed(store="s", reason="r").kind == "failed"
