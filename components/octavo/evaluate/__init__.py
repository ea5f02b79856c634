"""The accuracy of a graph on labelled images."""
