"""What is generated from the configuration's types: loadable, masked, and equal to what is published."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edge import config_text
from edge.cli import cli
from edge.config import ConfigError, decode, load, masked

DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_and_reference_are_the_generated_ones():
    assert (DOCS / "config.schema.json").read_text() == config_text.schema(), "run: earshot config schema"
    assert (DOCS / "CONFIGURATION.md").read_text() == config_text.reference(), "run: earshot config reference"


def test_every_setting_is_described():
    for line in config_text.reference().splitlines():
        if line.startswith("| `"):
            assert all(cell.strip() for cell in line.strip("|").split("|")[:4]), line


def test_the_example_is_a_configuration_that_the_schema_accepts():
    tree = tomllib.loads(config_text.example())
    config = decode(tree, "example")
    assert config.box.site == "north"
    assert len(config.buttons) == 3
    jsonschema.Draft202012Validator(json.loads(config_text.schema())).validate(tree)


def test_printed_values_are_read_back_the_same():
    config = decode(tomllib.loads(config_text.example()), "example")
    assert decode(tomllib.loads(config_text.toml(config)), "again") == config


@given(place=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), speed=st.floats(0, 1000))
def test_any_value_survives_printing(place, speed):
    config = decode({"box": {"site": "s", "name": "b", "place": place}, "ear": {"speed": speed}}, "x")
    assert decode(tomllib.loads(config_text.toml(config)), "again") == config


def secret_config(tmp_path):
    path = tmp_path / "box.toml"
    path.write_text('[box]\nsite="s"\nname="b"\n[uplink]\npassword="hush-1"\n[web]\ntoken="hush-2"\n')
    return path


def test_check_prints_the_values_in_force_without_secrets(tmp_path):
    result = CliRunner().invoke(cli, ["config", "check", "--config", str(secret_config(tmp_path))])
    assert result.exit_code == 0
    assert "hush" not in result.output
    tree = tomllib.loads(result.output)
    assert (tree["uplink"]["password"], tree["web"]["token"]) == ("********", "********")
    assert tree["presses"]["debounce_ms"] == 25


def test_masking_leaves_unset_secrets_and_all_else(tmp_path):
    config = load(secret_config(tmp_path))
    assert masked(config).uplink.host == config.uplink.host
    empty = decode({"box": {"site": "s", "name": "b"}}, "x")
    assert masked(empty) == empty


@pytest.mark.parametrize(
    "text", ['[box]\nsite="s"\nname="b"\ncolour=1\n', "[box", '[box]\nsite="S!"\nname="b"\n', "\x00"]
)
def test_a_wrong_file_is_a_config_error(tmp_path, text):
    path = tmp_path / "box.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"box\.toml"):
        load(path)


def test_a_window_that_no_manifest_can_describe_is_refused():
    tree = {
        "box": {"site": "s", "name": "b"},
        "ear": {"rate_hz": 48000, "channels": 2, "depth_s": 7200},
        "tracks": {"windows": {"incident": {"before_s": 600, "after_s": 100}}},
    }
    with pytest.raises(ConfigError, match="more than a track can hold"):
        decode(tree, "x")
    tree["ear"]["rate_hz"] = 16000
    decode(tree, "x")


def test_a_name_that_the_wire_cannot_carry_is_refused_at_the_start():
    for employee in ("a\x00b", "x" * 501):
        button = {"name": "a", "driver": "virtual", "trigger": "appeal", "employee": employee}
        with pytest.raises(ConfigError, match="employee"):
            decode({"box": {"site": "s", "name": "b"}, "buttons": [button]}, "x")
