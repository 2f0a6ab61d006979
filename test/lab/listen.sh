# Runs what comes over the second serial line; read by the first program of a machine, or run as a service of it.
# A line is "ID SCRIPT", the script in base64; the answer "ID CODE OUTPUT", the output in base64.
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
