"""Data sets of the hub that go by a short name: where they are, their columns, and the words that name their labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headpursuit.media.images.class_words import DIGITS
from headpursuit.media.images.hub import HubSource

EUROSAT = {
    "AnnualCrop": ("annual crop", "crop", "crops", "cropland", "farmland", "field", "fields"),
    "Forest": ("forest", "forests", "woodland", "trees"),
    "HerbaceousVegetation": ("herbaceous vegetation", "vegetation", "grassland", "shrubland"),
    "Highway": ("highway", "road", "motorway", "freeway"),
    "Industrial": ("industrial", "factory", "factories", "warehouse", "warehouses"),
    "Pasture": ("pasture", "pastures", "meadow", "grazing land"),
    "PermanentCrop": ("permanent crop", "orchard", "orchards", "vineyard", "vineyards", "plantation"),
    "Residential": ("residential", "houses", "housing", "suburb", "neighborhood", "neighbourhood"),
    "River": ("river", "rivers", "stream"),
    "SeaLake": ("sea", "lake", "ocean", "water"),
}
"""Land cover, in alphabetical order, as the data set numbers it."""

_SPEEDS = (20, 30, 50, 60, 70, 80)

GTSRB = {
    **{f"{speed} km/h": (f"speed limit {speed}", str(speed), f"{speed} km/h") for speed in _SPEEDS},
    "end of 80 km/h": ("end of speed limit 80", "end of 80"),
    **{f"{speed} km/h": (f"speed limit {speed}", str(speed), f"{speed} km/h") for speed in (100, 120)},
    "no passing": ("no passing", "no overtaking"),
    "no passing for trucks": ("no passing for trucks", "no overtaking by trucks", "no passing for heavy vehicles"),
    "right of way at the next intersection": ("right of way at the next intersection", "right of way", "crossroads"),
    "priority road": ("priority road",),
    "yield": ("yield", "give way"),
    "stop": ("stop",),
    "no vehicles": ("no vehicles", "no traffic", "road closed"),
    "no trucks": ("no trucks", "no heavy vehicles"),
    "no entry": ("no entry", "do not enter"),
    "caution": ("general caution", "caution", "danger", "exclamation mark"),
    "curve to the left": ("curve to the left", "left curve", "dangerous curve left", "bend to the left"),
    "curve to the right": ("curve to the right", "right curve", "dangerous curve right", "bend to the right"),
    "double curve": ("double curve", "winding road"),
    "bumpy road": ("bumpy road", "uneven road", "bumps"),
    "slippery road": ("slippery road", "slippery"),
    "road narrows": ("road narrows", "narrow road", "road narrows on the right"),
    "road work": ("road work", "roadworks", "construction"),
    "traffic lights": ("traffic lights", "traffic light", "traffic signals"),
    "pedestrians": ("pedestrians", "pedestrian"),
    "children": ("children", "children crossing", "school"),
    "bicycles": ("bicycles", "bicycle", "cyclists", "bikes"),
    "ice": ("ice", "snow", "beware of ice"),
    "wild animals": ("wild animals", "deer", "animals"),
    "end of all limits": ("end of all limits", "end of all restrictions", "end of all speed and passing limits"),
    "turn right ahead": ("turn right ahead", "turn right"),
    "turn left ahead": ("turn left ahead", "turn left"),
    "ahead only": ("ahead only", "straight ahead", "go straight"),
    "straight or right": ("straight or right", "go straight or right"),
    "straight or left": ("straight or left", "go straight or left"),
    "keep right": ("keep right",),
    "keep left": ("keep left",),
    "roundabout": ("roundabout",),
    "end of no passing": ("end of no passing", "end of no overtaking"),
    "end of no passing for trucks": ("end of no passing for trucks", "end of no overtaking by trucks"),
}
"""The 43 German traffic signs, in the order of the benchmark's class numbers."""


@dataclass(frozen=True)
class Named:
    """One row of the table."""

    source: HubSource
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The words of each label, in the order of the data set's class numbers; empty where there are captions."""
    question: str = "What is in the image?"
    caption_request: str = "Describe the image."


_DIGIT = "Which digit is in the image?"

NAMED = {
    "mnist": Named(HubSource("ylecun/mnist", image="image", label="label"), DIGITS, _DIGIT),
    "svhn": Named(
        HubSource("ufldl-stanford/svhn", "cropped_digits", image="image", label="label"),
        DIGITS,
        "Which digit is in the middle of the image?",
    ),
    "gtsrb": Named(
        HubSource("tanganke/gtsrb", image="image", label="label"), GTSRB, "Which traffic sign is in the image?"
    ),
    "eurosat": Named(
        HubSource("blanchon/EuroSAT_RGB", image="image", label="label"),
        EUROSAT,
        "What kind of land does the satellite image show?",
    ),
    "flickr30k": Named(HubSource("lmms-lab/flickr30k", image="image", captions="caption")),
    # The other files hold 40,670 test images without captions.
    "coco": Named(
        HubSource("lmms-lab/COCO-Caption2017", data_files={"val": "data/val-*"}, image="image", captions="answer")
    ),
}
"""Data sets by short name."""
