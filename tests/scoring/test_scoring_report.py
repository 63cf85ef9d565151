from __future__ import annotations

import json
from pathlib import Path

import pytest

from minigan.metrics.score import Protocol, ProtocolMismatch, Score
from minigan.scoring import read_scores, table, write_scores

FID = Score(
    12.345678,
    Protocol("fid", extractor="lenet-mnist-v1:0123456789ab", variant="x", reference="mnist/test", n_generated=500),
    {"perfect": 1.25},
)
CAPTURED = Score(
    9.0, Protocol("classes_captured", {"modes": 10}, reference="", n_generated=500), {"modes": 10, "rare": ["3", "8"]}
)


def test_a_table_reports_value_meaning_and_protocol() -> None:
    lines = table([FID, CAPTURED]).splitlines()
    assert lines[0].split()[:2] == ["FID", "12.35"]
    assert "a perfect generator has about 1.25" in lines[0]
    assert lines[1] == "classes covered      9  of 10; fewer than 5 % of a fair share: 3, 8"
    assert lines[-3:] == ["measured with", f"  {FID.protocol}", f"  {CAPTURED.protocol}"]


def test_earlier_scores_stand_beside_as_a_change() -> None:
    before = Score(10.0, FID.protocol, FID.details)
    assert table([FID, CAPTURED], [before]).splitlines()[0].split()[:3] == ["FID", "12.35", "+2.346"]


def test_scores_of_another_protocol_are_refused_with_the_fields() -> None:
    other = Score(1.0, Protocol("fid", extractor="lenet-fashion-v1:0", variant="x", reference="mnist/test"))
    with pytest.raises(ProtocolMismatch, match="extractor: 'lenet-mnist-v1:0123456789ab' and 'lenet-fashion-v1:0'"):
        table([FID], [other])


def test_scores_read_back_as_they_were_written(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.json", [FID, CAPTURED])
    assert read_scores(tmp_path) == read_scores(tmp_path / "scores.json") == [FID, CAPTURED]


def test_parameters_that_are_several_numbers_survive_json(tmp_path: Path) -> None:
    score = Score(1.0, Protocol("parzen", {"sigmas": (0.1, 0.2)}))
    write_scores(tmp_path / "a.json", [score])
    assert read_scores(tmp_path / "a.json") == [score]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"scores": [{"value": 1}]}', '{"scores": [7]}', "\xff"])
def test_what_is_not_a_file_of_scores_is_refused_with_its_path(text: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"scores\.json: not a file of scores"):
        read_scores(path)


def test_a_field_that_no_protocol_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    reported = FID.as_json()
    reported["protocol"]["colour"] = "red"
    path.write_text(json.dumps({"scores": [reported]}))
    with pytest.raises(ValueError, match="colour"):
        read_scores(path)


def test_a_missing_file_of_scores_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_scores(tmp_path)
