from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.labelstudio.utf16 import Places

TEXTS = st.text(alphabet="aé€👩\u200d😀𝔘", max_size=12)


@given(TEXTS)
def test_places_are_counted_as_the_encoded_text_has_them(text):
    places = Places(text)
    for place in range(len(text) + 1):
        units = len(text[:place].encode("utf-16-le")) // 2
        assert places.units(place) == units
        assert places.code_points(units) == place


@given(TEXTS)
def test_half_a_pair_counts_as_its_whole_and_what_lies_behind_the_text_as_its_end(text):
    places = Places(text)
    for place, character in enumerate(text):
        if character > "\uffff":
            assert places.code_points(places.units(place) + 1) == place + 1
    assert places.code_points(places.units(len(text)) + 5) == len(text)
