import type { HostRuntimes } from '../../admit/index.ts';
import type { Machines } from '../../host/index.ts';

/**
 * To which known vulnerabilities of their run-times hosts are exposed, by the judgement of their distribution: of the hosts
 * that answer now, or of all that were heard of while none does. Of a host that has not told what it runs nothing is known;
 * of a program that cannot be judged it is not believed that it has a fix.
 */
export async function exposedRuntimes(
  machines: Pick<Machines, 'openRuntimes'>,
  connected: readonly string[],
): ReturnType<HostRuntimes['exposed']> {
  const known = await machines.openRuntimes();
  const answering = known.filter(({ host }) => connected.includes(host));
  return (answering.length > 0 ? answering : known).map(({ host, open }) => ({
    host,
    issues: open.flatMap(({ program, version, package: own, cves }) =>
      cves.map(({ cve, title }) => ({ cve, title, program, version: own?.split(' ').at(-1) ?? version })),
    ),
  }));
}
