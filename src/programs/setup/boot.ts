import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, writeFileAtomic } from '../../system/index.ts';
import { type Instance, instancePrefix } from './instance.ts';

const UNITS = '/etc/systemd/system';

export function unitName(instance: string): string {
  return `${instancePrefix(instance)}.service`;
}

/** A unit that runs `up` when the machine starts; the programs stay under the platform's own supervisors. */
export function unitText(instance: Pick<Instance, 'name' | 'code'>): string {
  const command = (verb: string): string => `${join(instance.code, 'darsena')} ${verb} --instance ${instance.name}`;
  return `# Written by darsena up.
[Unit]
Description=Darsena container platform, instance ${instance.name}
Wants=network-online.target time-sync.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${command('up')} --yes --quiet
ExecStop=${command('down')}
KillMode=process
TimeoutStartSec=180

[Install]
WantedBy=multi-user.target
`;
}

/** Writes and enables the unit where systemd runs. @returns true when it changed */
export async function enableAtBoot(instance: Instance): Promise<boolean> {
  const path = join(UNITS, unitName(instance.name));
  await writeFileAtomic(path, unitText(instance));
  await runCommand('systemctl', ['daemon-reload'], { timeoutMs: 30_000 });
  const { code } = await runCommand('systemctl', ['enable', unitName(instance.name)], { timeoutMs: 30_000 });
  return code === 0;
}

/** @returns the unit's path when there was one */
export async function disableAtBoot(instance: string): Promise<string | null> {
  const path = join(UNITS, unitName(instance));
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (!there) return null;
  await runCommand('systemctl', ['disable', unitName(instance)], { timeoutMs: 30_000 });
  await rm(path, { force: true });
  await runCommand('systemctl', ['daemon-reload'], { timeoutMs: 30_000 });
  return path;
}
