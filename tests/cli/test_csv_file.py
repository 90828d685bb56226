"""Reading CSV files: good ones, broken ones, hostile ones."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from laudstream.cli.csv_file import MAX_LINE, CsvFile, Record, Rejected, write_rejected
from laudstream.cli.csv_types import Reader, check_names, given_types, id_column, infer
from laudstream.errors import Invalid


def rows_of(tmp_path: Path, content: str | bytes) -> list[Record | Rejected]:
    return list(csv_of(tmp_path, content).rows())


def csv_of(tmp_path: Path, content: str | bytes) -> CsvFile:
    path = tmp_path / "file.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return CsvFile(path)


@pytest.mark.parametrize(
    "content",
    [
        "id,name\n1,Ann\n2,Bob\n",
        "id,name\r\n1,Ann\r\n2,Bob",
        "id;name\n1;Ann\n2;Bob\n",
        "id\tname\n1\tAnn\n2\tBob\n",
        "\ufeffid,name\n1,Ann\n\n2,Bob\n\n",
        "id,name\n1,Ann\n2,Bob\n".encode("utf-16"),
        '"id","name"\n"1","Ann"\n"2","Bob"\n',
        "id,name\r1,Ann\r2,Bob\r",
    ],
    ids=["unix", "windows", "semicolons", "tabs", "bom and empty lines", "utf-16", "quotes", "old mac"],
)
def test_the_usual_dialects_read_alike(tmp_path: Path, content: str | bytes) -> None:
    file = csv_of(tmp_path, content)
    assert file.columns == ["id", "name"]
    assert [row.cells for row in file.rows() if isinstance(row, Record)] == [["1", "Ann"], ["2", "Bob"]]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'id,name\n1,"Ann, the ""first""\nof her name"\n2,Bob\n')
    assert rows == [Record(2, ["1", 'Ann, the "first"\nof her name']), Record(4, ["2", "Bob"])]


def test_a_wrong_number_of_columns_rejects_that_row_only(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "id,name\n1\n2,Bob\n3,Cy,extra\n")
    assert [(row.line, row.reason) for row in rows if isinstance(row, Rejected)] == [
        (2, "1 columns, the headings name 2"),
        (4, "3 columns, the headings name 2"),
    ]
    assert Record(3, ["2", "Bob"]) in rows


def test_a_quote_that_never_closes_costs_one_row(tmp_path: Path) -> None:
    rest = "".join(f"{n},Bob\n" for n in range(2, 50_000))
    rows = rows_of(tmp_path, f'id,name\n1,"Ann\n{rest}')
    assert isinstance(rows[0], Rejected)
    assert rows[0].line == 2
    assert len(rows) == 49_999
    assert rows[-1] == Record(50_000, ["49999", "Bob"])


def test_a_stray_quote_that_swallows_rows_gives_them_back(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, 'id,name\n1,"Ann\n2,Bob\n3,Cy"\n4,Di\n5,"Ed"\n')
    # the quoted cell is a proper one of three lines
    assert rows[0] == Record(2, ["1", "Ann\n2,Bob\n3,Cy"])
    rows = rows_of(tmp_path, 'id,name\n1,"Ann\n2,Bob\n3,"Cy\n4,Di\n')
    assert [row.line for row in rows if isinstance(row, Rejected)] == [2, 4]
    assert [row.cells for row in rows if isinstance(row, Record)] == [["2", "Bob"], ["4", "Di"]]


def test_nul_bad_utf8_and_huge_lines_are_rejected_by_line(tmp_path: Path) -> None:
    huge = b"3," + b"x" * (3 * MAX_LINE) + b"\n"
    rows = rows_of(tmp_path, b"id,name\n1,a\0b\n2,\xff\xfe\n" + huge + b"4,Di\n")
    assert [(row.line, row.reason) for row in rows if isinstance(row, Rejected)] == [
        (2, "holds a NUL character"),
        (3, "is not UTF-8"),
        (4, f"line of more than {MAX_LINE:,} characters"),
    ]
    assert rows[-1] == Record(5, ["4", "Di"])


@pytest.mark.parametrize("content", ["", "\n1,2\n", "id,\n", "id,id\n", 'id,"na\nme"\n', "id,a\0b\n"])
def test_headings_that_name_no_columns_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(Invalid):
        csv_of(tmp_path, content)


def test_the_report_of_rejected_rows_holds_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    write_rejected(
        path, [Rejected(2, "is no number", "plan", '=HYPERLINK("http://evil","x")'), Rejected(3, "NUL", "", "a\0")]
    )
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[1:] == [["2", "plan", "is no number", '\'=HYPERLINK("http://evil","x")'], ["3", "", "NUL", "a␀"]]


def test_types_are_found_by_the_whole_column(tmp_path: Path) -> None:
    file = csv_of(
        tmp_path,
        "id,n,m,zip,flag,when,empty,phone,big\n"
        "1,1,1.5,01067,true,2024-02-03,,49,12345678901234567890\n"
        "2,-7,x,10115,FALSE,2024-02-04,,50,1\n"
        "3,,,,,,,,\n",
    )
    types, rows = infer(file.rows(), file.columns)
    assert rows == 3
    assert types == {"id": "number", "n": "number", "m": "text", "zip": "text", "flag": "boolean", "when": "text",
                     "empty": "text", "phone": "text", "big": "text"}  # fmt: skip
    reader = Reader(file.columns, "id", types)
    customers = [reader.customer(row) for row in file.rows() if isinstance(row, Record)]
    assert customers[0] == ("1", {"n": 1, "m": "1.5", "zip": "01067", "flag": True, "when": "2024-02-03", "phone": "49",
                                  "big": "12345678901234567890"})  # fmt: skip
    assert customers[2] == ("3", {})


def test_a_type_that_was_given_rejects_cells_of_another(tmp_path: Path) -> None:
    file = csv_of(tmp_path, "id,plan,vip\n1,3,true\n2,three,true\n3,1e2,perhaps\n")
    types = infer(file.rows(), file.columns)[0] | given_types(("plan=number,vip=boolean",), file.columns)
    reader = Reader(file.columns, "id", types)
    assert [reader.customer(row) for row in file.rows() if isinstance(row, Record)] == [
        ("1", {"plan": 3, "vip": True}),
        Rejected(3, "is no number", "plan", "three"),
        Rejected(4, "is no boolean", "vip", "perhaps"),
    ]


@pytest.mark.parametrize("types", ["plan", "plan=integer", "nope=number"])
def test_wrong_types_are_refused(types: str) -> None:
    with pytest.raises(Invalid):
        given_types((types,), ["id", "plan"])


@pytest.mark.parametrize("customer", ["", "  ", "x" * 201, "a\tb", "a\u200bb"])
def test_an_id_that_is_none_rejects_the_row(customer: str) -> None:
    assert isinstance(Reader(["id"], "id", {"id": "text"}).customer(Record(2, [customer])), Rejected)


def test_attributes_beyond_the_limit_reject_the_row() -> None:
    row = Reader(["id", "a"], "id", {"a": "text"}).customer(Record(2, ["1", "x" * 70_000]))
    assert isinstance(row, Rejected)
    assert "65,536" in row.reason


def test_the_id_column_is_found_or_asked_for() -> None:
    assert id_column(["email", "customer_id"]) == "customer_id"
    assert id_column(["email", "nr"], "nr") == "nr"
    with pytest.raises(Invalid):
        id_column(["email", "nr"])
    with pytest.raises(Invalid):
        id_column(["email", "nr"], "id")


def test_a_heading_with_a_dot_is_no_attribute() -> None:
    with pytest.raises(Invalid):
        check_names(["plan", "address.city"])
