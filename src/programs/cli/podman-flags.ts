/** The flags of podman 4.3 (podman(1) and its commands), without their dashes: what people may write out of habit. */
export const PODMAN_FLAGS: Readonly<Record<string, string>> = {
  ps: 'all external filter format last latest no-trunc noheading ns pod quiet size sort sync watch',
  logs: 'color follow latest names since tail timestamps until',
  stats: 'all format interval latest no-reset no-stream no-trunc',
  top: 'latest',
  cp: 'archive overwrite',
  diff: 'format latest',
  exec: 'detach detach-keys env env-file interactive latest preserve-fds privileged tty user workdir',
  attach: 'detach-keys latest no-stdin sig-proxy',
  wait: 'condition interval latest',
  stop: 'all cidfile filter ignore latest time',
  rm: 'all cidfile depend filter force ignore latest time volumes',
  run: 'add-host annotation arch attach authfile blkio-weight blkio-weight-device cap-add cap-drop cgroup-conf cgroup-parent cgroupns cgroups chrootdirs cidfile conmon-pidfile cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-option dns-search entrypoint env env-file env-host env-merge expose gidmap group-add health-cmd health-interval health-on-failure health-retries health-start-period health-timeout hostname hostuser http-proxy image-volume init init-path interactive ip ip6 ipc label label-file log-driver log-opt mac-address memory memory-reservation memory-swap memory-swappiness mount name network network-alias no-healthcheck no-hosts oom-kill-disable oom-score-adj os passwd passwd-entry personality pid pidfile pids-limit platform pod pod-id-file preserve-fds privileged publish publish-all pull quiet read-only read-only-tmpfs replace requires restart rm rmi rootfs sdnotify seccomp-policy secret security-opt shm-size sig-proxy stop-signal stop-timeout subgidname subuidname sysctl systemd timeout tls-verify tmpfs tty tz uidmap ulimit umask unsetenv unsetenv-all user userns uts variant volume volumes-from workdir',
  events: 'filter format no-trunc since until',
  build:
    'add-host all-platforms annotation arch authfile build-arg build-context cache-from cache-to cache-ttl cap-add cap-drop cert-dir cgroup-parent cgroupns compress cpp-flag cpu-period cpu-quota cpu-shares cpuset-cpus cpuset-mems creds decryption-key device disable-compression disable-content-trust dns dns-option dns-search env file force-rm format from hooks-dir http-proxy identity-label ignorefile iidfile ipc isolation jobs label layers logfile logsplit manifest memory memory-swap network no-cache no-hosts omit-history os os-feature os-version output pid platform pull quiet retry retry-delay rm runtime-flag secret security-opt shm-size sign-by skip-unused-stages squash squash-all ssh stdin tag target timestamp tls-verify ulimit unsetenv userns userns-gid-map userns-gid-map-group userns-uid-map userns-uid-map-user uts variant volume',
};
