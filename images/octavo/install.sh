# Install packages, given as uv takes them, into /opt/octavo. What comes as source is built by the tools of build.txt.
set -e
[ ! -f /run/secrets/index ] || . /run/secrets/index
export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/octavo
/build/bin/uv pip install --quiet --no-deps --compile-bytecode --build-constraints /requirements/build.txt "$@"
rm -f /opt/octavo/.lock # uv leaves it, writable to all
