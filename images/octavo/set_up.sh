# Make the environment that builds, /build, and the one that is built, /opt/octavo, which has no pip.
set -e
[ ! -f /run/secrets/index ] || . /run/secrets/index
python3 -m venv /build
python3 -m venv --without-pip /opt/octavo
/build/bin/pip install --quiet --no-cache-dir --no-deps -r /requirements/build.txt
