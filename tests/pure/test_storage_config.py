"""Which stores the environment describes, and how a wrong description is refused."""

from pathlib import Path

import pytest

from archive.errors import NotConfigured
from archive.storage import from_environment, key_store, open_stores
from archive.storage.config import landing

KEYS = {
    "S3_ENDPOINT_URL": "http://s3",
    "S3_BUCKET": "box",
    "S3_ACCESS_KEY_ID": "id",
    "S3_SECRET_ACCESS_KEY": "s3cret",
}


def prefixed(name, values=KEYS):
    return {f"{name}_{key}": value for key, value in values.items()}


def test_without_any_setting_there_is_one_local_store_below_the_data_folder():
    (config,) = from_environment({}, "/srv/data")
    assert (config.name, config.path, config.bucket) == ("local", "/srv/data/store", "")
    assert from_environment({"ARCHIVE_DATA": "/other"}, "/srv/data")[0].path == "/other/store"


def test_each_store_is_described_by_variables_that_begin_with_its_name():
    env = {"ARCHIVE_STORES": "main-site, second local", **prefixed("MAIN_SITE")}
    env |= prefixed("SECOND", KEYS | {"S3_BUCKET": "other", "S3_REGION": "cn-1", "S3_ADDRESSING": "virtual"})
    first, second, local = from_environment(env, "/d")
    assert (first.name, first.bucket, first.endpoint_url, first.access_key_id) == (
        "main-site",
        "box",
        "http://s3",
        "id",
    )
    assert (first.region, first.addressing, first.checksums) == ("us-east-1", "path", "when_required")
    assert (second.bucket, second.region, second.addressing) == ("other", "cn-1", "virtual")
    assert (local.path, local.bucket) == ("/d/store", "")


def test_the_name_may_stand_as_it_is_written():
    assert from_environment({"ARCHIVE_STORES": "ceph", **prefixed("ceph")})[0].bucket == "box"


def test_a_single_store_may_leave_its_name_away_but_one_of_two_may_not():
    assert from_environment({"ARCHIVE_STORES": "ceph", **KEYS})[0].bucket == "box"
    with pytest.raises(NotConfigured, match="TWO_S3_BUCKET"):
        from_environment({"ARCHIVE_STORES": "one two", **prefixed("ONE"), **KEYS})


def test_a_local_store_may_stand_in_another_folder():
    env = {"ARCHIVE_STORES": "nas", "NAS_PATH": "/mnt/nas", "NAS_IMMUTABLE": "1"}
    (config,) = from_environment(env)
    assert (config.path, config.immutable) == ("/mnt/nas", True)


def test_how_long_a_store_is_waited_for_can_be_said():
    env = {"ARCHIVE_STORES": "ceph", **KEYS}
    assert (from_environment(env)[0].read_timeout, from_environment(env)[0].attempts) == (60, 4)
    (config,) = from_environment(env | {"S3_READ_TIMEOUT": "20", "S3_ATTEMPTS": "2"})
    assert (config.read_timeout, config.attempts) == (20, 2)


def test_large_packages_land_in_a_bucket_of_their_own_or_nowhere():
    assert landing({}) is None and landing(prefixed("ARCHIVE_KEY_STORE")) is None
    env = {"ARCHIVE_STORES": "ceph", **prefixed("CEPH")}
    direct = prefixed("ARCHIVE_DIRECT", KEYS | {"S3_BUCKET": "landing"})
    config, public = landing(env | direct | {"ARCHIVE_DIRECT_PUBLIC_URL": "https://s3.example"})
    assert (config.bucket, config.endpoint_url, public) == ("landing", "http://s3", "https://s3.example")
    with pytest.raises(NotConfigured, match="同一个桶“box”"):
        landing(env | prefixed("ARCHIVE_DIRECT"))


