"""The transforms, one a file; `octavo.transform_graph.catalog` lists them."""
