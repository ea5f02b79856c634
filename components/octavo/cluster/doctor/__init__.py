"""Check what a first run needs: the machine, the object store, the API, the namespace."""
