"""Enrolment codes as text: what people type is understood, what is wrong is told before anything is sent."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import WireError
from edge.wire.enrol import (
    CODE_ALPHABET,
    CODE_CHARS,
    CODE_ID_CHARS,
    CODE_SECRET_CHARS,
    letters,
    make_code,
    parse_code,
    proofs_equal,
    prove_grant,
    prove_request,
)

characters = st.sampled_from(CODE_ALPHABET)
codes = st.builds(
    make_code,
    st.text(characters, min_size=CODE_ID_CHARS, max_size=CODE_ID_CHARS),
    st.text(characters, min_size=CODE_SECRET_CHARS, max_size=CODE_SECRET_CHARS),
)


def test_the_secret_part_has_more_than_sixty_bits():
    assert len(set(CODE_ALPHABET)) == 32
    assert CODE_SECRET_CHARS * 5 == 95


@given(codes)
def test_a_code_is_read_as_it_is_written(code):
    assert parse_code(code.text) == code
    assert len(code.text.split("-")) == 5


@given(codes, st.data())
def test_case_spaces_dashes_and_look_alikes_do_not_matter(code, data):
    typed = code.text.replace("0", data.draw(st.sampled_from("0Oo"))).replace("1", data.draw(st.sampled_from("1IiLl")))
    typed = typed.replace("-", data.draw(st.sampled_from(["", " ", " - ", "\N{EN DASH}", "\t"])))
    assert parse_code(data.draw(st.sampled_from([typed, typed.lower()]))) == code


def test_the_check_character_catches_most_typing_errors():
    code = make_code("ABCDE", "0123456789ABCDEFGHJ")
    plain = code.text.replace("-", "")
    caught = total = 0
    for at in range(CODE_CHARS):
        for other in CODE_ALPHABET.replace(plain[at], ""):
            total += 1
            try:
                parse_code(plain[:at] + other + plain[at + 1 :])
            except WireError as error:
                caught += plain[CODE_ID_CHARS:] not in str(error)
    assert caught / total > 0.9


@pytest.mark.parametrize(
    ("typed", "said"),
    [("", "has 0"), ("ABCDE", "has 5"), ("A" * 26, "has 26"), ("U" * 25, "no 'U'"), ("ABCD\u00c9" * 5, "no ")],
)
def test_what_is_no_code_is_told_in_words(typed, said):
    with pytest.raises(WireError, match=said):
        parse_code(typed)


@given(st.text(string.printable, max_size=40))
def test_nothing_that_is_typed_breaks_it(typed):
    with contextlib.suppress(WireError):
        parse_code(typed)


def test_letters_use_each_bit_once():
    assert letters(b"\x00" * 5, 8) == "0" * 8
    assert letters(b"\xff" * 5, 8) == "Z" * 8
    assert letters(bytes([0b00001_000, 0b10_00011_0, 0b0100_0010, 0b1_00110_00, 0b111_01000]), 8) == "12345678"
    with pytest.raises(ValueError, match="40 bits"):
        letters(b"1234", 8)


@given(codes, codes, st.binary(max_size=50), st.binary(max_size=50))
def test_a_proof_holds_for_its_code_its_bytes_and_its_direction_alone(one, other, request, grant):
    proof = prove_request(one, request)
    assert proofs_equal(proof, prove_request(one, request))
    assert not proofs_equal(proof, prove_request(one, request + b"x"))
    assert not proofs_equal(proof, prove_grant(one, request, b""))
    assert (prove_grant(one, request, grant) == prove_grant(other, request, grant)) == (one == other)
    assert prove_grant(one, request, grant) != prove_grant(one, request + b"x", grant)
