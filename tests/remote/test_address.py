import pytest

from app.remote.address import address_of


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("gs://bucket/a", "gs://bucket/a"),
        ("az://container/a", "az://container/a"),
        ("file:///srv/models/", "file:///srv/models"),
        ("hf://owner/name@main/sub", "hf://owner/name@main/sub"),
    ],
)
def test_an_address_is_written_as_it_was_given(url, written):
    assert str(address_of(url)) == written


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("bucket/a", "must begin with one of s3://, gs://"),
        ("ftp://host/a", "must begin with one of"),
        ("s3://", "is not complete"),
        ("hf://owner", "is not complete"),
        ("file://host/a", "given from the root"),
        ("s3://bucket/../b", "an empty part"),
        ("s3://bucket/a//b", "an empty part"),
        ("s3://bucket/%2e%2e/b", "an empty part"),
        ("s3://bucket/a b", "an empty part"),
        ("s3://key:geheim@bucket/a", "credentials are read from the environment"),
        ("hf://geheim@owner/name", "credentials are read from the environment"),
        ("s3://bucket/a?X-Amz-Signature=geheim", r"after \? or #"),
        ("az://container/a?sv=1&sig=geheim", r"after \? or #"),
        ("file://[geheim/a", "is none|given from the root"),
    ],
)
def test_what_is_no_address_is_refused_and_no_secret_is_repeated(url, words):
    with pytest.raises(ValueError, match=words) as raised:
        address_of(url)
    assert "geheim" not in str(raised.value)
