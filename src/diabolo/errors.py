"""The exceptions of diabolo: one line each that says what was given, what is allowed, what to do."""


class DiaboloError(Exception):
    """Base of every error that diabolo raises on purpose."""


class InputError(DiaboloError, ValueError):
    """The data, or an argument, cannot be used."""


class ArgumentError(InputError):
    """A parameter or an option has a value that is not allowed."""


class FileError(DiaboloError, OSError):
    """A path is missing, in the way, or cannot be read or written."""


class FormatError(InputError):
    """A file is damaged, too large, of another kind or of a newer version."""


class EmptyTableError(FormatError):
    """A table has no rows; a command that lists its rows lists none."""


class TrainingError(DiaboloError, RuntimeError):
    """Training cannot go on."""


class MissingExtraError(DiaboloError, ImportError):
    """A part needs packages that were not installed; the message names the extra."""
