#!/bin/sh
# Runs the system's own Node where it is new enough, and otherwise the one that npm installed as a package (see docs/security.md).
# npm puts node_modules/.bin first on the PATH, where that package's `node` is: it has to be passed over to find another.
OLDEST=24

set -f
IFS=:
for folder in $PATH; do
  case $folder in *node_modules/.bin) continue ;; esac
  [ -x "$folder/node" ] || continue
  version=$("$folder/node" --version 2>/dev/null) || continue
  major=${version#v}
  major=${major%%.*}
  [ "$major" -ge "$OLDEST" ] 2>/dev/null && exec "$folder/node" "$@"
done
exec node "$@"
