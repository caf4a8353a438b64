from __future__ import annotations

import pytest

from service.labelstudio.label_config import parse
from service.labelstudio.passages import passage_of
from service.labelstudio.regions import marked, regions
from service.model.spans import Extraction, Span

TEXT = "Alice of New York Hospital"
SPANS = (
    Span(0, 5, "person", 0.9),
    Span(9, 26, "hospital", 0.8),
    Span(9, 26, "site", 0.61239),
    Span(9, 17, "city", 0.7),
)
DATA = {"text": TEXT, "html": f"<p>{TEXT}</p>", "turns": [{"author": "Ann", "text": TEXT}]}
CONTROLS = {
    "Text": ("Labels", '<Text name="object" value="$text"/>'),
    "HyperText": ("HyperTextLabels", '<HyperText name="object" value="$html"/>'),
    "HyperText, Labels": ("Labels", '<HyperText name="object" value="$html"/>'),
    "Paragraphs": ("ParagraphLabels", '<Paragraphs name="object" value="$turns"/>'),
}


def read(name: str, attributes: str = 'choice="multiple"'):
    """A control, and the passage that it marks."""
    tag, shown = CONTROLS[name]
    labels = "".join(f'<Label value="{label}"/>' for label in ("person", "hospital", "site", "city"))
    (control,) = parse(f'<View><{tag} name="label" toName="object" {attributes}>{labels}</{tag}>{shown}</View>')
    return control, passage_of(DATA, control)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_stretch_with_several_labels_is_one_region_that_is_read_back_as_several_spans(name):
    control, passage = read(name)
    shift = passage.text.index("Alice")
    spans = tuple(span._replace(start=span.start + shift, end=span.end + shift) for span in SPANS)
    made = regions(passage, Extraction(spans, 0.5), control)
    labels = [region["value"][control.kind] for region in made]
    assert labels == [["person"], ["hospital", "site"], ["city"]]
    assert [region["type"] for region in made] == [control.kind] * 3
    assert [span[:3] for span in marked(made, control, passage)] == [span[:3] for span in spans]


def test_the_score_of_a_region_is_that_of_its_most_doubtful_label():
    control, passage = read("Text")
    made = regions(passage, Extraction(SPANS, 0.5), control)
    assert [(region["score"], region["value"]["score"]) for region in made] == [(0.9, 0.9), (0.6124,) * 2, (0.7, 0.7)]


def test_without_the_attribute_each_label_is_a_region_of_its_own_with_its_own_id():
    control, passage = read("Text", "")
    made = regions(passage, Extraction(SPANS, 0.5), control)
    assert [region["value"]["labels"] for region in made] == [["person"], ["hospital"], ["site"], ["city"]]
    assert len({region["id"] for region in made}) == 4


def test_a_region_with_one_label_is_the_same_whether_or_not_it_may_have_several():
    made = [
        regions(read("Text", a)[1], Extraction(SPANS[:1], 0.5), read("Text", a)[0]) for a in ("", "choice='multiple'")
    ]
    assert made[0] == made[1]


def test_an_annotators_region_without_labels_still_marks_its_stretch():
    control, passage = read("Text")
    given = [
        {"from_name": "label", "value": {"start": 0, "end": 5}},
        {"from_name": "other", "value": {"start": 0, "end": 5}},
    ]
    assert [span[:3] for span in marked(given, control, passage)] == [(0, 5, "")]
