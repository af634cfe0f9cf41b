"""Every refusal of the archive: a stable code, an HTTP status, and one plain Chinese sentence.

Domain code raises; one middleware turns it into a page, a part or JSON; commands print the sentence. Views
contain no `try`. An expected refusal is not logged as an error; an unexpected exception is never caught.
"""


class ArchiveError(Exception):
    """A refusal. `sentence` is a Chinese sentence with named fields; the fields are kept for the interface.

    >>> raise NotAllowed(reason="只能查看本部门的档案。")
    """

    code = "error"
    status = 400
    sentence = "操作没有完成：{reason}"

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.sentence.format(**fields))


class NotAllowed(ArchiveError):
    code, status, sentence = "not-allowed", 403, "没有权限：{reason}"


class NotFound(ArchiveError):
    """Also raised for what exists but lies outside the reader's scope: its existence is no less secret."""

    code, status, sentence = "not-found", 404, "没有找到{what}，或者它不在您的查看范围内。"


class WrongState(ArchiveError):
    code, status, sentence = "wrong-state", 409, "{what}目前是“{state}”，不能{verb}。"


class WrongInput(ArchiveError):
    code, status, sentence = "wrong-input", 400, "{field}：{reason}"


class WrongPack(ArchiveError):
    """A profile pack that does not load. Names the file and the key, so that its author finds the place."""

    code, status, sentence = "wrong-pack", 500, "业务配置包有误：{file} 的 {key}：{reason}"


class StorageFailed(ArchiveError):
    """The object store refused, failed, or did not keep a promise. `kind` says which: missing, denied, locked
    (the store protects the object, as it should), lock (the lock read back is not the one asked for), changed
    (the bytes are not the declared ones), full, unreachable (worth trying again), unsupported or failed."""

    code, status, sentence = "storage-failed", 503, "存储“{store}”出错：{reason}"

    @property
    def kind(self) -> str:
        return str(self.fields.get("kind", "failed"))


class KeyFailed(StorageFailed):
    """The key of an encrypted object cannot be had: its key-encryption key is missing, the key service does not answer,
    or the key was destroyed. Whoever handles a store's fault handles this one too."""

    code, sentence = "key-failed", "密钥不能使用：{reason}"

    def __init__(self, **fields: object) -> None:
        super().__init__(**{"store": "密钥"} | fields)


class NotConfigured(ArchiveError):
    code, status, sentence = "not-configured", 503, "系统尚不能工作：{reason}"
