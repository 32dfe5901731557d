"""MNIST: 60,000 + 10,000 handwritten digits, 28×28 grey (LeCun, Cortes and Burges)."""

from __future__ import annotations

from shoal.data.dataset import Dataset
from shoal.data.fetch import DataFile, cache_folder, data_folders, download, find, read_checked
from shoal.data.idx import parse_idx
from shoal.data.images import labelled_images, refuse_test

MIRRORS: tuple[str, ...] = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FILES: dict[str, DataFile] = {
    "train_x": DataFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train_y": DataFile(
        "train-labels-idx1-ubyte",
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test_x": DataFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "test_y": DataFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def load_mnist(valid: float | None, test: float | None, seed: int) -> Dataset:
    """From SHOAL_DATA, the user's cache or a mirror; 10,000 rows are to validate by default."""
    refuse_test("mnist", test)
    at_hand, cache = data_folders("mnist"), cache_folder("mnist")
    arrays, sources = {}, []
    for key, file in FILES.items():
        path = find(file.name, [*at_hand, cache])
        if path is None:
            raw, mirror = download(file, MIRRORS, cache)
            source = f"downloaded from {mirror}"
        else:
            raw = read_checked(path, file)
            source = "the user's cache" if path.parent == cache else "SHOAL_DATA"
        arrays[key] = parse_idx(raw, file.name)
        sources.append(source)
    return labelled_images(
        "mnist",
        f"{' and '.join(dict.fromkeys(sources))}, checksums right",
        arrays["train_x"],
        arrays["train_y"],
        top=255,
        classes=10,
        valid=10_000 if valid is None else valid,
        test=0,
        seed=seed,
        own_test=(arrays["test_x"], arrays["test_y"]),
    )


def find_mnist() -> str | None:
    """The folder it is in; None if a file is missing."""
    folders = [*data_folders("mnist"), cache_folder("mnist")]
    found = [find(file.name, folders) for file in FILES.values()]
    return None if None in found else str(found[0].parent)  # type: ignore[union-attr]
