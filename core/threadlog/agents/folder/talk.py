"""What the agent says of itself: what it can do, what it cannot, and that it did not understand."""

from __future__ import annotations

from threadlog.agents.folder.listing import Listing
from threadlog.agents.folder.wording import bullets, number

_TEXTS = frozenset({".md", ".txt", ".rst", ".py", ".csv"})
WHAT_I_DO = "I list, read, search, count and compare the files of one folder. There is no language model behind me."
WHAT_I_DO_NOT = (
    "I do not change anything, run anything, leave the folder or use the network, and I have no knowledge or opinions "
    "of my own."
)


def examples(listing: Listing, most: int = 6) -> list[str]:
    """Questions that make sense in this folder."""
    files = listing.files()
    found = ["What files are here?", "Which is the largest file, and how many lines does it have?"]
    texts = [entry for entry in files if entry.bytes and entry.suffix in _TEXTS]
    if texts:
        readme = next((entry for entry in texts if entry.name.lower().startswith("readme")), texts[0])
        found.append(f"Show the first 10 lines of {readme.name}.")
    if any(entry.suffix == ".py" for entry in files):
        found.append("How many lines are in the largest Python file?")
        found.append("Where is main defined?")
    folder = next((entry.path for entry in listing.folders()), None)
    found.append(f"Count the TODOs in the files under {folder}." if folder else "Count the TODOs.")
    found.append("Which file mentions “error” most, and how does it begin?")
    return found[:most]


def greeting(listing: Listing) -> str:
    """Hello."""
    files = number(len(listing.files()), "file")
    return f"Hello! {WHAT_I_DO} This one has {files}. Ask me, for instance: “{examples(listing)[1]}”"


def help_text(listing: Listing) -> str:
    """All that can be asked."""
    can = [
        "**list** files by kind, folder, name, size or date; draw the tree; say what kinds of files there are",
        "**read** a file, its beginning or end, some lines, or a section",
        "**search** for a text, or for where something is defined, and say which file mentions it most",
        "**count** files, lines, words, characters, occurrences, functions, classes, headings",
        "**compare** two files, **outline** one, say how large it is or when it was changed",
    ]
    return (
        f"{WHAT_I_DO}\n\nI can\n\n{bullets(can)}\n\nand use one answer for the next question (“how many lines does it "
        f"have?”). {WHAT_I_DO_NOT}\n\nTry\n\n{bullets(examples(listing))}"
    )


def unknown(listing: Listing) -> str:
    """I did not understand."""
    return f"I did not understand that. {WHAT_I_DO} Try for instance\n\n{bullets(examples(listing, 4))}"


def refused(reason: str, listing: Listing) -> str:
    """No, and what I can do instead."""
    return f"{reason} I can list, read, search, count and compare its files; say “help” for more."


def foreign(words: str, listing: Listing) -> str:
    """Only English."""
    said = f"{words} " if words else ""
    return f"{said}I understand only English, sorry. Try for instance\n\n{bullets(examples(listing, 4))}"


def empty(listing: Listing) -> str:
    """Nothing was asked."""
    return f"Your message is empty. Ask me something about the files here, for instance “{examples(listing)[0]}”"
