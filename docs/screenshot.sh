#!/bin/sh
# Take the README's picture of a report anew: docs/screenshot.sh REPORT.html (needs chromium).
set -eu
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
chromium --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars \
    --user-data-dir="$profile" --window-size=1000,1480 \
    --screenshot="$(dirname "$0")/images/report.png" "file://$(realpath "$1")" >/dev/null 2>&1
