# Starts a worker: guard.sh PROGRAM ARGUMENTS...
# Standard input is a pipe that the host holds and never writes to. It ends with the host, however the host ends, and the
# process group of the worker ends with it. The worker itself reads from /dev/null.
# Should the machine run out of memory, the system takes workers before the host.
echo 500 2>/dev/null >/proc/self/oom_score_adj
exec 3<&0 0</dev/null
(trap '' TERM; read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
