"""The vocabulary: kinds of files, units, numbers, and what programs are made of."""

from __future__ import annotations

from collections.abc import Mapping

_CODE = {
    "python": ("*.py", "*.pyi"),
    "javascript": ("*.js", "*.mjs", "*.cjs", "*.jsx"),
    "typescript": ("*.ts", "*.tsx"),
    "rust": ("*.rs",),
    "go": ("*.go",),
    "java": ("*.java",),
    "kotlin": ("*.kt", "*.kts"),
    "swift": ("*.swift",),
    "ruby": ("*.rb",),
    "php": ("*.php",),
    "perl": ("*.pl", "*.pm"),
    "lua": ("*.lua",),
    "scala": ("*.scala",),
    "haskell": ("*.hs",),
    "c++": ("*.cpp", "*.cc", "*.cxx", "*.hpp", "*.hh", "*.h"),
    "c#": ("*.cs",),
    "c": ("*.c", "*.h"),
    "shell": ("*.sh", "*.bash", "*.zsh"),
    "sql": ("*.sql",),
    "r": ("*.r",),
}
_IMAGES = ("*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp", "*.bmp", "*.ico", "*.tif", "*.tiff")
_CONFIG = ("*.toml", "*.ini", "*.cfg", "*.conf", "*.yaml", "*.yml", "*.json", "*.env", "*.properties")

KINDS: Mapping[str, tuple[str, ...]] = {
    **_CODE,
    "markdown": ("*.md", "*.markdown", "*.mdx"),
    "text": ("*.txt", "*.text"),
    "plain text": ("*.txt", "*.text"),
    "json": ("*.json", "*.jsonl", "*.ndjson"),
    "yaml": ("*.yaml", "*.yml"),
    "toml": ("*.toml",),
    "ini": ("*.ini", "*.cfg"),
    "xml": ("*.xml",),
    "html": ("*.html", "*.htm"),
    "css": ("*.css", "*.scss", "*.less"),
    "csv": ("*.csv", "*.tsv"),
    "log": ("*.log",),
    "pdf": ("*.pdf",),
    "image": _IMAGES,
    "picture": _IMAGES,
    "photo": _IMAGES,
    "audio": ("*.mp3", "*.wav", "*.ogg", "*.flac", "*.m4a"),
    "video": ("*.mp4", "*.mkv", "*.avi", "*.mov", "*.webm"),
    "archive": ("*.zip", "*.tar", "*.gz", "*.tgz", "*.bz2", "*.xz", "*.7z", "*.rar"),
    "notebook": ("*.ipynb",),
    "config": _CONFIG,
    "configuration": _CONFIG,
    "settings": _CONFIG,
    "documentation": ("*.md", "*.markdown", "*.rst", "*.txt", "*.adoc"),
    "test": ("test_*", "*_test.*", "*.test.*", "*.spec.*"),
    "source": tuple(pattern for patterns in _CODE.values() for pattern in patterns),
    "source code": tuple(pattern for patterns in _CODE.values() for pattern in patterns),
    "code": tuple(pattern for patterns in _CODE.values() for pattern in patterns),
    "rst": ("*.rst",),
    "restructuredtext": ("*.rst",),
    "bash": ("*.sh", "*.bash"),
    "js": ("*.js", "*.mjs", "*.cjs", "*.jsx"),
    "ts": ("*.ts", "*.tsx"),
    "py": ("*.py", "*.pyi"),
    "md": ("*.md", "*.markdown", "*.mdx"),
    "yml": ("*.yaml", "*.yml"),
    "jpeg": ("*.jpg", "*.jpeg"),
    "dockerfile": ("dockerfile*", "*.dockerfile"),
}
"""Patterns of file names by what people call the kind."""

KIND_WORDS: Mapping[str, str] = {
    "python": "Python", "py": "Python", "markdown": "Markdown", "md": "Markdown", "javascript": "JavaScript",
    "js": "JavaScript", "typescript": "TypeScript", "ts": "TypeScript", "rust": "Rust", "go": "Go", "java": "Java",
    "c": "C", "c++": "C++", "ruby": "Ruby", "json": "JSON", "yaml": "YAML", "yml": "YAML", "toml": "TOML", "xml": "XML",
    "html": "HTML", "css": "CSS", "csv": "CSV", "pdf": "PDF", "sql": "SQL", "ini": "INI", "php": "PHP",
}  # fmt: skip
"""How kinds are written in answers, where not as they are."""