@pytest.mark.parametrize(
    "env, where",
    [
        ({"A_PATH": "/srv/one", "B_PATH": "/srv/../srv/one/"}, "同一个文件夹"),
        ({"A_PATH": "/srv/one", "B_PATH": "/srv/one/inside"}, "同一个文件夹"),
        ({"A_PATH": "/srv/one/inside", "B_PATH": "/srv/one"}, "同一个文件夹"),
        (prefixed("A") | prefixed("B", KEYS | {"S3_ENDPOINT_URL": "http://S3/"}), "同一个桶"),
    ],
)
def test_two_names_for_one_place_are_refused_because_they_are_one_copy(env, where):
    with pytest.raises(NotConfigured, match=f"“a”和“b”.*{where}"):
        from_environment({"ARCHIVE_STORES": "a b"} | env)


def test_buckets_of_two_servers_may_have_one_name_and_a_key_store_stands_apart_from_what_it_opens():
    env = {"ARCHIVE_STORES": "a b", **prefixed("A"), **prefixed("B", KEYS | {"S3_ENDPOINT_URL": "http://s4"})}
    assert len(from_environment(env)) == 2
    assert key_store(env, "/d").path == "/d/key-store"
    with pytest.raises(NotConfigured, match="同一个桶"):
        key_store(env | prefixed("ARCHIVE_KEY_STORE"))


def test_the_probe_learns_the_lock_horizon_of_the_site():
    assert from_environment({})[0].horizon_days == 3650
    assert from_environment({"ARCHIVE_LOCK_HORIZON_YEARS": "2"})[0].horizon_days == 730


@pytest.mark.parametrize(
    "env, named",
    [
        ({"ARCHIVE_STORES": "one"}, "ONE_S3_BUCKET"),
        ({"ARCHIVE_STORES": "one one"}, "ARCHIVE_STORES"),
        ({"ARCHIVE_STORES": "../up"}, "../up"),
        ({"ARCHIVE_STORES": "local", "LOCAL_S3_ENDPOINT_URL": "http://s3"}, "LOCAL_S3_BUCKET"),
        ({"ARCHIVE_STORES": "a", "A_S3_BUCKET": "box", "A_S3_ACCESS_KEY_ID": "id"}, "A_S3_SECRET_ACCESS_KEY"),
        ({"ARCHIVE_STORES": "a", "A_S3_BUCKET": "box", "A_S3_ADDRESSING": "maybe"}, "A_S3_ADDRESSING"),
        ({"ARCHIVE_STORES": "a", "A_S3_BUCKET": "box", "A_S3_CHECKSUMS": "always"}, "A_S3_CHECKSUMS"),
        ({"ARCHIVE_STORES": "a", "A_S3_BUCKET": "box", "A_S3_READ_TIMEOUT": "0"}, "A_S3_READ_TIMEOUT"),
        ({"ARCHIVE_STORES": "a", "A_S3_BUCKET": "box", "A_S3_ATTEMPTS": "many"}, "A_S3_ATTEMPTS"),
        ({"ARCHIVE_STORES": "a", "A_PATH": "/x", "A_IMMUTABLE": "maybe"}, "A_IMMUTABLE"),
        ({"ARCHIVE_LOCK_HORIZON_YEARS": "ten"}, "ARCHIVE_LOCK_HORIZON_YEARS"),
    ],
)
def test_a_wrong_description_is_refused_naming_the_variable(env, named):
    with pytest.raises(NotConfigured, match=named):
        from_environment(env)


def test_the_secret_is_not_shown_by_the_configuration():
    assert "s3cret" not in repr(from_environment({"ARCHIVE_STORES": "a", **KEYS}))


def test_stores_are_opened_by_name_in_the_order_given(tmp_path):
    env = {"ARCHIVE_STORES": "b a", "B_PATH": str(tmp_path / "b"), "A_S3_BUCKET": "box"}
    opened = open_stores(from_environment(env))
    assert [(name, store.name, store.describe()["kind"]) for name, store in opened.items()] == [
        ("b", "b", "local"),
        ("a", "a", "s3"),
    ]
    assert not (Path(tmp_path) / "b").exists(), "opening touches nothing"
