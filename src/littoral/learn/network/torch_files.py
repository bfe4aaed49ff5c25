"""Checks of an untrusted ``torch.save`` file before torch reads it: its records, and the operations of its pickle.

torch.load with ``weights_only`` runs no code, but it decompresses records and hashes keys of dictionaries.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from typing import BinaryIO

from littoral.errors import InputError

_PICKLES_OF_OLD = 5
"""Number of pickles in a file of torch before 1.6."""


def check_records(content: bytes, source: object) -> None:
    """Refuse compressed records, which torch never writes, and tuples that are reused: the hash of tuples nested forty
    deep in themselves takes hours.

    Raises:
        InputError: a file that torch has not written.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            packed = any(entry.file_size != entry.compress_size for entry in entries)
            repeats = not packed and any(
                _repeats_tuples(io.BytesIO(archive.read(entry))) for entry in entries if entry.filename.endswith(".pkl")
            )
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError, EOFError):
        # No zip: a file of torch before 1.6, or one that torch itself refuses.
        packed, repeats = False, _repeats_tuples(io.BytesIO(content))
    if packed or repeats:
        what = "holds weights in compressed records" if packed else "holds weights in a pickle that reuses tuples"
        raise InputError(source, what, "use what torch.save has written")


def _repeats_tuples(file: BinaryIO) -> bool:
    """Whether a pickle takes a tuple from its memo, which no state dict of tensors does.

    >>> import pickle
    >>> one = (1, 2)
    >>> _repeats_tuples(io.BytesIO(pickle.dumps([one, (3, 4)]))), _repeats_tuples(io.BytesIO(pickle.dumps([one, one])))
    (False, True)
    """
    for _ in range(_PICKLES_OF_OLD):
        tuples: set[int] = set()
        known, before = 0, ""
        try:
            for operation, argument, _ in pickletools.genops(file):
                name = operation.name
                if name == "MEMOIZE" or "PUT" in name:
                    place = known if name == "MEMOIZE" else int(argument or 0)
                    known += 1
                    (tuples.add if before.startswith("TUPLE") else tuples.discard)(place)
                elif "GET" in name and int(argument or 0) in tuples:
                    return True
                before = name
        except (ValueError, IndexError, UnicodeDecodeError):
            return False
    return False
