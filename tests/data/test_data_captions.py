"""Captions: words, vocabularies, captioned digits, and captions of a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan.data import Dataset, captioned, captions, embedded
from minigan.data.attributes import slant, thickness
from minigan.data.vocabulary import Vocabulary, words_of


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return captioned.load(np.random.default_rng(0))


def ribbon(width: float, slope: float = 0.0) -> np.ndarray:
    """A stroke 41 pixels high, drawn with soft edges."""
    y, x = np.mgrid[:60, :60]
    middle = 30 + slope * (30 - y)
    inside = np.clip(width / 2 + 0.5 - abs(x - middle), 0, 1)
    return np.asarray(inside * (abs(y - 30) <= 20))[np.newaxis]


def test_a_ribbon_is_as_thick_as_its_length_and_width_say() -> None:
    for width in (2, 4, 6):
        assert thickness(ribbon(width))[0] == pytest.approx(width / (1 + width / 41), rel=0.05)


def test_contrast_does_not_change_an_attribute() -> None:
    stroke = ribbon(3, slope=0.3)
    for attribute in (thickness, slant):
        assert attribute(0.4 * stroke) == pytest.approx(attribute(stroke))


def test_shearing_a_stroke_changes_its_slant_by_the_shear() -> None:
    measured = [slant(ribbon(3, slope))[0] for slope in (-0.4, 0.0, 0.4)]
    assert measured == pytest.approx([-0.4, 0.0, 0.4], abs=0.01)


def test_where_nothing_is_drawn_attributes_are_undefined() -> None:
    empty = np.zeros((1, 28, 28))
    assert np.isnan(thickness(empty)).all() and np.isnan(slant(empty)).all()


def test_words_are_letters_digits_and_apostrophes_in_lower_case() -> None:
    assert words_of("The cat's 2 red-ish EYES, isn't it?") == ["the", "cat's", "2", "red", "ish", "eyes", "isn't", "it"]
    assert words_of("  ...! ") == []


def test_tokens_count_from_one_and_end_in_zeros() -> None:
    vocabulary = Vocabulary.of(["a red three", "a blue one here"])
    assert vocabulary.words == ("a", "blue", "here", "one", "red", "three") and vocabulary.length == 4
    np.testing.assert_array_equal(vocabulary.tokens(["Red A"]), [[5, 1, 0, 0]])


def test_an_unknown_word_is_named_with_the_nearest_known_one() -> None:
    vocabulary = Vocabulary.of(["a red three", "a blue one"])
    with pytest.raises(ValueError, match=r"unknown word 'reds'; this run has 5 words: a, blue, .*did you mean 'red'\?"):
        vocabulary.tokens(["a reds three"])


def test_captions_without_words_and_long_ones_are_refused() -> None:
    vocabulary = Vocabulary.of(["a red three"])
    with pytest.raises(ValueError, match="a caption needs at least one word, got ''"):
        vocabulary.tokens([""])
    with pytest.raises(ValueError, match="has 4 words; this run was trained with at most 3"):
        vocabulary.tokens(["a red red three"])
    with pytest.raises(ValueError, match="has 33 words; captions may have at most 32"):
        Vocabulary.of(["a " * 33])


def test_a_data_set_must_have_a_caption_for_each_sample() -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    for wrong in ((("a",),), (("a",), ())):
        with pytest.raises(ValueError, match="every one of the 2 samples must have a caption"):
            Dataset("two", images, None, "made for a test", wrong)
    about = Dataset("two", images, None, "made for a test", (("a b",), ("c", "a"))).about()
    assert about["captions"] == {"words": ["a", "b", "c"], "length": 2, "examples": ["a b", "c"]}


def test_captions_state_the_facts_that_they_were_made_from() -> None:
    for facts in captioned.all_facts()[::7]:
        assert {captioned.facts_of(text) for text in captioned.captions_of(facts)} == {facts}
    with pytest.raises(ValueError, match="must name one digit, its colour, and the colour of the ground"):
        captioned.facts_of("a red three")


def test_a_quarter_of_all_combinations_is_in_no_picture(digits: Dataset) -> None:
    everything = captioned.all_facts()
    assert sum(map(captioned.held_out, everything)) == len(everything) // 4
    assert digits.captions is not None
    assert not any(captioned.held_out(captioned.facts_of(texts[0])) for texts in digits.captions)


def test_pictures_have_the_class_and_the_colours_of_their_captions(digits: Dataset) -> None:
    assert digits.captions is not None and digits.labels is not None
    for i in range(0, 300, 3):
        facts = captioned.facts_of(digits.captions[i][2])
        assert facts.digit == digits.labels[i]
        corner = digits.images[i, 0, 0].astype(int)  # no digit reaches a corner
        assert abs(captioned.PALETTE - corner).sum(axis=1).argmin() == facts.ground
        distance = abs(digits.images[i] - corner).sum(axis=-1)
        inked = digits.images[i][distance == distance.max()][0].astype(int)
        assert abs(captioned.PALETTE - inked).sum(axis=1).argmin() == facts.ink


def test_one_seed_makes_one_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    few = embedded.load()
    few = Dataset(few.name, few.images[:200], few.labels[:200], few.source)
    monkeypatch.setattr(captioned.embedded, "load", lambda: few)
    rows = [captioned.load(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert (rows[0].images == rows[1].images).all() and rows[0].captions == rows[1].captions
    assert (rows[0].images != rows[2].images).any() and rows[0].captions != rows[2].captions


def test_enlarged_digits_keep_their_attributes() -> None:
    ink = ribbon(3, slope=0.2)[:, 2:58, 2:58].astype(np.float32)
    large = captioned.enlarged(ink)
    assert large.shape == (1, 112, 112)
    assert thickness(large)[0] == pytest.approx(2 * thickness(ink)[0], rel=0.1)
    assert slant(large)[0] == pytest.approx(slant(ink)[0], abs=0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a.png", (255, 0, 0)), ("b.png", (0, 0, 255))):
        Image.new("RGB", (8, 8), colour).save(tmp_path / name)
    return tmp_path


def test_captions_come_from_a_csv_table(folder: Path) -> None:
    (folder / "captions.csv").write_text('file,caption\nb.png,"blue, all over"\na.png,red\nb.png,a sea\n')
    assert captions.load(folder, 8).captions == (("red",), ("blue, all over", "a sea"))


def test_captions_come_from_json_lines(folder: Path) -> None:
    lines = ['{"file": "a.png", "caption": "red"}', "", '{"file": "b.png", "caption": "blue"}']
    (folder / "captions.jsonl").write_text("\n".join(lines))
    assert captions.load(folder, 8).captions == (("red",), ("blue",))


def test_captions_come_from_text_files_beside_the_pictures(folder: Path) -> None:
    (folder / "a.txt").write_text("red\nall red\n\n")
    (folder / "b.txt").write_text("blue")
    assert captions.load(folder, 8).captions == (("red", "all red"), ("blue",))


WRONG = {
    "a picture without a text file": ({"a.txt": "red"}, r"b.png has no caption in a file b.txt .*1 of 2 pictures"),
    "an empty text file": ({"a.txt": "red", "b.txt": " \n"}, "b.png has no caption"),
    "a picture that the table lacks": ({"captions.csv": "file,caption\na.png,red"}, "b.png has no caption in captions"),
    "a name without a picture": ({"captions.csv": "file,caption\nc.png,red"}, r"line 2 names 'c.png', which is not"),
    "an empty caption": ({"captions.csv": "file,caption\na.png,red\nb.png,!"}, "the caption in line 3 has no word"),
    "other columns": ({"captions.csv": "name,text\na.png,red"}, "must name the columns file and caption, got"),
    "broken JSON": ({"captions.jsonl": '{"file": "a.png"'}, r"line 1 must be like \{"),
    "two tables": ({"captions.csv": "", "captions.jsonl": ""}, "one of them must go"),
}


@pytest.mark.parametrize("what", WRONG)
def test_captions_that_do_not_fit_are_refused_with_their_place(what: str, folder: Path) -> None:
    files, message = WRONG[what]
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        captions.load(folder, 8)
