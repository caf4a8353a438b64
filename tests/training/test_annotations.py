from __future__ import annotations

import json
import threading

import pytest

from service.errors import Cause
from service.labelstudio.label_config import LabelConfigError
from service.labelstudio.unread import Unread
from tests.support.studio import LABEL_CONFIG, RECORDINGS
from training.annotations import Annotation, choose, read, read_texts

CONFIG = """<View><Labels name="label" toName="text">
<Label value="PER" hint="person"/><Label value="Organisation" alias="ORG" predicted_values="company"/></Labels>
<Text name="text" value="$text"/></View>"""


def annotation(number=1, **facts):
    return Annotation(id=number, result=[], **facts)


def region(start, end, label, **more):
    value = {"start": start, "end": end, "text": "", "labels": [label]}
    return {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def exported(tmp_path, *tasks):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    return path


def task(number, text, *annotations):
    return {"id": number, "data": {"text": text}, "annotations": list(annotations), "predictions": [], "drafts": []}


def done(number, *regions, **facts):
    return {"id": number, "result": list(regions), "was_cancelled": False, "ground_truth": False, **facts}


def test_ground_truth_counts_before_the_latest():
    truth = annotation(1, ground_truth=True, updated_at="2026-01-01")
    assert choose([truth, annotation(2, updated_at="2026-02-01")]) is truth


def test_without_ground_truth_the_one_changed_last_counts():
    latest = annotation(1, updated_at="2026-02-01T10:00:00.000000Z")
    assert choose([latest, annotation(2, updated_at="2026-01-01T10:00:00.000000Z")]) is latest


def test_a_cancelled_annotation_never_counts_whatever_else_it_is():
    cancelled = annotation(1, was_cancelled=True, ground_truth=True, updated_at="2026-02-01")
    other = annotation(2, updated_at="2026-01-01")
    assert choose([cancelled, other]) is other
    assert choose([cancelled]) is None
    assert choose([]) is None


def test_of_two_changed_at_once_the_newer_counts_in_any_order():
    one, two = annotation(1, updated_at="2026-01-01"), annotation(2, updated_at="2026-01-01")
    assert choose([one, two]) is choose([two, one]) is two


def test_regions_become_spans_with_the_wording_the_model_is_asked_with(tmp_path):
    path = exported(tmp_path, task(7, "😀 Alice works at Acme", done(3, region(2, 7, "PER"), region(17, 21, "ORG"))))
    (document,) = read(path, 5, CONFIG).documents
    assert (document.project, document.task, document.annotation) == (5, 7, 3)
    assert document.labels == ("company", "person")
    assert [(document.text[s.start : s.end], s.label) for s in document.spans] == [
        ("Alice", "person"),
        ("Acme", "company"),
    ]


def test_cancelled_annotations_are_no_documents_and_one_of_several_counts(tmp_path):
    path = exported(
        tmp_path,
        task(1, "Alice", done(1, region(0, 5, "PER"), was_cancelled=True)),
        task(
            2,
            "Bob",
            done(2, region(0, 3, "ORG"), updated_at="2026-09-09"),
            done(3, region(0, 3, "PER"), ground_truth=True, updated_at="2026-01-01"),
        ),
        task(3, "Carol", done(4)),
    )
    documents = read(path, 1, CONFIG).documents
    assert [(d.task, d.annotation, [s.label for s in d.spans]) for d in documents] == [(2, 3, ["person"]), (3, 4, [])]


def test_what_cannot_be_used_is_counted_by_reason_and_nothing_is_shifted(tmp_path):
    bad = [
        region(0, 5, "Gone"),
        region(0, 99, "PER"),
        region(-1, 3, "PER"),
        region(3, 3, "PER"),
        region(5, 2, "PER"),
        region("0", 5, "PER"),
        region(None, None, "PER"),
    ]
    export = read(exported(tmp_path, task(1, "Alice", done(1, *bad, region(0, 5, "PER")))), 1, CONFIG)
    assert [s[:2] for s in export.documents[0].spans] == [(0, 5)]
    assert export.left_out == {"the span lies outside of the text": 6, "the label is no longer in the label config": 1}


def test_regions_of_other_controls_and_of_no_shape_at_all_are_passed_over(tmp_path):
    odd = [
        {"from_name": "choice", "type": "choices", "value": {"choices": ["x"]}},
        {"type": "relation", "from_id": "a", "to_id": "b"},
        "nonsense",
        None,
    ]
    export = read(exported(tmp_path, task(1, "Alice", done(1, *odd, region(0, 5, "PER")))), 1, CONFIG)
    assert len(export.documents[0].spans) == 1


@pytest.mark.parametrize("value", [None, [], "x", 7, {"start": 0, "end": 5}, {"start": 0, "end": 5, "labels": 7}])
def test_a_region_with_an_odd_value_spoils_no_other(tmp_path, value):
    odd = {"from_name": "label", "type": "labels", "value": value}
    export = read(exported(tmp_path, task(1, "Alice", done(1, odd, region(0, 5, "PER")))), 1, CONFIG)
    assert [s[:2] for s in export.documents[0].spans] == [(0, 5)]


def test_a_task_without_text_is_counted(tmp_path):
    path = exported(tmp_path, {"id": 1, "data": {"other": "x"}, "annotations": [done(1)]}, task(2, "  ", done(2)))
    export = read(path, 1, CONFIG)
    assert export.documents == []
    assert export.left_out == {"a task was not read: no text under $text": 2}


def test_a_text_with_half_a_character_is_counted_and_spoils_no_other(tmp_path):
    path = exported(tmp_path, task(1, "lone \ud800 surrogate", done(1)), task(2, "a whole one \U0001f600", done(2)))
    export = read(path, 3, CONFIG)
    assert [document.task for document in export.documents] == [2]
    assert export.left_out == {"a task was not read: the text has half a character in it": 1}


@pytest.mark.parametrize("odd", [{"data": None}, {"data": ["Alice"]}, {"data": "Alice"}])
def test_a_task_whose_data_is_no_object_is_counted(tmp_path, odd):
    export = read(exported(tmp_path, {"id": 1, "annotations": [done(1)], **odd}, task(2, "Alice", done(2))), 1, CONFIG)
    assert [document.task for document in export.documents] == [2]
    assert export.left_out == {"a task was not read: no text under $text": 1}


@pytest.mark.parametrize(("start", "end"), [(0, 5), (0, 6)])
def test_a_region_ends_behind_a_non_joiner_that_nobody_sees(tmp_path, start, end):
    marked = done(1, region(start, end, "PER"), region(5, 8, "ORG"))
    export = read(exported(tmp_path, task(1, "تهران\u200cها", marked)), 1, CONFIG)
    assert [span[:2] for span in export.documents[0].spans] == [(0, 6), (6, 8)]


@pytest.mark.parametrize("result", [{}, "x", 7, None, [None, 7, "x"]])
def test_an_annotation_without_a_list_of_regions_marks_nothing(tmp_path, result):
    export = read(exported(tmp_path, task(1, "Alice", {**done(1), "result": result})), 1, CONFIG)
    assert [document.spans for document in export.documents] == [()]


def test_texts_at_addresses_are_fetched_several_at_once_in_order_with_errors_by_task(tmp_path):
    config = CONFIG.replace("<Text ", '<Text valueType="url" ')
    together, told = threading.Barrier(8, timeout=10), []

    def fetch(url):
        together.wait()  # breaks unless eight fetches wait at once
        if url.endswith("3"):
            raise Unread("its text cannot be fetched (404)", Cause.TEXT_FETCH)
        return f"text of {url}"

    path = exported(tmp_path, *[task(n, f"http://h/{n}", done(n)) for n in range(16)])
    export = read(path, 1, config, fetch, told.append)
    assert [(d.task, d.text) for d in export.documents] == [
        (n, f"text of http://h/{n}") for n in range(16) if n not in (3, 13)
    ]
    assert [(one.task, one.reason) for one in export.omissions] == [
        (n, "a task was not read: its text cannot be fetched (404)") for n in (3, 13)
    ]
    assert told == list(range(1, 17))


def test_a_task_that_nobody_annotated_in_the_end_is_not_fetched(tmp_path):
    config = CONFIG.replace("<Text ", '<Text valueType="url" ')
    asked = []
    path = exported(tmp_path, task(1, "http://h/1", {**done(1), "was_cancelled": True}), task(2, "http://h/2", done(2)))
    export = read(path, 1, config, lambda url: asked.append(url) or "Alice")
    assert (len(export.documents), asked) == (1, ["http://h/2"])


def test_unannotated_tasks_that_cannot_be_read_spoil_no_other(tmp_path):
    path = tmp_path / "unannotated.json"
    odd = [{"text": "half \ud83d"}, {"text": {"a": 1}}, {}, {"text": "Alice", "n": float("inf"), "\ud83d": ["\ud83d"]}]
    path.write_text(json.dumps(odd))
    assert read_texts(path, CONFIG) == ["Alice"]


def test_a_dialogue_is_learnt_from_with_its_regions_in_turns(tmp_path):
    config = """<View><ParagraphLabels name="label" toName="d"><Label value="PER"/></ParagraphLabels>
    <Paragraphs name="d" value="$turns"/></View>"""
    turns = [{"author": "A", "text": "😀 I saw"}, {"author": "B", "text": "Alice"}]
    value = {"start": "1", "end": "1", "startOffset": 0, "endOffset": 5, "paragraphlabels": ["PER", ["odd"]]}
    marked = {"from_name": "label", "type": "paragraphlabels", "value": value}
    export = read(exported(tmp_path, {"id": 1, "data": {"turns": turns}, "annotations": [done(1, marked)]}), 1, config)
    (document,) = export.documents
    assert [document.text[span.start : span.end] for span in document.spans] == ["Alice"]
    assert export.left_out == {"the label is no longer in the label config": 1}


def test_each_task_is_learnt_from_with_its_own_labels(tmp_path):
    config = '<View><Labels name="label" toName="t" value="$own"/><Text name="t" value="$text"/></View>'
    data = [{"text": "Alice", "own": [{"value": "PER", "predicted_values": "person"}]}, {"text": "Bob", "own": []}]
    given = [{"id": n, "data": one, "annotations": [done(n, region(0, 3, "PER"))]} for n, one in enumerate(data)]
    export = read(exported(tmp_path, *given), 1, config)
    assert [(document.labels, len(document.spans)) for document in export.documents] == [(("person",), 1)]
    assert export.left_out == {"a task was not read: no labels under $own": 1}


def test_each_control_of_a_task_is_a_document_of_its_own(tmp_path):
    config = """<View><Labels name="a" toName="t"><Label value="x"/></Labels><Text name="t" value="$one"/>
    <Labels name="b" toName="u"><Label value="y"/></Labels><Text name="u" value="$two"/></View>"""
    result = [
        {"from_name": "a", "value": {"start": 0, "end": 1, "labels": ["x"]}},
        {"from_name": "b", "value": {"start": 1, "end": 2, "labels": ["y"]}},
    ]
    path = exported(tmp_path, {"id": 1, "data": {"one": "ab", "two": "cd"}, "annotations": [done(1, *result)]})
    found = [(d.text, d.labels, [s[:3] for s in d.spans]) for d in read(path, 1, config).documents]
    assert found == [("ab", ("x",), [(0, 1, "x")]), ("cd", ("y",), [(1, 2, "y")])]


def test_a_config_without_a_span_control_is_refused(tmp_path):
    with pytest.raises(LabelConfigError, match="Labels"):
        read(exported(tmp_path), 1, "<View/>")


def test_the_recorded_export_is_read(tmp_path):
    path = RECORDINGS / "export_JSON_task.json"
    if not path.exists():
        pytest.skip(f"the recorded requests of Label Studio are not here ({path})")
    config = LABEL_CONFIG.replace("person", "PER").replace("company", "ORG")
    (document,) = read(path, 3, config).documents
    assert [(document.text[s.start : s.end], s.label) for s in document.spans] == [
        ("Zoë  Smith", "PER"),
        ("Acme Corp", "ORG"),
    ]


def test_an_export_longer_than_what_is_read_at_a_time_is_read_whole_whatever_is_cut(tmp_path, monkeypatch):
    texts = ['"[{', "😀 \\ , ]}", "x" * 400, "Alice"]
    path = exported(tmp_path, *(task(n, text, done(n, region(0, 2, "PER"))) for n, text in enumerate(texts)))
    for size in (1, 7, 100, 10_000):
        monkeypatch.setattr("training.annotations.CHUNK_CHARACTERS", size)
        assert [document.text for document in read(path, 1, CONFIG).documents] == texts


@pytest.mark.parametrize("written", ['[{"id": 1, "data": {"text": "Alice"}}', '[{"id": 1, "da', "[", "", "[]x"])
def test_an_export_that_is_cut_off_or_goes_on_is_no_export(tmp_path, written):
    path = tmp_path / "export.json"
    path.write_text(written)
    with pytest.raises(json.JSONDecodeError):
        read(path, 1, CONFIG)


def test_an_empty_export_has_no_documents(tmp_path):
    for written in ("[]", " [ ] \n"):
        path = tmp_path / "export.json"
        path.write_text(written)
        assert read(path, 1, CONFIG).documents == []
