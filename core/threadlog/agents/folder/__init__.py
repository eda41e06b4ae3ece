"""The agent that ships: it answers questions about a folder, and needs no model."""

from threadlog.agents.folder.agent import make_agent
from threadlog.agents.folder.root import FolderError, NoSuchPath, NotReadable, OutsideFolder, Root
from threadlog.agents.folder.tools import FolderTools
from threadlog.agents.folder.work import FolderBounds

__all__ = [
    "FolderBounds",
    "FolderError",
    "FolderTools",
    "NoSuchPath",
    "NotReadable",
    "OutsideFolder",
    "Root",
    "make_agent",
]
