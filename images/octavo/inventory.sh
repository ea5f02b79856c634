# List the packages of /opt/octavo with their licences, and Debian's packages, in the folder $1.
set -e
PATH=/build/bin:$PATH
python=/opt/octavo/bin/python
mkdir -p "$1"
cyclonedx-py environment --no-validate --output-reproducible --spec-version 1.6 \
    --output-file "$1/packages.cdx.json" $python
pip-licenses --python $python --format markdown --with-urls --output-file "$1/licences.md"
pip-licenses --python $python --format plain-vertical --with-license-file --no-license-path \
    --output-file "$1/licence-texts.txt"
dpkg-query --show > "$1/debian-packages.txt"
