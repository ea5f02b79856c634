// Lay a graph out as the user interface of Kubeflow Pipelines 2.17 does: {nodes, edges} from stdin, its size to stdout.
const dagre = require("dagre");

const WIDTH = 224;
const HEIGHT = 48;

const { nodes, edges } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const graph = new dagre.graphlib.Graph();
graph.setDefaultEdgeLabel(() => ({}));
graph.setGraph({ rankdir: "TB" });
nodes.forEach((name) => graph.setNode(name, { width: WIDTH, height: HEIGHT }));
edges.forEach(([source, target]) => graph.setEdge(source, target));
dagre.layout(graph);
const places = nodes.map((name) => graph.node(name));
const span = (key, size) => Math.max(...places.map((at) => at[key])) - Math.min(...places.map((at) => at[key])) + size;
console.log(JSON.stringify({ width: span("x", WIDTH), height: span("y", HEIGHT) }));
