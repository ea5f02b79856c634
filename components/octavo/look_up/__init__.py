"""Look at what a run is given before it works: parameters, stores, and which content the model has."""
