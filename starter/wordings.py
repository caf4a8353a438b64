"""The labels of the starter's training data sets, and other wordings for them.

A model that has seen only one wording of a label learns that wording by heart. A model that has seen several wordings
among changing other labels learns to read the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from service.labelstudio.wordings import in_words
from service.model.spans import Span

LABELS_MAX = 25
AS_PUBLISHED_SHARE = 0.2
"""Share of the examples that ask for all labels of the data set in its own spelling."""
COARSE_SHARE = 0.3
"""Probability that a family of labels is asked for as one label."""
KEPT_SHARE = 0.9
"""Share of a text's labels that are asked for. The model learns not to find labels that nobody asks for."""
FOREIGN_SHARE = {"multiconer_v2_en": 0.1, "bc5cdr": 0.4, "wnut17": 0.3}
"""Share of the examples that also ask for labels of other data sets, as negatives."""
FOREIGN_MAX = 4

WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "multiconer_v2_en": {
        "Artist": ("artist", "artist or author", "entertainer", "actor, musician or writer"),
        "Athlete": ("athlete", "sportsperson", "player"),
        "Cleric": ("cleric", "religious leader", "clergy"),
        "OtherPER": ("other person", "person of another kind"),
        "Politician": ("politician", "political leader", "head of state or politician"),
        "Scientist": ("scientist", "researcher", "scholar"),
        "SportsManager": ("sports manager", "coach", "manager of a team"),
        "Facility": ("facility", "building", "building or structure"),
        "HumanSettlement": ("human settlement", "city or town", "city", "city, region or country"),
        "OtherLOC": ("other location", "natural place", "landform or region"),
        "Station": ("station", "railway station", "transport station"),
        "AerospaceManufacturer": ("aerospace manufacturer", "aircraft maker", "aerospace company"),
        "CarManufacturer": ("car manufacturer", "car maker", "automotive company"),
        "MusicalGRP": ("musical group", "band", "music group"),
        "ORG": ("institution", "other organization", "society or agency"),
        "PrivateCorp": ("private company", "private corporation"),
        "PublicCorp": ("public company", "public corporation", "listed company"),
        "SportsGRP": ("sports team", "sports club", "sports group"),
        "ArtWork": ("art work", "painting or sculpture", "work of fine art"),
        "MusicalWork": ("musical work", "song or album", "song", "music"),
        "Software": ("software", "computer program", "video game or software"),
        "VisualWork": ("visual work", "film or television show", "film", "movie"),
        "WrittenWork": ("written work", "book", "publication", "book or periodical"),
        "Clothing": ("clothing", "garment", "clothes"),
        "Drink": ("drink", "beverage"),
        "Food": ("food", "dish or ingredient", "dish"),
        "OtherPROD": ("other product", "product of another kind"),
        "Vehicle": ("vehicle", "car, ship or aircraft", "means of transport"),
    },
    "bc5cdr": {
        "Chemical": (
            "chemical",
            "chemical compound",
            "drug",
            "medication",
            "medicine",
            "drug or chemical",
            "substance",
        ),
        "Disease": ("disease", "disorder", "illness", "disease or disorder", "medical condition", "disease or symptom"),
    },
    "wnut17": {
        "person": ("name of a person", "human"),
        "location": ("place", "geographical place"),
        "group": ("group of people", "band, team or club"),
        "corporation": ("company", "business"),
        "product": ("consumer product", "goods"),
        "creative-work": ("creative work", "title of a work"),
    },
}
"""Other wordings for each label of each data set."""

FAMILIES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("person", "human", "name of a person"): (
        "Artist",
        "Athlete",
        "Cleric",
        "OtherPER",
        "Politician",
        "Scientist",
        "SportsManager",
    ),
    ("location", "place", "geographical place"): ("Facility", "HumanSettlement", "OtherLOC", "Station"),
    ("organization", "group", "organisation", "company or group"): (
        "AerospaceManufacturer",
        "CarManufacturer",
        "MusicalGRP",
        "ORG",
        "PrivateCorp",
        "PublicCorp",
        "SportsGRP",
    ),
    ("creative work", "work", "title of a work"): ("ArtWork", "MusicalWork", "Software", "VisualWork", "WrittenWork"),
    ("product", "object", "goods"): ("Clothing", "Drink", "Food", "OtherPROD", "Vehicle"),
}
"""Wordings for the coarse types of MultiCoNER, each of which stands for several of its labels."""

SAFE_ELSEWHERE = {
    "multiconer_v2_en": ("disease", "disorder", "illness", "drug", "medication", "medicine", "medical condition"),
    "bc5cdr": (
        "person",
        "politician",
        "athlete",
        "artist",
        "film",
        "song",
        "book",
        "sports team",
        "band",
        "vehicle",
        "clothing",
        "city",
        "station",
        "company",
        "creative work",
        "video game or software",
        "location",
        "building",
    ),
    "wnut17": ("disease", "disorder", "medication", "chemical compound"),
}
"""Labels of other data sets that a data set's texts hardly ever have, so they serve as negatives."""


def names(dataset: str) -> tuple[str, ...]:
    """A data set's labels in its own spelling, sorted."""
    return tuple(sorted(WORDINGS[dataset]))


def draw(
    dataset: str, spans: Sequence[Span], random: Random, foreign_share: float
) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    """Draw labels to ask for in a text of `dataset`. Returns them, sorted, and the text's spans with these labels.

    `foreign_share` is the probability that labels of other data sets are asked for as well.
    """
    if random.random() < AS_PUBLISHED_SHARE:
        return names(dataset), tuple(spans)
    called = _called(dataset, random)
    used = sorted({called[span.label] for span in spans})
    asked = [wording for wording in used if random.random() < KEPT_SHARE]
    unused = sorted(set(called.values()).difference(used))
    size = min(random.randint(2, LABELS_MAX), random.randint(2, LABELS_MAX))
    asked += random.sample(unused, min(len(unused), max(0, size - len(asked))))
    if random.random() < foreign_share or not asked:
        asked += random.sample(SAFE_ELSEWHERE[dataset], random.randint(1, FOREIGN_MAX))
    labels = tuple(sorted(set(asked)))
    return labels, tuple(span._replace(label=called[span.label]) for span in spans if called[span.label] in labels)


def _called(dataset: str, random: Random) -> dict[str, str]:
    """Draw one wording for each label of a data set. Labels of a family may share a wording."""
    called = {name: random.choice((name, *others)) for name, others in WORDINGS[dataset].items()}
    if dataset == "multiconer_v2_en":
        for wordings, members in FAMILIES.items():
            if random.random() < COARSE_SHARE:
                called |= dict.fromkeys(members, random.choice(wordings))
    return called


def asked() -> list[str]:
    """All wordings of labels that the model learns, as a run asks for them."""
    wordings = (w for labels in WORDINGS.values() for name, also in labels.items() for w in (in_words(name), *also))
    return sorted({*wordings})
