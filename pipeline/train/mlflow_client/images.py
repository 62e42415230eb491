"""Pictures as MLflow's charts find them: files of a run whose names tell key, step and time, each in two sizes.

As MLflow's own `log_image` names them, which would encode a picture anew for each step and tag the run after each.
`tests/unit/train/mlflow_client/test_images.py` compares the two.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from mlflow.tracking.multimedia import compress_image_size, convert_to_pil_image

IMAGES_FOLDER: Final = "images"


def image_files(
    folder: Path, images: Mapping[str, npt.NDArray[np.uint8]], steps: Sequence[int], at_ms: int
) -> list[Path]:
    """Write ``images`` [height, width, 3], by key, to ``folder`` as of each of ``steps``; return all files."""
    files: list[Path] = []
    for key, pixels in images.items():
        image = convert_to_pil_image(pixels)
        small = compress_image_size(image)
        for number, step in enumerate(steps):
            name = f"{key.replace('/', '~')}+step+{step}+timestamp+{at_ms}+{uuid.uuid4()}"
            whole, compressed = folder / f"{name}.png", folder / f"{name}+compressed.webp"
            if number == 0:
                image.save(whole)
                small.save(compressed)
            else:
                for new, old in zip((whole, compressed), files[-2:], strict=True):
                    shutil.copyfile(old, new)
            files += [whole, compressed]
    return files