KIND_NAMES: Mapping[str, str] = {
    ".py": "Python",
    ".pyi": "Python stub",
    ".md": "Markdown",
    ".txt": "text",
    ".rst": "reStructuredText",
    ".json": "JSON",
    ".jsonl": "JSON lines",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".toml": "TOML",
    ".ini": "INI",
    ".cfg": "configuration",
    ".js": "JavaScript",
    ".ts": "TypeScript",
    ".tsx": "TypeScript",
    ".jsx": "JavaScript",
    ".html": "HTML",
    ".css": "CSS",
    ".csv": "CSV",
    ".sql": "SQL",
    ".sh": "shell script",
    ".rs": "Rust",
    ".go": "Go",
    ".java": "Java",
    ".c": "C",
    ".h": "C header",
    ".cpp": "C++",
    ".rb": "Ruby",
    ".php": "PHP",
    ".xml": "XML",
    ".svg": "SVG image",
    ".png": "PNG image",
    ".jpg": "JPEG image",
    ".gif": "GIF image",
    ".pdf": "PDF",
    ".log": "log",
    ".ipynb": "notebook",
    ".zip": "ZIP archive",
    ".gz": "gzip archive",
    ".lock": "lock file",
}
"""What an extension is called."""

FENCE_NAMES: Mapping[str, str] = {
    ".py": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".ts": "typescript",
    ".tsx": "tsx",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".html": "html",
    ".css": "css",
    ".sh": "bash",
    ".sql": "sql",
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
    ".c": "c",
    ".cpp": "cpp",
    ".rb": "ruby",
    ".xml": "xml",
    ".md": "markdown",
}
"""What a fenced block of such a file is marked with."""

_COUNTING = (
    "zero one two three four five six seven eight nine ten eleven "
    "twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
)
NUMBERS: Mapping[str, int] = {word: number for number, word in enumerate(_COUNTING.split())} | {
    "a": 1,
    "an": 1,
    "couple": 2,
    "few": 3,
    "dozen": 12,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
}

ORDINALS: Mapping[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "last": -1,
}  # fmt: skip

_DEFINES = (
    r"^\s*(?:export\s+)?(?:default\s+)?(?:pub(?:\([\w:]+\))?\s+)?"
    r"(?:(?:abstract|public|private|static|final)\s+)*"
)
CONCEPTS: Mapping[str, str] = {
    "function": _DEFINES + r"(?:async\s+)?(?:def|function\*?|func|fn)\s+(?:\([^)]*\)\s*)?\w+",
    "method": r"^\s+(?:async\s+)?(?:def|func|fn)\s+\w+",
    "class": _DEFINES + r"class\s+\w+",
    "import": r"^\s*(?:import\s+\S|from\s+\S+\s+import\b|#include\b|use\s+\w+::|(?:const|let|var)\s.*\brequire\()",
    "comment": r"^\s*(?:#(?!!)|//|/\*|--\s)",
    "blank line": r"^\s*$",
    "empty line": r"^\s*$",
    "url": r"https?://[^\s)>\]\"'`]+",
    "link": r"https?://[^\s)>\]\"'`]+|\[[^\]]*\]\([^)]+\)",
    "email address": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "email": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "heading": r"^#{1,6}\s+\S",
    "section": r"^#{1,6}\s+\S",
    "header": r"^#{1,6}\s+\S",
    "test": r"^\s*(?:async\s+)?def\s+test_\w*|^\s*(?:it|test)\(",
    "test function": r"^\s*(?:async\s+)?def\s+test_\w*",
    "decorator": r"^\s*@\w+",
    "open task": r"^\s*[-*]\s+\[ \]",
    "unchecked box": r"^\s*[-*]\s+\[ \]",
    "checkbox": r"^\s*[-*]\s+\[[ xX]\]",
}
"""What files are made of, as patterns of lines."""
