#!/bin/busybox sh
# The first program of the laboratory's machine: it runs what comes over the second serial line.
# A line is "ID SCRIPT", the script in base64; the answer "ID CODE OUTPUT", the output in base64.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
mount -t securityfs s /sys/kernel/security
exec 3<>/dev/ttyS1
stty raw -echo <&3
echo "READY $(uname -r)" >&3
# The line is read by a child: processes that lose their parent become children of the first one, and busybox's `read` throws away
# what it has of a line when one of its own ends (SIGCHLD).
while read -r id script <&3; do
  [ -n "$script" ] || continue
  output=$(sh -c "$(echo "$script" | base64 -d)" 2>&1 3>&- </dev/null; echo "code=$?")
  printf '%s %s %s\n' "$id" "${output##*code=}" "$(printf '%s' "${output%code=*}" | base64 | tr -d '\n')" >&3
done &
wait
