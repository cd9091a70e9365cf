#!/bin/sh
# The files that the activated plugins and the first visits wrote into the template's wp-content, as a tar on standard
# output: a new store gets them with its volume, as the template's database speaks of them.
set -eu
cd /srv/wp/wp-content
# WordPress makes a folder for the month in which it was built.
find uploads -depth -type d -regex 'uploads/[0-9][0-9][0-9][0-9]\(/[0-9][0-9]\)?' -empty -delete
# Not the image's own links, the platform's folder, what was logged, and index.php, which entry.sh copies last.
find . -mindepth 1 \( -path ./.stoa -o -path ./index.php \) -prune -o \( -type d -o -type f ! -name '*.log' \) -print0 |
  tar --null --no-recursion --owner=0 --group=0 -T - -cf -
