import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RebootTask } from '../../host/index.ts';
import { type Json, runCommand } from '../../system/index.ts';
import { hostLimitFault } from './host-limits.ts';

/** What an administrator without systemd puts there: started without arguments, as root. */
const OWN = '/etc/darsena/restart';
const ORDER_MS = 60_000;

/**
 * Starts this machine again, if it is still in the start that control spoke of: an order that comes late, or twice, is none.
 * @throws Fault agent.restart-unable
 */
export async function restartHost({ bootId }: RebootTask): Promise<Json> {
  const now = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  if (now !== bootId) return { isRestarting: false };
  const [file, args] = orderOf();
  const { code, stderr } = await runCommand(file, args, { timeoutMs: ORDER_MS });
  if (code !== 0) throw hostLimitFault('agent.restart-unable', { why: `${file}: ${stderr.trim().slice(0, 300)}` });
  return { isRestarting: true };
}

function orderOf(): readonly [string, readonly string[]] {
  if (existsSync(OWN)) {
    const { uid, mode } = statSync(OWN);
    if (uid === 0 && (mode & 0o022) === 0) return [OWN, []];
    throw hostLimitFault('agent.restart-unable', { why: `${OWN} can be changed by others than root` });
  }
  if (existsSync('/run/systemd/system')) return ['systemctl', ['reboot', '--no-block']];
  throw hostLimitFault('agent.restart-unable', { why: `there is neither systemd nor ${OWN}` });
}
