"""What an exception of boto3 means to the archive: one kind and one plain sentence.

`ClientError` (the server answered with a refusal) and `BotoCoreError` (it was not reached, or not understood) are
no relatives: both are named here, and only here. An exception of another family is none of ours: None.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from archive.storage.reading import TooShort, TooSlow

_SENTENCES = {
    "missing": "没有“{key}”的这个版本。",
    "denied": "存储拒绝了访问（{code}），请存储管理员检查密钥和权限。",
    "changed": "存储收到的内容与发出的不同（{code}），没有存入。",
    "full": "存储空间或配额已用完（{code}），请扩容。",
    "unreachable": "存储暂时不能办理（{code}）；一直如此的，请检查存储服务。",
    "unsupported": "存储不支持这个请求（{code}），请看桶的设置。",
    "failed": "存储报错（{code}）。",
}
_CODES = {
    "missing": "NoSuchKey NoSuchVersion NotFound NoSuchBucket ObjectLockConfigurationNotFoundError "
    "NoSuchObjectLockConfiguration",
    "denied": "AccessDenied Forbidden AllAccessDisabled InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken "
    "InvalidToken AccountProblem",
    "changed": "BadDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch IncompleteBody InvalidDigest",
    "full": "QuotaExceeded InsufficientStorage InsufficientCapacity XMinioStorageFull TooManyBuckets",
    "unreachable": "SlowDown ServiceUnavailable InternalError RequestTimeout Throttling ThrottlingException "
    "RequestLimitExceeded Busy OperationAborted",
    "unsupported": "InvalidBucketState InvalidRequest NotImplemented MethodNotAllowed InvalidArgument "
    "InvalidRetentionPeriod MetadataTooLarge KeyTooLongError EntityTooLarge InvalidRange MalformedXML",
}
_KIND_OF = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
_KIND_OF_STATUS = {
    400: "unsupported", 401: "denied", 403: "denied", 404: "missing", 405: "unsupported", 408: "unreachable",
    411: "unsupported", 416: "unsupported", 429: "unreachable", 500: "unreachable", 501: "unsupported",
    502: "unreachable", 503: "unreachable", 504: "unreachable", 507: "full",
}  # fmt: skip
_NO_REACH = (
    ConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
    IncompleteReadError,
    TooShort,
)


class WrongAnswer(Exception):
    """An answer with status 200 that lacks what every S3 server says."""


def named_by_status(error: BaseException) -> bool:
    """A refusal without a code of its own: the answer to a HEAD has no body that could say more than the status."""
    return isinstance(error, ClientError) and str(error.response.get("Error", {}).get("Code", "")).isdigit()


def named_invalid(error: BaseException) -> bool:
    """What MinIO calls the refusal to delete, or lock for less time, what is locked (measured with its code of 2026)."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "InvalidRequest"


def http_status(error: BaseException | None) -> int | None:
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return None


def explain(error: BaseException, key: str) -> tuple[str, str] | None:
    """(kind, Chinese sentence) of StorageFailed, or None for what did not come from the store."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code == "RequestTimeTooSkewed":
            return "unreachable", "本机与存储的时钟相差太大，请校时（NTP）。"
        kind = _KIND_OF.get(code) or _KIND_OF_STATUS.get(http_status(error) or 0, "failed")
        return kind, _SENTENCES[kind].format(key=key, code=code or http_status(error))
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "denied", "没有给出存储的密钥。"
    if isinstance(error, ParamValidationError):
        return "unsupported", _SENTENCES["unsupported"].format(code="ParamValidation")
    if isinstance(error, TooSlow):
        return "unreachable", "存储传得太慢，已中断；一直如此的，请检查网络和存储服务。"
    if isinstance(error, WrongAnswer | ResponseParserError):
        reason = "收到的回答不是存储的，可能被中间的网关或代理截下；请检查地址和网络。"
        return "unreachable", reason
    if isinstance(error, _NO_REACH) or isinstance(error, HTTPError):
        return "unreachable", "连不上存储，或传输中断了；一直如此的，请检查地址、网络和存储服务。"
    if isinstance(error, BotoCoreError):
        return "failed", _SENTENCES["failed"].format(code=type(error).__name__)
    return None
