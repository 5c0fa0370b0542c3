"""The page on settings says what there is."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

from algernon.settings import Settings, read_settings
from algernon.system.template.parameters import PARAMETERS

DOCS = Path(__file__).parents[2] / "packages" / "algernon" / "docs"
PAGE = (DOCS / "settings.md").read_text(encoding="utf-8")


def test_it_has_every_key_with_its_default() -> None:
    """Its table is that of the settings, and of the numbers and words that hold without any."""
    table = PAGE.split("| key | meaning | default |")[1].split("\n\n")[0]
    rows = re.findall(r"(?m)^\| `(\w+)` \| .* \| (.*) \|$", table)
    told = {key: default.strip("`") for key, default in rows}
    plain = {
        field.name: str(field.default).lower()
        for field in fields(Settings)
        if field.default is not MISSING and type(field.default) in (int, str)
    }
    plain |= {
        name: str(parameter["Default"]).lower()
        for parameter_name, parameter in PARAMETERS.items()
        if "Default" in parameter and parameter["Default"] != ""
        for name in [re.sub("(?<=[a-z])(?=[A-Z])", "_", parameter_name).lower()]
    }

    assert set(told) == {field.name for field in fields(Settings)}
    assert {key: told[key].lower() for key in plain} == plain


def test_what_it_shows_can_be_read(tmp_path: Path) -> None:
    """Each block of TOML, there and beside it, has settings that mean something."""
    blocks = [
        block
        for page in DOCS.glob("*.md")
        for block in re.findall(r"(?s)```toml\n(.*?)```", page.read_text(encoding="utf-8"))
    ]
    assert len(blocks) >= 4
    for block in blocks:
        (tmp_path / "pyproject.toml").write_text(block, encoding="utf-8")
        assert read_settings(tmp_path) != Settings()
