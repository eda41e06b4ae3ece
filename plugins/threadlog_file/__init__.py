"""The embedded event log: segments of readable frames in a folder."""
