#!/bin/sh
# Keeps one program of the platform running: supervise.sh NAME FOLDER LOG [--wait FILE] -- PROGRAM [ARGUMENT...]
# A shell of about 1 MB instead of another Node. FOLDER receives NAME.supervisor and NAME.pid, each "PID START", where
# START is the process's start time in clock ticks (proc(5), stat field 22), so that a reused pid is never taken for ours.
# TERM ends the program (KILL after the grace time) and then this shell; any other end of the program starts it again
# at once, and while it keeps failing after 0.2 s, doubling up to 5 s.
set -u
umask 022
name=$1 folder=$2 log=$3
shift 3
wait_for=
if [ "$1" = --wait ]; then wait_for=$2; shift 2; fi
[ "$1" = -- ] && shift

GRACE_TENTHS=100   # 10 s: control ends its requests and its database, the agent its engine calls
HEALTHY_SECONDS=10 # a program that lived this long failed for a new reason: start from no delay again
LOG_KIB_MAX=8192   # two older files are kept beside it
LOG_CHECK_SECONDS=30

start_of() {
  stat_line=
  read -r stat_line 2>/dev/null <"/proc/$1/stat" || return 1
  # The command name, field 2, may hold spaces and brackets: the fields are counted from after the last one.
  # shellcheck disable=SC2086
  set -- ${stat_line##*) }
  echo "${20}"
}
remember() { printf '%s %s\n' "$2" "$(start_of "$2")" >"$folder/$name.$1.new" && mv "$folder/$name.$1.new" "$folder/$name.$1"; }
say() { printf '{"level":%s,"time":"%s","name":"supervisor","program":"%s","msg":"%s"}\n' "$1" "$(date -u +%FT%TZ)" "$name" "$2" >>"$log"; }
uptime_seconds() { read -r now _ </proc/uptime; echo "${now%%.*}"; }

child= stopping=
stop() {
  stopping=yes
  [ -n "$child" ] || return 0
  kill -TERM "$child" 2>/dev/null
  (
    tenths=0
    while [ $tenths -lt $GRACE_TENTHS ] && kill -0 "$child" 2>/dev/null; do sleep 0.1; tenths=$((tenths + 1)); done
    kill -KILL "$child" 2>/dev/null
  ) &
}
trap stop TERM INT
trap '' HUP

# The program holds the log open for appending, so the file is copied and emptied in place.
(
  pause=
  trap 'kill $pause 2>/dev/null; exit 0' TERM
  while kill -0 $$ 2>/dev/null; do
    sleep $LOG_CHECK_SECONDS &
    pause=$!
    wait $pause
    size=$(stat -c %s "$log" 2>/dev/null || echo 0)
    [ "$size" -gt $((LOG_KIB_MAX * 1024)) ] || continue
    [ -f "$log.1" ] && mv -f "$log.1" "$log.2"
    cp "$log" "$log.1" && : >"$log"
  done
) &
rotation=$!

remember supervisor $$
while [ -n "$wait_for" ] && [ ! -e "$wait_for" ] && [ -z "$stopping" ]; do sleep 0.2; done
delay=0
# Without its folder nobody could stop it any more.
while [ -z "$stopping" ] && [ -d "$folder" ]; do
  began=$(uptime_seconds)
  (umask 027 && exec "$@") >>"$log" 2>&1 </dev/null &
  child=$!
  remember pid $child
  code=0
  # A trapped signal ends `wait` early; the program is gone only when it cannot be signalled any more.
  while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  rm -f "$folder/$name.pid"
  [ -z "$stopping" ] || break
  [ $(($(uptime_seconds) - began)) -lt $HEALTHY_SECONDS ] || delay=0
  say 50 "$name ended with $code; starting it again in $((delay / 10)).$((delay % 10)) s"
  # In the background, so that TERM is heard at once.
  if [ $delay -gt 0 ]; then sleep "$((delay / 10)).$((delay % 10))" & wait $!; fi
  delay=$((delay == 0 ? 2 : delay * 2))
  [ $delay -le 50 ] || delay=50
done
kill "$rotation" 2>/dev/null
rm -f "$folder/$name.supervisor"
exit 0
