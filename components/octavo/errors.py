"""What can go wrong, as a user sees it.

OctavoError                 printed as one line by the command line, exit status 2
|- GraphError               a graph file or a graph that is not what the step needs
|- SpecError                a transform list or another flag's text that cannot be read
|- RecipeError              a recipe that is not valid, or a rule in it that matches nothing
|- DataError                a data set that is empty, unreadable or of the wrong shape
|- CalibrationError         a min/max log that is empty, damaged or of another graph
|- StorageError             an object or a store that cannot be reached, read or written
|- AccuracyError            an INT8 graph outside the accuracy that was asked for
|- ClusterError             a cluster's API that does not answer or refuses, or a run on it that failed
`- EnvironmentFault         a machine or a TensorFlow on which INT8 graphs cannot run
"""


class OctavoError(Exception):
    """Bad input: the message says what, what was got, what was wanted, where and what to do."""


class GraphError(OctavoError):
    """A graph file, or a graph, that is not what the step needs."""


class SpecError(OctavoError):
    """A transform list, or another flag's text, that cannot be read."""


class RecipeError(OctavoError):
    """A recipe that is not valid, or a rule in it that matches nothing."""


class DataError(OctavoError):
    """A data set that is empty, unreadable or of the wrong shape."""


class CalibrationError(OctavoError):
    """A min/max log that is empty, damaged or of another graph."""


class StorageError(OctavoError):
    """An object or a store that cannot be reached, read or written."""


class AccuracyError(OctavoError):
    """An INT8 graph outside the accuracy that was asked for."""


class ClusterError(OctavoError):
    """A cluster's API that does not answer or refuses, or a run on it that failed."""


class EnvironmentFault(OctavoError):
    """A machine, or a TensorFlow, on which INT8 graphs cannot run."""
