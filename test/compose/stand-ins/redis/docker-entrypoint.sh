#!/bin/sh
# The contract of the official image: arguments that begin with a dash, or name a .conf, belong to redis-server; root gives
# the data to redis and steps down to it. Other commands run as they are.
set -e
case $1 in
  -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis '{}' +
  exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
exec "$@"
