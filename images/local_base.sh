#!/bin/sh
# Make the image local/python:3.11-slim, Python 3.11 on Debian 12, from Debian's packages alone: for places where no
# registry of images is reachable. Needs root, mmdebstrap and a container engine.
set -e
mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
folder=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/octavo-base-XXXXXX") # twice as fast in memory
trap 'rm -rf "$folder"' EXIT
TMPDIR=$folder mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$folder/base.tar" ${mirror:+"$mirror"}
"${DOCKER:-docker}" import --change 'CMD ["python3"]' "$folder/base.tar" local/python:3.11-slim
