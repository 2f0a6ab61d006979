import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { LABEL, podLabels, podName } from '../../src/deploy/engines/local/labels.ts';
import type { WantedWorkload } from '../../src/deploy/model.ts';
import { container, workload } from '../real/deploy-ground.ts';

// A program of its own, so that what it takes is not counted: FOLDER, INSTANCE and how many workloads run in it.

/** The workloads that it says to run, one pod each. */
export function fakeWorkloads(count: number): WantedWorkload[] {
  return Array.from({ length: count }, (_, index) =>
    workload({ project: `p${index % 5}`, environment: `e${index % 50}`, name: `w${index}` }, [
      container(`registry.example/x@sha256:${'0'.repeat(64)}`, ['x']),
    ]),
  );
}

function serve(folder: string, instance: string, count: number): void {
  const id = (kind: number, index: number): string => `${kind}`.repeat(8) + index.toString(16).padStart(56, '0');
  const started = 1_790_000_000;
  const hostsPath = join(folder, 'hosts');
  writeFileSync(hostsPath, '');
  const entries = fakeWorkloads(count).flatMap(({ key, specHash, pod }, index) => {
    const identity = { key, specHash, slot: 0 };
    const labels = podLabels(instance, identity, pod.terminationGraceSeconds);
    const name = podName(instance, identity);
    const one = (isInfra: boolean): object => ({
      ...{ AutoRemove: false, Command: ['x'], Created: '2026-09-21T14:13:20.123456789Z', CreatedAt: '' },
      ...{ CIDFile: '', Exited: false, ExitedAt: -62135596800, ExitCode: 0, ImageID: id(9, index) },
      Id: id(isInfra ? 2 : 3, index),
      Image: isInfra ? 'localhost/podman-pause:4.3.1-0' : `registry.example/x@sha256:${'0'.repeat(64)}`,
      Labels: isInfra ? labels : { ...labels, [LABEL.container]: 'main', [LABEL.role]: 'main' },
      ...{
        IsInfra: isInfra,
        Mounts: [],
        Names: [`${name}-${isInfra ? 'infra' : 'main-0'}`],
        Networks: [`n${index % 50}`],
      },
      Namespaces: {
        cgroup: '4026533001',
        ipc: '4026533002',
        mnt: '4026533003',
        net: '4026533004',
        pidns: '4026533005',
      },
      ...{ Pid: 100_000 + index, Pod: id(1, index), PodName: name, Ports: null, Restarts: 0, Size: null },
      ...{ StartedAt: started, State: 'running', Status: 'Up 3 hours' },
    });
    return [one(true), one(false)];
  });
  const list = JSON.stringify(entries);
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[^/]+\/libpod/, '').replace(/\?.*$/, '');
    if (path === '/asked') {
      response.end(JSON.stringify(Object.fromEntries(asked)));
      asked.clear();
      return;
    }
    const kind = path.replace(/[0-9a-f]{64}/, 'ID');
    asked.set(kind, (asked.get(kind) ?? 0) + 1);
    const inspected = /^\/containers\/2{8}([0-9a-f]{56})\/json$/.exec(path);
    const index = Number.parseInt(inspected?.[1] ?? '', 16);
    const network = {
      IPAddress: `10.${index % 50}.${index >> 8}.${index & 255}`,
      IPPrefixLen: 16,
      Gateway: '10.0.0.1',
    };
    const answers: Record<string, () => unknown> = {
      '/info': () => ({ version: { Version: '4.3.1' }, host: { cgroupVersion: 'v1', cgroupManager: 'cgroupfs' } }),
      '/networks/json': () => [],
      '/volumes/json': () => [],
      '/pods/json': () => [],
    };
    if (path === '/events') response.writeHead(200).flushHeaders();
    else if (path === '/containers/json') response.end(list);
    else if (inspected !== null)
      response.end(
        JSON.stringify({
          ...{ Id: id(2, index), Name: 'x', Pod: id(1, index), HostsPath: hostsPath, Config: { Hostname: 'x' } },
          State: { Pid: 100_000 + index, StartedAt: new Date(started * 1000).toISOString() },
          NetworkSettings: { Networks: { n: network } },
        }),
      );
    else if (answers[path] !== undefined) response.end(JSON.stringify(answers[path]()));
    else response.writeHead(404).end('{"message":"no such thing"}');
  });
  server.listen(join(folder, 'podman.sock'), () => process.stdout.write(`${list.length}\n`));
}

if (process.argv[1] === import.meta.filename) {
  const [folder = '', instance = '', count = '0'] = process.argv.slice(2);
  serve(folder, instance, Number(count));
}
