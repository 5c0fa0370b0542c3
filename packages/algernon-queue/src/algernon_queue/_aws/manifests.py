"""Where it is written down what a group is, and read again."""

from __future__ import annotations

from algernon_storage import MissingObjectError, Objects
from algernon_storage.tally import Place

from .._wire.manifest import Block, Header, header_name

# A header has some hundred bytes a block, and one message.
_MOST_HEADER_BYTES = 4 * 1024 * 1024
# A block has a limit of its own, and one member at least.
_MOST_BLOCK_BYTES = 4 * 1024 * 1024


def objects_at(place: Place) -> Objects:
    """Return the objects of a place."""
    return Objects(bucket=place.bucket, folder=place.folder)


def find_header(place: Place, group_id: str) -> Header | None:
    """Return the header of a group, or None where there is none, by one GET.

    Raises:
        algernon_storage.MalformedObjectError: It is none, or needs a newer version.
        algernon_storage.MissingBucketError: The bucket doesn't exist.
        botocore.exceptions.ClientError: S3 refuses.
    """
    found = objects_at(place).find(header_name(group_id), most=_MOST_HEADER_BYTES)
    return None if found is None else Header.of(group_id, place, found.body or b"")


def read_header(place: Place, group_id: str) -> Header:
    """Return the header of a group.

    Raises:
        algernon_storage.MissingObjectError: There is none (any more).
        Exception: What `find_header` raises.
    """
    header = find_header(place, group_id)
    if header is None:
        raise MissingObjectError(
            f"there is no group {group_id} in {place.bucket}#{place.folder}/: it was never sent,"
            " or lies in another bucket or folder, or the bucket's lifecycle rule removed it"
        )
    return header


def read_block(header: Header, block: Block) -> bytes:
    """Return the text of a block.

    Raises:
        algernon_storage.MissingObjectError: It isn't there (any more).
        botocore.exceptions.ClientError: S3 refuses.
    """
    tally = header.tally
    name = f"{tally.group_id}!{block.name}"
    found = objects_at(tally.place).find(name, most=_MOST_BLOCK_BYTES)
    if found is None:
        raise MissingObjectError(
            f"the block {block.name} of the group {tally.group_id} isn't in"
            f" {tally.place.bucket}#{tally.place.folder}/ any more, so that its members can't be"
            " sent: look for what removes it, such as the bucket's lifecycle rule"
        )
    return found.body or b""
