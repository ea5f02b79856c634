#!/bin/sh
# The image's command is octavo; a shell, Python or a path runs as it is: KFP starts its steps through sh.
case "$1" in
    sh | bash | python | python3 | octavo | /*) exec "$@" ;;
    *) exec octavo "$@" ;;
esac
