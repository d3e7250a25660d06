import json

import pytest

from benchmarks.real.alignments import phone_label, phones_of
from distill.errors import UserError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1
            text = "say ""map"" 3 times"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1
        intervals: size = 2
        intervals [1]:
            xmin = 0.0
            xmax = 0.25
            text = "M"
        intervals [2]:
            xmin = 0.25
            xmax = 1
            text = "AE1"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1
<exists>
1
"IntervalTier"
"phone"
0
1
2
0
0.25
"m"
0.25
1
"æ"
"""
HTS = "0 2500000 x^x-m+ae=p@x_x/A:0\n2500000 10000000 x^m-ae+p=x@2_1/A:0\n"
SPHINX = json.dumps(
    {"w": [{"t": "ma", "w": [{"b": 0.0, "d": 0.25, "t": "M"}, {"b": 0.25, "d": 0.75, "t": "AE"}]}]}
)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".TextGrid", LONG),
        ("_phones.TextGrid", SHORT),
        ("_phone.lab", HTS),
        (".phone.json", SPHINX),
    ],
)
def test_every_form_of_alignment_gives_the_same_phones(tmp_path, ending, text):
    (tmp_path / f"said{ending}").write_text(text, encoding="utf-8")
    phones = phones_of(tmp_path / "said.wav")
    assert [(p.label, p.start_s, p.end_s) for p in phones] == [("m", 0, 0.25), ("ae", 0.25, 1)]


def test_a_recording_without_alignment_has_no_phones(tmp_path):
    (tmp_path / "said_words.TextGrid").write_text(LONG)
    assert phones_of(tmp_path / "said.wav") == ()


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".phone.json", ""), (".phone.json", "[]"), (".phone.json", '{"w": [{"w": [{"t": "M"}]}]}'),
        (".TextGrid", LONG[:-40]), (".TextGrid", LONG[:200]), ("_phone.lab", "0 one x-m+p"),
    ],
)  # fmt: skip
def test_a_broken_alignment_is_one_sentence(tmp_path, ending, text):
    (tmp_path / f"said{ending}").write_text(text)
    with pytest.raises(UserError, match="not a readable phone alignment"):
        phones_of(tmp_path / "said.wav")


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("AA1", "aa"), ("B", "b"), ("pʰ", "p"), ("mʲ", "m"), ("bː", "b"), ("ɑ", "aa"),
        ("aj", "ay"), ("a1", "aa"), ("m̩", "m"), ("", "sil"), ("SIL", "sil"), ("PT", "pt"),
    ],
)  # fmt: skip
def test_labels_of_all_alphabets_become_one(written, label):
    assert phone_label(written) == label
