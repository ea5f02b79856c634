"""Run a frozen graph over the first images of an .npz file: a user's own script.

    python plain_inference.py GRAPH INPUT OUTPUT IMAGES COUNT BATCH MEAN STD

Pixels are divided by 255 first; MEAN is then subtracted and the rest divided by STD, each a number for every channel.
What the graph's Print ops say goes to standard error.
"""

import sys

import numpy as np
import tensorflow as tf

path, first, last, images, count, batch, mean, std = sys.argv[1:]

with tf.io.gfile.GFile(path, "rb") as file:
    graph_def = tf.compat.v1.GraphDef.FromString(file.read())
with tf.Graph().as_default() as graph:
    tf.import_graph_def(graph_def, name="")

pixels = np.load(images)["x"][: int(count)].astype(np.float32) / np.float32(255)
pixels = (pixels - np.array(mean.split(","), np.float32)) / np.array(std.split(","), np.float32)

with tf.compat.v1.Session(graph=graph) as session:
    for start in range(0, len(pixels), int(batch)):
        session.run(f"{last}:0", {f"{first}:0": pixels[start : start + int(batch)]})
