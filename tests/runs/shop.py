"""A folder as a small project has it, for agents to answer questions about."""

from __future__ import annotations

import os
from pathlib import Path

FILES = {
    "README.md": (
        "# Shop\n\nA small shop in Python.\n\n## Installation\n\nRun `pip install shop`.\n\n## Usage\n\n"
        "Call `shop.main`.\n\n- TODO: document the cart\n"
    ),
    "LICENSE": "MIT License\n\nCopyright 2024\n",
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '1.2.3'\n",
    "src/shop/__init__.py": "",
    "src/shop/cart.py": (
        '"""The cart of the shop."""\n\nimport json\n\n\nclass Cart:\n    # TODO: taxes\n    def add(self, item):\n'
        "        # TODO: check item\n        pass\n\n    def total(self):\n        return 0\n\n\ndef load(path):\n"
        "    return json.load(open(path))\n"
    ),
    "src/shop/main.py": (
        "from shop.cart import Cart\n\n\ndef main():\n    cart = Cart()\n    print('cart', cart.total())\n"
    ),
    "tests/test_cart.py": "from shop.cart import Cart\n\n\ndef test_total():\n    assert Cart().total() == 0\n",
    "docs/guide.md": (
        "# Guide\n\n## Getting started\n\nThe cart holds items. A cart is emptied at checkout.\nCart cart cart.\n"
    ),
    "docs/notes/meeting-notes.txt": "Monday: talk about the cart.\nTuesday: nothing.\n",
    "data/prices.csv": "name,price\napple,1\npear,2\n",
    ".env": "SECRET=1\n",
}
"""Text files by path, the oldest first."""

OLDEST = 1_700_000_000
"""When the first of them was changed; each is a thousand seconds younger than the one before."""


def make_shop(folder: Path) -> None:
    """Write the folder."""
    for number, (name, content) in enumerate(FILES.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (OLDEST + 1000 * number, OLDEST + 1000 * number))
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    os.utime(folder / "logo.png", (OLDEST + 50_000, OLDEST + 50_000))
