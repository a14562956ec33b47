"""Small pictures to load."""

from pathlib import Path

from PIL import Image


def save_picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (shade % 256, 10, 20)).save(path)
    return path


def save_labelled(folder: Path, labels: tuple[str, ...] = ("cat", "dog"), n: int = 10) -> Path:
    for label in labels:
        for number in range(n):
            save_picture(folder / label / f"{number}.png", number)
    return folder
